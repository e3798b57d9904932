/** Finality, completeness and its curve, of both pipelines. */
import { isoFromUs } from "../../scripts/base/iso.ts";
import { CHART_WINDOWS_MAX } from "../../scripts/base/limits.ts";
import { type Buckets, type Closing, curveName } from "../../scripts/contract/measures.ts";
import type { MetricResult } from "../../scripts/contract/results.ts";
import { answeredByRun } from "../../scripts/measure/batch-answers.ts";
import { merged } from "../../scripts/measure/buckets.ts";
import {
  type AnsweredWindow,
  batchAnswers,
  type CountedWindow,
  completeness,
  completenessCurve,
  isRunAhead,
  streamAnswers,
} from "../../scripts/measure/completeness.ts";
import { type Finality, finality } from "../../scripts/measure/finality.ts";
import { sinceBegan } from "../../scripts/measure/tick-latency.ts";
import COUNTED from "../../sql/page/counted.sql" with { type: "text" };
import { both, type Figure, figure, type Measure, ms, none } from "./figures.ts";
import { slices } from "./kept-measures.ts";
import { endText, type Moment, ofClock, perSpan, runsMissing, type Span, whyNone } from "./measure-moment.ts";
import { everyUs } from "./selection.ts";
import type { Sources } from "./sources.ts";

const FINALITY =
  "event: time of the record that closed a window − the window's end, lateness included; machine: commit of the answer − receipt of that record";
const COMPLETENESS =
  "ticks of windows in the answer ÷ their ticks in the log at the stream's position; stream: final rows; batch: newest run, open windows too";
const CURVE = "share of the ticks that were in the answer this long after their window's end, since start; never: late";
const ONE_MINUTE_US = 60_000_000;
const ONLY_MINUTES =
  "the batch computes tumbling windows of one minute only; others are computed in the reconciliation, to compare them";

export function finalityMeasures(moment: Moment): Measure[] {
  const { sources, selection, missing, runs } = moment;
  const { product, size } = selection;
  return perSpan(moment, "finality", FINALITY, (span) => {
    if (missing !== null) return both(none(missing));
    const kept = sources.closings.of(product, size.us);
    const figureOf = (run_id: number, answered: (closing: Closing) => number | null) => {
      // Rows may have come after `now_us`: since the start all count, as they are kept until the next.
      const found = () => finality(kept, answered, { from_us: span.from_us, to_us: Number.POSITIVE_INFINITY });
      if (span.label !== "since start") return finalityFigure(moment, span, found());
      const name = `finality ${run_id === 0 ? "stream" : "batch"} ${size.us} ${product}`;
      return finalityFigure(moment, span, sources.closings.once(name, `${span.from_us} ${run_id}`, found));
    };
    const refused = batchRefusal(moment);
    return {
      stream: figureOf(0, ({ committed_us }) => committed_us),
      batch: refused === null ? figureOf(runs.at(-1)!.run_id, (one) => answeredByRun(runs, one)) : none(refused),
    };
  });
}

/** Why the batch has no windows like the selected ones; null if it has. */
function batchRefusal(moment: Moment): string | null {
  const { sources, selection } = moment;
  if (selection.size.us !== ONE_MINUTE_US || everyUs(sources, ONE_MINUTE_US) !== ONE_MINUTE_US) return ONLY_MINUTES;
  return runsMissing(moment);
}

function finalityFigure(moment: Moment, span: Span, found: Finality | null): Figure {
  if (found === null) return none(whyNone(moment, span, "no window became final"));
  const { event, machine } = found;
  return figure(
    {
      windows: event.samples,
      event_p50_ms: ms(event.p50),
      event_max_ms: ms(event.max),
      machine_p50_ms: ms(machine.p50),
      machine_max_ms: ms(machine.max),
    },
    [moment.isReplay ? "event in recording time, machine in wall time" : ""],
  );
}

export function completenessMeasures(moment: Moment): Measure[] {
  return [
    ...perSpan(moment, "completeness", COMPLETENESS, (span) => completenessFigures(moment, span)),
    {
      word: "completeness curve",
      definition: CURVE,
      stream: streamCurve(moment),
      batch: batchCurve(moment),
    },
  ];
}

type CountedRow = {
  window_start_us: number;
  row_count: number;
  all_count: number;
  final: number;
  updated_at: number;
};

/** How far the stream has read, as JSON: next offsets by partition. */
const POSITIONS = "SELECT json_group_object(log_partition, next_offset) AS positions FROM offsets";

function completenessFigures(moment: Moment, span: Span): { stream: Figure; batch: Figure } {
  const { sources, selection } = moment;
  if (sources.windows.db === null) return both(none("the stream has not run yet"));
  // The window that was open when the feed ended would stay complete.
  if (moment.ended_us !== null && moment.ended_us < span.from_us) return both(none(endText(moment)));
  const { product, size } = selection;
  const newest = sources.once(`counted ${size.us} ${product}`, () => {
    const of = { product, size_us: size.us, limit: CHART_WINDOWS_MAX };
    return sources.closed.rows("counted", of, (asked) => sources.windows.all<CountedRow>(COUNTED, { ...asked }));
  });
  const positions = sources.windows.get<{ positions: string }>(POSITIONS)?.positions ?? "{}";
  const rows = newest.filter(({ final, updated_at }) => final === 0 || updated_at >= span.from_us);
  const windows = rows.map((row): CountedWindow => ({ ...row, is_open: row.final === 0 }));
  const cut = rows.length === CHART_WINDOWS_MAX ? `the newest ${CHART_WINDOWS_MAX} windows` : "";
  return {
    stream: completenessFigure(streamAnswers(windows), [cut]),
    batch: batchCompleteness(moment, windows, positions, cut),
  };
}

function batchCompleteness(moment: Moment, windows: CountedWindow[], positions: string, cut: string): Figure {
  const refused = batchRefusal(moment);
  if (refused !== null) return none(refused);
  const { sources, selection, runs } = moment;
  const result = sources.metrics.get("windows_by_minute");
  const run = runs.find(({ run_id }) => run_id === result?.run_id);
  if (result === null || run === undefined) return none("the newest run has no result of windows_by_minute");
  if (result.rows.length === 0 && result.error !== null) return none(`windows_by_minute: ${result.error}`);
  const counts = sources.metrics.once(`counts ${selection.product}`, () => countsOf(result, selection.product));
  const isAhead = isRunAhead(run.snapshot.positions, JSON.parse(positions));
  if (isAhead === null) return none("run and stream are each ahead of the other in a partition");
  const kept = windows.filter(({ window_start_us }) => isoFromUs(window_start_us) > counts.after);
  const history = historyMinutes(sources, selection.product, kept);
  const stored = kept.filter(({ window_start_us }) => !history.has(window_start_us));
  const answered = new Map(
    stored.map(({ window_start_us }) => [window_start_us, counts.ticks.get(isoFromUs(window_start_us)) ?? 0]),
  );
  const notes = [
    isAhead ? `run ${run.run_id}, which has read further than the stream` : `run ${run.run_id}`,
    cut,
    stored.length < kept.length ? "without windows that hold history" : "",
    kept.length < windows.length
      ? `windows after ${counts.after} only: windows_by_minute has more rows than are stored`
      : "",
  ];
  return completenessFigure(batchAnswers(stored, answered, isAhead), notes);
}

const HAS_HISTORY = "SELECT 1 AS one FROM sqlite_master WHERE name = 'history_minutes'";
const HISTORY = `SELECT minute_us FROM history_minutes
  WHERE product_id = $product AND minute_us >= $from_us AND minute_us <= $to_us`;

/** Of these windows' minutes, those with trades that only the batch has: `backfill` loaded them. */
function historyMinutes({ ticks }: Sources, product: string, windows: readonly CountedWindow[]): Set<number> {
  // A ticks.db of an older version has no history.
  if (windows.length === 0 || ticks.get(HAS_HISTORY) === null) return new Set();
  const starts = windows.map(({ window_start_us }) => window_start_us);
  const span = { from_us: Math.min(...starts), to_us: Math.max(...starts) };
  return new Set(ticks.all<{ minute_us: number }>(HISTORY, { product, ...span }).map(({ minute_us }) => minute_us));
}

/**
 * One product's ticks by the window's start in a stored result of windows_by_minute. All windows that
 * start `after` are in it: of all products' oldest minute some rows may have been cut.
 */
function countsOf({ rows, truncated }: MetricResult, product: string): { ticks: Map<string, number>; after: string } {
  const [oldest = ""] = rows.map((row) => String(row.window_start)).sort();
  const own = rows.filter((row) => row.product_id === product);
  return {
    ticks: new Map(own.map((row) => [String(row.window_start), Number(row.trade_count)])),
    after: truncated ? oldest : "",
  };
}

function completenessFigure(windows: AnsweredWindow[], notes: string[]): Figure {
  const found = completeness(windows);
  return found === null ? none("no window became final") : figure({ ...found }, notes);
}

function streamCurve(moment: Moment): Figure {
  const { sources, missing } = moment;
  if (missing !== null) return none(missing);
  const kept = sinceBegan(slices(sources));
  return curveFigure(moment, merged(kept.map((histograms) => histograms[curveName(moment.selection.size.us)])));
}

function batchCurve(moment: Moment): Figure {
  const refused = batchRefusal(moment);
  if (refused !== null) return none(refused);
  const { sources, spans } = moment;
  return curveFigure(moment, sources.runs.since(spans[1].from_us)[curveName(ONE_MINUTE_US)] ?? []);
}

function curveFigure(moment: Moment, buckets: Buckets): Figure {
  if (typeof moment.clock === "string") return none(moment.clock);
  const curve = completenessCurve(buckets);
  return curve === null ? none("no tick was counted since start") : figure(curve, [ofClock(moment, "recording time")]);
}
