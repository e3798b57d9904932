/** When batch and stream cost the same, and the price of age at which the stream wins. */
import { median } from "../base/median.ts";
import { type ChargedRun, sameQuestionSeconds } from "./pipeline-cost.ts";
import { slopesOf } from "./statistics.ts";

/** A run's CPU time as a line over its new ticks. */
export interface RunLine {
  /** Of a run without new ticks, CPU-seconds. */
  fixed_s: number;
  per_tick_s: number;
  runs: number;
}

const RUNS_MIN = 10;
/** New ticks of the largest run against the smallest one's: from runs of one size no slope can be read. */
const SPREAD_MIN = 2;

/**
 * The line through finished runs that answered, by the medians of Theil and Sen, so that one disturbed
 * run does not move it. The question is the stream's (windows_by_minute). A sentence when these runs
 * do not determine a line.
 */
export function lineOfRuns(runs: readonly ChargedRun[]): RunLine | string {
  const points = runs.flatMap((run) => {
    const cpu_s = run.state === "done" ? sameQuestionSeconds(run) : null;
    return cpu_s === null ? [] : [{ ticks: run.ticks_new ?? 0, cpu_s }];
  });
  if (points.length < RUNS_MIN) return `${points.length} measured batch runs; it needs ${RUNS_MIN}`;
  const ticks = points.map((point) => point.ticks);
  if (Math.max(...ticks) < SPREAD_MIN * Math.max(Math.min(...ticks), 1))
    return "the batch runs took too similar numbers of new ticks to separate a run's fixed cost from its cost per tick";
  const per_tick_s = median(slopesOf(points.map((point) => ({ x: point.ticks, y: point.cpu_s }))));
  if (per_tick_s < 0) return "the cost per tick of the batch runs is smaller than the differences between runs";
  return { fixed_s: median(points.map((p) => p.cpu_s - per_tick_s * p.ticks)), per_tick_s, runs: points.length };
}

/**
 * What the two pipelines use steadily: CPU-seconds per second of `stream` and `consume`, and the ticks
 * per second of both.
 */
interface Steady {
  stream_cores: number;
  consume_cores: number;
  ticks_per_second: number;
}

/** CPU-seconds per second that only the stream uses: what a batch that never runs would save. */
function savedCores({ stream_cores, consume_cores, ticks_per_second }: Steady, { per_tick_s }: RunLine): number {
  return stream_cores - consume_cores - per_tick_s * ticks_per_second;
}

/**
 * Seconds between two batch runs at which both pipelines use the same CPU time: T = c0 ÷ (stream −
 * consume − c1 · rate). A batch that runs more often costs more. A sentence when there is no such
 * interval.
 */
export function equalCostSeconds(steady: Steady, line: RunLine): number | string {
  const saved = savedCores(steady, line);
  if (line.fixed_s <= 0) return "the batch runs show no fixed cost";
  return saved > 0
    ? line.fixed_s / saved
    : "the stream uses less than consume and the batch's cost per tick: it is cheaper at every interval";
}

/**
 * The stream wins when a second of age costs more than this, per second: v* = p · (stream − consume −
 * c1 · rate)² ÷ (2 · c0), `core_second` the price of a core-second. 0 when the stream is cheaper
 * anyway.
 */
export function agePriceOfEqualCost(steady: Steady, line: RunLine, core_second: number): number {
  const saved = savedCores(steady, line);
  return saved <= 0 || line.fixed_s <= 0 ? 0 : (core_second * saved ** 2) / (2 * line.fixed_s);
}
