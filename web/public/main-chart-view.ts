/** Which span of event time the main chart shows: by range, by drag and by zoom; and what it lacks. */
import { RANGES } from "../../scripts/contract/page-address.ts";
import { type Coverage, ROWS_MAX } from "./main-chart-store.ts";
import type { Range } from "./page-bus.ts";

/** Seconds since 1970, `to_s` exclusive. */
export interface View {
  from_s: number;
  to_s: number;
}

/** What there is to be seen, in seconds; `first_s` and `end_s` are null without a window. */
export interface Extent {
  every_s: number;
  first_s: number | null;
  /** End of the newest window. */
  end_s: number | null;
}

/** One window alone would be as wide as the chart; uPlot would show years around it. */
export const VIEW_WINDOWS_MIN = 10;
/** Above this many a view takes longer to load than a reader waits. */
export const VIEW_WINDOWS_MAX = 10_000;
/** Of a view that follows: what is drawn and what panning finds at its left. */
const VIEWS_KEPT = 3;
/** Space beside the newest window, by span: it is not at the edge. */
const MARGIN = 0.012;

/** The view of a range. Data that are shorter than it begin at the left. */
export function viewOf(range: Range, extent: Extent, now_s: number): View {
  const { every_s, first_s, end_s } = extent;
  const shortest = VIEW_WINDOWS_MIN * every_s;
  const longest = VIEW_WINDOWS_MAX * every_s;
  const end = end_s ?? now_s;
  const asked = range.span_ms === "all" ? longest : Math.min(longest, Math.max(shortest, range.span_ms / 1000));
  if (range.to_ms !== null) return { from_s: range.to_ms / 1000 - asked, to_s: range.to_ms / 1000 };
  const first = Math.min(first_s ?? end, end);
  // As long as a fixed one, so that dragging it leaves its length, and the range its name.
  const to_s = end + asked * MARGIN;
  if (end - first > asked) return { from_s: to_s - asked, to_s };
  return { from_s: first, to_s: Math.max(end + (end - first) * MARGIN, first + shortest) };
}

/** The range of a view that was dragged or zoomed: it follows the newest window if it shows its end. */
export function rangeOf(view: View, { end_s, every_s }: Extent): Range {
  const length_ms = Math.round((view.to_s - view.from_s) * 1000);
  // A view of all that is there has its margin besides: it keeps the range's name.
  const named = Object.values(RANGES).find(
    (ms) => ms !== "all" && length_ms >= ms && length_ms <= Math.ceil(ms * (1 + MARGIN)),
  );
  const span_ms = named ?? length_ms;
  const follows = end_s === null || view.to_s >= end_s - every_s / 2;
  const seen_ms = Math.round(view.to_s * 1000);
  return follows ? { span_ms, to_ms: null, seen_ms } : { span_ms, to_ms: seen_ms };
}

/** Longer (`factor` > 1) or shorter around a moment, within the bounds of a view. */
export function zoomed(view: View, factor: number, around_s: number, extent: Extent): View {
  const span = view.to_s - view.from_s;
  const whole = Math.max(VIEW_WINDOWS_MIN * extent.every_s, lengthOf(extent) * 1.1);
  const longest = Math.max(span, Math.min(VIEW_WINDOWS_MAX * extent.every_s, whole));
  const length = Math.min(longest, Math.max(VIEW_WINDOWS_MIN * extent.every_s, span * factor));
  const share = (around_s - view.from_s) / span;
  const from_s = around_s - share * length;
  return held({ from_s, to_s: from_s + length }, extent);
}

/** How much shorter a view is after `+`. */
const ZOOM_KEY = 0.7;

/**
 * As `+` and `-` make it, around the cursor's moment or else the middle; null: another key.
 */
export function zoomedByKey(view: View, key: string, cursor_s: number | null, extent: Extent): View | null {
  const factor = key === "+" || key === "=" ? ZOOM_KEY : key === "-" ? 1 / ZOOM_KEY : null;
  if (factor === null) return null;
  return zoomed(view, factor, cursor_s ?? (view.from_s + view.to_s) / 2, extent);
}

export function panned(view: View, by_s: number, extent: Extent): View {
  return held({ from_s: view.from_s + by_s, to_s: view.to_s + by_s }, extent);
}

function lengthOf({ first_s, end_s }: Extent): number {
  return first_s === null || end_s === null ? 0 : end_s - first_s;
}

/** A view has something to show: not all of it is before the first or after the newest window. */
function held(view: View, { first_s, end_s }: Extent): View {
  if (first_s === null || end_s === null) return view;
  const span = view.to_s - view.from_s;
  const room = Math.min(span / 4, lengthOf({ first_s, end_s, every_s: 0 }) / 2);
  const latest = Math.max(end_s + span / 4, first_s + span);
  const earliest = Math.min(first_s - room, latest - span);
  const from_s = Math.min(latest - span, Math.max(earliest, view.from_s));
  return { from_s, to_s: from_s + span };
}

/**
 * The span to be loaded next so that the view, and half of it on both sides, is in memory; null:
 * nothing is missing. It touches what is there, or replaces it if that is far away.
 */
export function missing(view: View, known: Coverage | null, extent: Extent): Coverage | null {
  const span = view.to_s - view.from_s;
  const ahead = Math.max(span / 2, VIEW_WINDOWS_MIN * extent.every_s);
  const grid = (s: number) => Math.floor(s / extent.every_s) * extent.every_s;
  const first = extent.first_s ?? Number.NEGATIVE_INFINITY;
  const end = extent.end_s ?? Number.POSITIVE_INFINITY;
  const from_s = grid(Math.max(view.from_s - ahead, Math.min(first, view.from_s)));
  const to_s = view.to_s + ahead >= end ? null : grid(view.to_s + ahead) + extent.every_s;
  const isFar = known !== null && (view.to_s < known.from_s - span || (known.to_s ?? Infinity) < view.from_s - span);
  if (known === null || isFar) return { from_s, to_s };
  const needed = Math.max(view.from_s - span / 8, first);
  if (needed < known.from_s) return { from_s, to_s: known.from_s };
  if (known.to_s !== null && known.to_s < Math.min(view.to_s + span / 8, end)) return { from_s: known.to_s, to_s };
  return null;
}

/**
 * Windows that a chart keeps: a view that follows leaves them behind all day, and panning asks for
 * them again. Undefined: as many as the store holds.
 */
export function rowsKept({ span_ms, to_ms }: Range, { from_s, to_s }: View, { every_s }: Extent): number | undefined {
  if (to_ms !== null || span_ms === "all") return undefined;
  return Math.min(ROWS_MAX, Math.ceil((VIEWS_KEPT * (to_s - from_s)) / every_s) + 1);
}
