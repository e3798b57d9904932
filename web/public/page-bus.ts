/** What the parts of an open page share: its state, and events from one part to the others. */
import type {
  BatchEvent,
  SelectionKey,
  StatusEvent,
  TitleEvent,
  WindowsEvent,
} from "../../scripts/contract/page-events.ts";

/** The span of event time that charts and tables show; `to_ms` null: it follows the newest window. */
export interface Range {
  span_ms: number | "all";
  to_ms: number | null;
  /** End of what was shown when a span without a name was chosen: its address is a fixed span. */
  seen_ms?: number;
}

/** What the page shows: its address has all of it. */
export interface PageState {
  product: string;
  window: string;
  range: Range;
  /** While it is true nothing on the page moves; the newest of what arrives is shown at its end. */
  paused: boolean;
  /** An IANA time zone, or `UTC`. */
  zone: string;
  /** `wall`: only the first screen, in larger type. */
  view: "wall" | null;
}

/** Product and window size as events and requests name them together. */
export function keyOf({ product, window }: Pick<PageState, "product" | "window">): SelectionKey {
  return `${product}/${window}`;
}

export interface PageEvents {
  status: StatusEvent;
  /** While the tab is hidden. */
  title: TitleEvent;
  /** The server was heard of without an event. */
  heard: undefined;
  windows: WindowsEvent;
  batch: BatchEvent;
  /** Ids of the elements that were replaced. */
  parts: string[];
  /** The state has changed, and the address with it. */
  state: PageState;
  /** The page of another selection is here, or can't be had now: what else it shows is loaded after it. */
  selected: undefined;
  /** Colours are to be read again. */
  theme: undefined;
  /** Milliseconds since anything was heard of the server; null: it is heard of again. */
  stale: number | null;
}

const takers = new Map<keyof PageEvents, Set<(data: never) => void>>();

/** Calls `take` for each event; returns what ends that. */
export function on<K extends keyof PageEvents>(name: K, take: (data: PageEvents[K]) => void): () => void {
  const known = takers.get(name) ?? new Set();
  takers.set(name, known);
  known.add(take);
  return () => known.delete(take);
}

export function emit<K extends keyof PageEvents>(name: K, data: PageEvents[K]): void {
  for (const take of takers.get(name) ?? []) (take as (data: PageEvents[K]) => void)(data);
}
