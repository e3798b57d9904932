/** Completeness: ticks of windows in a pipeline's answer ÷ ticks of the same windows in the log. */
import type { Buckets } from "../contract/measures.ts";
import { samplesOf, shareUpTo } from "./buckets.ts";

/** The stream's counts of one window, read in one transaction. */
export interface CountedWindow {
  window_start_us: number;
  /** Of its row: that of a closed window is final and stays. */
  row_count: number;
  /** With its late ticks: of its newest revision, or of its row if it has none. */
  all_count: number;
  is_open: boolean;
}

/** Ticks of one window in an answer, and in the log up to the same position. */
export interface AnsweredWindow {
  answered: number;
  in_log: number;
}

interface Completeness {
  share: number;
  /** Ticks in the answer, and those that it lacks of the log's. */
  ticks: number;
  lacking: number;
  windows: number;
}

/**
 * The same for both pipelines. Never clamped: a share above 1 is a fault that must be seen. Null
 * without a tick.
 */
export function completeness(windows: readonly AnsweredWindow[]): Completeness | null {
  const ticks = windows.reduce((sum, { answered }) => sum + answered, 0);
  const in_log = windows.reduce((sum, { in_log }) => sum + in_log, 0);
  return in_log === 0 ? null : { share: ticks / in_log, ticks, lacking: in_log - ticks, windows: windows.length };
}

/** The stream's final rows against all ticks that it has read since. */
export function streamAnswers(windows: readonly CountedWindow[]): AnsweredWindow[] {
  return windows.filter(({ is_open }) => !is_open).map((w) => ({ answered: w.row_count, in_log: w.all_count }));
}

/**
 * The newest run's rows (ticks by window_start_us) against all ticks that the stream has read. Of a
 * run that has read further than the stream the ticks beyond are left out, which fill a window up to
 * the stream's count at most.
 */
export function batchAnswers(
  windows: readonly CountedWindow[],
  rows: ReadonlyMap<number, number>,
  isAhead: boolean,
): AnsweredWindow[] {
  return windows.map(({ window_start_us, all_count }) => ({
    answered: Math.min(rows.get(window_start_us) ?? 0, isAhead ? all_count : Number.POSITIVE_INFINITY),
    in_log: all_count,
  }));
}

/**
 * Whether a run has read further than the stream; null if each is ahead in a partition. Next offsets
 * by partition.
 */
export function isRunAhead(run: Record<string, number>, stream: Record<string, number>): boolean | null {
  const further = Object.entries(stream).map(([partition, next]) => (run[partition] ?? 0) - next);
  const [isRun, isStream] = [further.some((records) => records > 0), further.some((records) => records < 0)];
  return isRun && isStream ? null : isRun;
}

const CURVE_S = [0, 1, 2, 5, 10, 30, 60, 300] as const;

/**
 * Share of the ticks that were in the answer at times after their window's end, by the exchange's
 * clock; `never` is the share that its final row lacks. Null without a tick.
 */
export function completenessCurve(buckets: Buckets): Record<string, number> | null {
  if (samplesOf(buckets) === 0) return null;
  const shares = CURVE_S.map((seconds) => [`at_${seconds}_s`, shareUpTo(buckets, seconds * 1_000_000)!]);
  const never = buckets.find(([bucket]) => bucket === Number.MAX_SAFE_INTEGER)?.[1] ?? 0;
  return { ...Object.fromEntries(shares), never: never / samplesOf(buckets) };
}
