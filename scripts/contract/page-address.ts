/** The address of the page: everything that it shows, as the server and the browser write it. */

/** Spans of event time that a page offers, in milliseconds. */
export const RANGES = { "15m": 900_000, "1h": 3_600_000, "6h": 21_600_000, all: "all" } as const;
export type RangeName = keyof typeof RANGES;
export const RANGE_FIRST: RangeName = "1h";
export const ZONE_FIRST = "UTC";

/** The page's parameters; each may be absent. */
export const PAGE_PARAMETERS = ["product", "window", "range", "from", "to", "pause", "zone", "view"] as const;

export interface PageAddress {
  product: string;
  /** For example `1m`. */
  window: string;
  /** Follows the newest window; of no account beside `from` and `to`. */
  range: RangeName;
  /** A fixed span: both in ISO 8601, or both null. */
  from: string | null;
  to: string | null;
  pause: boolean;
  zone: string;
  /** `wall`: only the first screen, in larger type. */
  view: "wall" | null;
}

export function isRange(text: string | null): text is RangeName {
  return text !== null && Object.hasOwn(RANGES, text);
}

/** The query string, with `?`; what is as a new page has it is left out. */
export function queryOfPage({ product, window, range, from, to, pause, zone, view }: PageAddress): string {
  const parts = [`product=${part(product)}`, `window=${part(window)}`];
  if (from !== null && to !== null) parts.push(`from=${part(from)}`, `to=${part(to)}`);
  else if (range !== RANGE_FIRST) parts.push(`range=${range}`);
  if (pause) parts.push("pause=1");
  if (zone !== ZONE_FIRST) parts.push(`zone=${part(zone)}`);
  if (view !== null) parts.push(`view=${view}`);
  return `?${parts.join("&")}`;
}

/** Readable where a query string allows it: `:` and `/` need no escape there. */
function part(text: string): string {
  return encodeURIComponent(text).replaceAll("%3A", ":").replaceAll("%2F", "/");
}

/** A window's start, `2023-09-05T16:30`: seconds and fractions only where they are not zero. */
export function startName(iso: string): string {
  const [minute, rest] = [iso.slice(0, 16), iso.slice(16, -1)];
  return minute + rest.replace(/\.?0+$/, "").replace(/^:00$/, "");
}

/**
 * The address of a window's page, `/window/BTC-USD@2023-09-05T16:30/1m`. `start`: ISO 8601 in UTC with
 * seconds, ending in Z. A product's name may hold any character.
 */
export function windowAddress(product: string, window: string, start: string): string {
  return `/window/${encodeURIComponent(product)}@${startName(start)}/${window}`;
}
