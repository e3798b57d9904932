/** What the page shows, kept in its address: links, reloads and the Back button have all of it. */
import { isoFromUs, usFromIso } from "../../scripts/base/iso.ts";
import {
  isRange,
  type PageAddress,
  queryOfPage,
  RANGE_FIRST,
  RANGES,
  type RangeName,
  ZONE_FIRST,
} from "../../scripts/contract/page-address.ts";
import { emit, type PageState, type Range } from "./page-bus.ts";

/** Product and window that the server has chosen, if the address names none. */
const { product = "", window: size = "" } = document.body?.dataset ?? {};

/** While a chart is dragged the address is written at most once in this time: browsers refuse more. */
const WRITE_MS = 250;

/** The present state; change it with `setState`. */
export let state: PageState = stateOf(location.search);
/** Of the last write, or of Back. */
let search = location.search;
let write_timer: ReturnType<typeof setTimeout> | undefined;

/** Back and forward. */
export function startAddress(): void {
  addEventListener("popstate", () => {
    // A link to a section of the page: nothing else is shown.
    if (location.search === search) return;
    search = location.search;
    state = stateOf(location.search);
    emit("state", state);
  });
}

/**
 * Shows something else. `push`: Back returns to what was shown before; `replace` is for what changes
 * many times per second, such as a chart that is dragged.
 */
export function setState(change: Partial<PageState>, how: "push" | "replace" = "push"): void {
  const next = { ...state, ...change };
  if (JSON.stringify(next) === JSON.stringify(state)) return;
  clearTimeout(write_timer);
  if (how === "push") write(next, "pushState");
  else write_timer = setTimeout(() => write(state, "replaceState"), WRITE_MS);
  state = next;
  emit("state", state);
}

function write(next: PageState, how: "pushState" | "replaceState"): void {
  history[how](null, "", addressOf(next));
  search = location.search;
}

/** The address of this page with another state. */
export function addressOf({ product, window, range, paused, zone, view }: PageState): string {
  const iso = (ms: number) => isoFromUs(Math.round(ms) * 1_000).replace(/\.?0*Z$/, "Z");
  const { span_ms } = range;
  const to_ms = range.to_ms ?? (nameOf(range) === undefined ? (range.seen_ms ?? null) : null);
  const isFixed = to_ms !== null && span_ms !== "all";
  const address: PageAddress = {
    product,
    window,
    range: nameOf(range) ?? RANGE_FIRST,
    from: isFixed ? iso(to_ms - span_ms) : null,
    to: isFixed ? iso(to_ms) : null,
    pause: paused,
    zone,
    view,
  };
  return location.pathname + queryOfPage(address);
}

/** The name of a range that follows the newest window; undefined of another one. */
export function nameOf({ span_ms, to_ms }: Range): RangeName | undefined {
  return (Object.keys(RANGES) as RangeName[]).find((name) => to_ms === null && RANGES[name] === span_ms);
}

/** What the server has refused (400) never comes here. */
function stateOf(search: string): PageState {
  const given = new URLSearchParams(search);
  return {
    product: given.get("product") || product,
    window: given.get("window") || size,
    range: rangeOf(given),
    paused: given.get("pause") === "1",
    zone: given.get("zone") || ZONE_FIRST,
    view: given.get("view") === "wall" ? "wall" : null,
  };
}

function rangeOf(given: URLSearchParams): Range {
  const [from, to] = ["from", "to"].map((name) => usFromIso(given.get(name) ?? ""));
  if (from != null && to != null && from < to) return { span_ms: (to - from) / 1_000, to_ms: to / 1_000 };
  const name = given.get("range");
  return { span_ms: RANGES[isRange(name) ? name : RANGE_FIRST], to_ms: null };
}
