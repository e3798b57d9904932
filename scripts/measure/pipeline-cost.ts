/** What each pipeline costs per tick and per hour, at a stated rate, over one span. */
import type { CostPoint, CostSeries } from "../contract/cost-points.ts";
import type { StoredRun } from "../contract/results.ts";
import { RECENT_US, SLICE_US } from "./cost-meter.ts";

/** What one part of a pipeline was charged in a span, and the ticks that it took in the same span. */
export interface SpanCost {
  seconds: number;
  ticks: number;
  cpu_us: number;
  read_bytes: number | null;
  written_bytes: number | null;
  /** Resident memory, averaged over the span. */
  mean_rss_bytes: number;
  /** The largest memory at any point of the span. */
  peak_rss_bytes: number;
  peak_pss_bytes: number | null;
}

/** The cost of several parts together. Null: one of them has no such figure. */
export interface Cost {
  /** Of the part that answers; every other figure holds at this rate only. */
  ticks_per_second: number;
  cpu_seconds_per_million_ticks: number;
  cpu_seconds_per_hour: number;
  read_bytes_per_tick: number | null;
  written_bytes_per_tick: number | null;
  mean_rss_bytes: number;
  peak_rss_bytes: number;
  peak_pss_bytes: number | null;
}

/** A series that has no newer point is of a process that does not run. */
const SILENT_US = 3 * SLICE_US;
/** Fewer ticks do not make a cost per million. */
const TICKS_MIN = 100;

/**
 * A process's cost from its start to its newest point; its start-up is part of it. Null before it has
 * taken enough ticks.
 */
export function sinceStart(series: CostSeries | null): SpanCost | null {
  const last = series?.points.at(-1);
  if (!series || !last || last.ticks < TICKS_MIN) return null;
  const { ticks, cpu_us, read_bytes, written_bytes, peak_rss_bytes, peak_pss_bytes, mean_rss_bytes } = last;
  const seconds = (last.at_us - series.started_us) / 1e6;
  const sums = { ticks, cpu_us, read_bytes, written_bytes, peak_rss_bytes, peak_pss_bytes, mean_rss_bytes };
  return seconds > 0 ? { seconds, ...sums } : null;
}

/**
 * A series without the points of a process at rest after its newest tick. Once the feed has ended,
 * nothing that they add belongs to a tick.
 */
export function untilNewestTick(series: CostSeries | null): CostSeries | null {
  const ticks = series?.points.at(-1)?.ticks;
  return series && { ...series, points: series.points.filter((_, i, all) => i === 0 || all[i - 1]!.ticks !== ticks) };
}

/** The same of batch runs, newest first: without those after the last one with new ticks of the feed. */
export function untilNewestTicks<Run extends Pick<ChargedRun, "ticks_new" | "history_new">>(
  runs: readonly Run[],
): Run[] {
  const newest = runs.findIndex(({ ticks_new, history_new }) => (ticks_new ?? 0) > (history_new ?? 0));
  return newest < 0 ? [] : runs.slice(newest);
}

/**
 * The last five minutes of a process that runs, or the time since its first point when that is
 * shorter; at least one slice. After the feed's end what is left of them before its newest tick.
 */
export function recent(series: CostSeries | null, now_us: number, hasEnded = false): SpanCost | null {
  const span = series && (hasEnded ? restingSpan(series, now_us) : livingSpan([series], now_us));
  if (!series || !span) return null;
  const cost = between(series, span.from_us, span.to_us);
  return cost.ticks < TICKS_MIN ? null : cost;
}

/**
 * The span that all these processes have points of; null unless each runs and there is at least one
 * slice.
 */
function livingSpan(all: readonly CostSeries[], now_us: number): { from_us: number; to_us: number } | null {
  const firsts = all.map(({ points }) => points[0]?.at_us ?? now_us);
  const lasts = all.map(({ points }) => points.at(-1)?.at_us ?? 0);
  const to_us = Math.min(...lasts);
  const from_us = Math.max(...firsts, to_us - RECENT_US);
  return now_us - to_us > SILENT_US || to_us - from_us < SLICE_US ? null : { from_us, to_us };
}

/** The part of the last five minutes that the points are in; null if it is shorter than one slice. */
function restingSpan({ points }: CostSeries, now_us: number): { from_us: number; to_us: number } | null {
  const to_us = points.at(-1)?.at_us ?? 0;
  const from_us = Math.max(points[0]?.at_us ?? 0, now_us - RECENT_US);
  return to_us - from_us < SLICE_US ? null : { from_us, to_us };
}

function between({ points }: CostSeries, from_us: number, to_us: number): SpanCost {
  const [from, to] = [at(points, from_us), at(points, to_us)];
  const grown = (name: "read_bytes" | "written_bytes") =>
    to[name] === null || from[name] === null ? null : to[name] - from[name];
  return {
    seconds: (to_us - from_us) / 1e6,
    ticks: to.ticks - from.ticks,
    cpu_us: to.cpu_us - from.cpu_us,
    read_bytes: grown("read_bytes"),
    written_bytes: grown("written_bytes"),
    ...memory(points.filter(({ at_us }) => at_us >= from_us && at_us <= to_us)),
  };
}

function memory(points: readonly CostPoint[]): Pick<SpanCost, "mean_rss_bytes" | "peak_rss_bytes" | "peak_pss_bytes"> {
  const pss = points.map(({ pss_bytes }) => pss_bytes);
  const rss = points.map(({ rss_bytes }) => rss_bytes);
  return {
    mean_rss_bytes: rss.reduce((sum, bytes) => sum + bytes, 0) / Math.max(rss.length, 1),
    peak_rss_bytes: Math.max(0, ...rss),
    peak_pss_bytes: pss.every((bytes) => bytes !== null) ? Math.max(0, ...pss) : null,
  };
}

/** The sums at a moment, between two points in proportion to time. */
function at(points: readonly CostPoint[], us: number): CostPoint {
  const after = points.findIndex(({ at_us }) => at_us >= us);
  const [a, b] = [points[Math.max(after - 1, 0)]!, points[after]!];
  if (a === b || b.at_us === us) return b;
  const share = (us - a.at_us) / (b.at_us - a.at_us);
  const mix = (name: keyof CostPoint) => {
    const [x, y] = [a[name], b[name]];
    return x === null || y === null ? null : x + (y - x) * share;
  };
  return Object.fromEntries(Object.keys(b).map((name) => [name, mix(name as keyof CostPoint)])) as unknown as CostPoint;
}

/** What a batch run was charged; a row of `runs`. */
export type ChargedRun = Pick<
  StoredRun,
  | "state"
  | "started_us"
  | "ended_us"
  | "ticks_new"
  | "history_new"
  | "cpu_seconds"
  | "read_bytes"
  | "written_bytes"
  | "peak_rss_bytes"
  | "queries_cpu_seconds"
  | "windows_cpu_seconds"
>;

/** The cost of whole batch runs. */
export interface RunsCost extends SpanCost {
  runs: number;
  /**
   * The part of `cpu_us` without the queries of all metrics but windows_by_minute, which the stream
   * answers too.
   */
  same_question_us: number | null;
}

/**
 * The finished runs that ended after `from_us` and until `to_us`, over the ticks that were new to
 * them. Their span begins where the run before them ended; without one at `began_us`, when the
 * pipeline began. A run in progress counts when it has ended; one whose charge is not known makes the
 * cost unknown. Runs that collected history are left out, with their spans: the stream has none of it.
 */
export function costOfRuns(
  runs: readonly ChargedRun[],
  { from_us, to_us, began_us }: { from_us: number; to_us: number; began_us: number },
): RunsCost | null {
  const ended = runs
    .filter(
      ({ state, ended_us }) => state !== "running" && state !== "missed" && ended_us !== null && ended_us <= to_us,
    )
    .sort((a, b) => a.ended_us! - b.ended_us!);
  const first = ended.findIndex(({ ended_us }) => ended_us! > from_us);
  const began = (i: number) => ended[i - 1]?.ended_us ?? Math.min(began_us, ended[i]!.started_us);
  const spans = ended.map((run, i) => ({ run, us: run.ended_us! - began(i) })).slice(first < 0 ? ended.length : first);
  const counted = spans.filter(({ run }) => (run.history_new ?? 0) === 0);
  const taken = counted.map(({ run }) => run);
  const ticks = sum(taken.map(({ ticks_new }) => ticks_new ?? 0))!;
  const cpu_s = sum(taken.map(({ cpu_seconds }) => cpu_seconds));
  if (ticks < TICKS_MIN || cpu_s === null) return null;
  const same_s = sum(taken.map(sameQuestionSeconds));
  const span_us = counted.reduce((all, { us }) => all + us, 0);
  const held = taken.map((run) => (run.peak_rss_bytes ?? 0) * (run.ended_us! - run.started_us));
  return {
    runs: taken.length,
    seconds: span_us / 1e6,
    ticks,
    cpu_us: cpu_s * 1e6,
    same_question_us: same_s === null ? null : same_s * 1e6,
    read_bytes: sum(taken.map(({ read_bytes }) => read_bytes)),
    written_bytes: sum(taken.map(({ written_bytes }) => written_bytes)),
    // As if each run held its peak from its start to its end, and nothing in between.
    mean_rss_bytes: sum(held)! / span_us,
    peak_rss_bytes: Math.max(...taken.map(({ peak_rss_bytes }) => peak_rss_bytes ?? 0)),
    peak_pss_bytes: null,
  };
}

/**
 * A run's CPU-seconds without the queries that the stream does not answer; null when its queries were
 * not measured one by one.
 */
export function sameQuestionSeconds(run: ChargedRun): number | null {
  const { cpu_seconds, queries_cpu_seconds, windows_cpu_seconds } = run;
  if (cpu_seconds === null || queries_cpu_seconds === null || windows_cpu_seconds === null) return null;
  return cpu_seconds - queries_cpu_seconds + windows_cpu_seconds;
}

/** Null when one of them is. */
function sum(values: readonly (number | null)[]): number | null {
  return values.some((value) => value === null) ? null : values.reduce<number>((all, value) => all + value!, 0);
}

/**
 * Adds parts of one pipeline, each by its own ticks and its own span; the last one answers. Null when
 * one is not measured, since a cost without one of its parts is too small. Memory is the sum of the
 * parts' peaks, which need not have been at one moment.
 */
export function costOf(parts: readonly (SpanCost | null)[]): Cost | null {
  const known = parts.filter((part) => part !== null);
  const answers = known.at(-1);
  if (known.length < parts.length || answers === undefined) return null;
  const perTick = (name: "read_bytes" | "written_bytes") =>
    sum(known.map((part) => (part[name] === null ? null : part[name] / part.ticks)));
  return {
    ticks_per_second: answers.ticks / answers.seconds,
    cpu_seconds_per_million_ticks: sum(known.map(({ cpu_us, ticks }) => cpu_us / ticks))!,
    cpu_seconds_per_hour: sum(known.map(({ cpu_us, seconds }) => (cpu_us / 1e6 / seconds) * 3600))!,
    read_bytes_per_tick: perTick("read_bytes"),
    written_bytes_per_tick: perTick("written_bytes"),
    mean_rss_bytes: sum(known.map(({ mean_rss_bytes }) => mean_rss_bytes))!,
    peak_rss_bytes: sum(known.map(({ peak_rss_bytes }) => peak_rss_bytes))!,
    peak_pss_bytes: sum(known.map(({ peak_pss_bytes }) => peak_pss_bytes)),
  };
}

/** Where the machine's CPU time went in one span that all processes share. Figures in CPU-seconds. */
export interface MachineCost {
  seconds: number;
  busy_s: number;
  /** By process, without the sampler's part; a process's children are in it. */
  processes: { name: string; cpu_s: number }[];
  sampler_s: number;
  /** Busy − processes − sampler, signed: other programs, the operating system, a Kafka broker. */
  unattributed_s: number;
}

/**
 * Null when no process runs, when they have not all run for one slice, or where the machine's CPU time
 * is not reported.
 */
export function machineCost(all: Readonly<Record<string, CostSeries | null>>, now_us: number): MachineCost | null {
  const known = Object.entries(all).flatMap(([name, series]) => (series === null ? [] : [{ name, series }]));
  const living = known.filter(({ series }) => now_us - (series.points.at(-1)?.at_us ?? 0) <= SILENT_US);
  const span =
    living.length === 0
      ? null
      : livingSpan(
          living.map(({ series }) => series),
          now_us,
        );
  if (span === null) return null;
  const { from_us, to_us } = span;
  const grown = (points: CostPoint[], name: "cpu_us" | "sampler_us" | "machine_us") => {
    const [from, to] = [at(points, from_us)[name], at(points, to_us)[name]];
    return from === null || to === null ? null : (to - from) / 1e6;
  };
  const busy_s = grown(living[0]!.series.points, "machine_us");
  if (busy_s === null) return null;
  const sampler_s = sum(living.map(({ series: { points } }) => grown(points, "sampler_us")))!;
  const processes = living.map(({ name, series: { points } }) => {
    return { name, cpu_s: grown(points, "cpu_us")! - grown(points, "sampler_us")! };
  });
  const attributed_s = processes.reduce((all_s, { cpu_s }) => all_s + cpu_s, sampler_s);
  return { seconds: (to_us - from_us) / 1e6, busy_s, processes, sampler_s, unattributed_s: busy_s - attributed_s };
}
