/** By what a record is put in a window, if not by its time: another edge, or when it arrived. */
import type { EngineModel, WindowShape } from "./audit-types.ts";
import { type EngineLog, KIND } from "./engine-log.ts";

export type Edge = EngineModel["edge"];
type Times = EngineModel["times"];

/** Beside [start, end) of microseconds. */
export const OTHER_EDGES: readonly Edge[] = ["right", "right_ms", "rounded_ms", "open", "appended"];
/** Of these, those by which any tick can be in another window, not only one at a boundary. */
export const ARRIVAL_EDGES: readonly Edge[] = ["open", "appended"];

export const EDGE_TEXTS: Record<Edge, string | null> = {
  left: null,
  right: "Windows are closed on the right: a tick exactly at a boundary counts in the window before it (W7).",
  right_ms:
    "Times are cut to milliseconds and windows are closed on the right: a tick in the first millisecond counts in the window before (W7).",
  rounded_ms:
    "Times are rounded to milliseconds: a tick less than half a millisecond before a boundary counts in the window after it (W7).",
  open: "A tick counts in the window that is open when it arrives, the one of the greatest time before it: a late tick counts in a later window (W7).",
  appended: "A tick counts in the window of the time at which its record was appended to the log, not of its own (W7).",
};

/** A time as the engine keeps it. */
export function keptTime(time_us: number, times: Times): number {
  if (times === "us") return time_us;
  return Math.floor((time_us + (times === "rounded_ms" ? 500 : 0)) / 1_000) * 1_000;
}

/** Of each record, the time whose window by [start, end) is the engine's; a NaN stays one. */
export function placedTimes(log: EngineLog, edge: Edge): Float64Array {
  if (edge === "left") return log.time_us;
  if (edge === "open") return greatestTimes(log);
  if (edge === "appended")
    return log.time_us.map((time_us, i) => (Number.isNaN(time_us) ? time_us : log.records[i]!.appended_us));
  return log.time_us.map((time_us) => placedTime(time_us, edge));
}

/** The greatest time of its product's ticks so far, its own included. */
function greatestTimes(log: EngineLog): Float64Array {
  const marks = new Float64Array(log.products.length + 1).fill(Number.NEGATIVE_INFINITY);
  return log.time_us.map((time_us, i) => {
    const at = log.product[i]! + 1;
    if (log.kind[i] === KIND.tick && time_us > marks[at]!) marks[at] = time_us;
    return Math.max(time_us, marks[at]!);
  });
}

function placedTime(time_us: number, edge: Edge): number {
  if (edge === "rounded_ms") return keptTime(time_us, "rounded_ms");
  return keptTime(time_us, edge === "right" ? "us" : "ms") - 1;
}

/** Whether a tick goes from or to one of these windows by this edge. */
export function movesTicks(log: EngineLog, shape: WindowShape, edge: Edge, starts: ReadonlySet<number>): boolean {
  const { every_us, offset_us } = shape;
  const startOf = (time_us: number) => Math.floor((time_us - offset_us) / every_us) * every_us + offset_us;
  const placed = placedTimes(log, edge);
  return log.time_us.some((time_us, i) => {
    if (log.kind[i] === KIND.nothing) return false;
    const [own, other] = [startOf(time_us), startOf(placed[i]!)];
    return own !== other && (starts.has(own) || starts.has(other));
  });
}

/** Whether windows that begin `moved_us` late hold the same ticks as the named ones with this edge. */
export function isSamePlace(log: EngineLog, { every_us }: WindowShape, edge: Edge, moved_us: number): boolean {
  const placed = placedTimes(log, edge);
  return log.time_us.every((time_us, i) => {
    if (log.kind[i] === KIND.nothing) return true;
    return Math.floor((time_us - moved_us) / every_us) === Math.floor(placed[i]! / every_us);
  });
}
