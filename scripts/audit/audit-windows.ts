/** The audit of windows: every row against the input, each difference with its rule. */
import type { Answers, AuditRecord, AuditReport, EngineModel, SparkTrace, WindowVerdict } from "./audit-types.ts";
import { ARRIVAL_EDGES, EDGE_TEXTS, type Edge, isSamePlace, movesTicks, OTHER_EDGES } from "./engine-edges.ts";
import { type EngineLog, engineLog, KIND } from "./engine-log.ts";
import { isExact } from "./engine-model.ts";
import { type AuditWindow, placeWindows } from "./engine-windows.ts";
import { isNumeric } from "./fit-cells.ts";
import { bestFits, isMergeConfirmed } from "./fit-choose.ts";
import { bestMeasure } from "./fit-measure.ts";
import { Evidence, type Fit, otherDelays } from "./fit-model.ts";
import type { FitSettings } from "./fit-variants.ts";
import { isLossConfirmed } from "./late-restarts.ts";
import { checkTrace } from "./late-trace.ts";
import { type Certainty, isEdgeConfirmed } from "./name-certainty.ts";
import { withColumns, withoutColumns, wrongColumns } from "./name-columns.ts";
import { withEarlierRows } from "./name-earlier.ts";
import { fitTexts, hintsOf, howOf } from "./name-how.ts";
import { againstNamed, movedBy } from "./name-moved.ts";
import { judgeWindows } from "./name-outcome.ts";
import { type Measure, PRECEDENCE } from "./name-rules.ts";

interface AuditOptions {
  /** For the report alone. */
  input_url: string;
  answers_url: string;
  trace?: SparkTrace;
  /** The engine's lateness or grace, if it is known; else found, or only "consistent". */
  lateness_us?: number;
  /** Of which product the rows are, when they do not name one and the input has several. */
  product?: string;
}

/** One way to place ticks in windows, with the engine and the verdicts that it leads to. */
interface Attempt {
  answers: Answers;
  edge: Edge;
  windows: readonly AuditWindow[];
  fit: Fit;
  measure: Measure;
  verdicts: WindowVerdict[];
  unexplained: number;
}

/** Pure. Throws USAGE when the windows overlap too much for memory. */
export function auditWindows(records: readonly AuditRecord[], answers: Answers, options: AuditOptions): AuditReport {
  const log = engineLog(records);
  const whole = bestAttempt(log, answers, options);
  const apart = wrongApart(log, answers, options, whole);
  const { best, verdicts } = apart ?? { best: whole, verdicts: whole.verdicts };
  const { windows, fit, measure, edge } = best;
  return {
    input: inputOf(log, options.input_url),
    answers: {
      url: options.answers_url,
      rows: answers.rows.length,
      columns: answers.columns,
      ignored: answers.ignored,
    },
    shape: best.answers.shape,
    model: { ...modelOf(measure), edge },
    how: [
      ...(apart?.how ?? []),
      ...fitTexts(best.verdicts.slice(0, windows.length)),
      ...howOf(fit, measure, windows, best.answers, { trace: options.trace, lateness_us: options.lateness_us }),
      ...(EDGE_TEXTS[edge] === null ? [] : [EDGE_TEXTS[edge]]),
      ...hintsOf(measure, windows, verdicts, answers, options.product ?? null),
    ],
    windows: verdicts,
    totals: totalsOf(verdicts, answers),
  };
}

/** The audit without columns that are wrong in most rows, where it leaves fewer rows open. */
function wrongApart(
  log: EngineLog,
  answers: Answers,
  options: AuditOptions,
  whole: Attempt,
): { best: Attempt; verdicts: WindowVerdict[]; how: string[] } | null {
  if (whole.unexplained * 2 <= whole.verdicts.length) return null;
  const wrong = wrongColumns(log, whole.windows, answers);
  if (wrong.length === 0) return null;
  const best = bestAttempt(log, withoutColumns(answers, wrong), options);
  if (best.unexplained >= whole.unexplained) return null;
  const rows = placeWindows(log, { ...answers, shape: best.answers.shape }, options.product ?? null, best.edge).windows;
  return { best, ...withColumns(log, rows, best.verdicts, wrong, answers) };
}

/** By [start, end), unless another edge leaves fewer rows unexplained. */
function bestAttempt(log: EngineLog, answers: Answers, options: AuditOptions): Attempt {
  const { shape } = answers;
  const moved_us = movedBy(shape);
  const named = { ...answers, shape: { ...shape, shift_us: shape.shift_us - moved_us, offset_us: 0 } };
  // A shift that only takes ticks at boundaries along is an edge.
  const same = moved_us <= 0 ? undefined : OTHER_EDGES.find((edge) => isSamePlace(log, shape, edge, moved_us));
  if (same !== undefined) return attempt(log, named, same, options);
  const first = attempt(log, answers, "left", options);
  const open = first.verdicts.filter(({ outcome }) => outcome === "unexplained");
  const starts = new Set(open.map(({ window_start_us }) => window_start_us));
  const others = moved_us !== 0 ? [] : OTHER_EDGES.filter((edge) => isLikely(log, answers, edge, starts, options));
  return others
    .map((edge) => attempt(log, answers, edge, options))
    .reduce((best, one) => (one.unexplained < best.unexplained ? one : best), first);
}

/** Whether the edge moves a tick of these windows. By arrival any tick can, so a row must show it. */
function isLikely(
  log: EngineLog,
  answers: Answers,
  edge: Edge,
  starts: ReadonlySet<number>,
  { product, trace, lateness_us }: AuditOptions,
): boolean {
  if (!movesTicks(log, answers.shape, edge, starts)) return false;
  if (!ARRIVAL_EDGES.includes(edge)) return true;
  const { windows } = placeWindows(log, answers, product ?? null, edge);
  const evidence = new Evidence(log, windows, { trace, lateness_us });
  return windows.some((window) => {
    if (window.row === null || !window.isMoved || !starts.has(window.start_us)) return false;
    const ticks = window.arrivals.filter((i) => log.kind[i] === KIND.tick);
    const first = ticks.filter((i) => isExact(log, i));
    return [ticks, first].some((members) => evidence.fitsLoosely(window, members));
  });
}

function attempt(log: EngineLog, answers: Answers, edge: Edge, options: AuditOptions): Attempt {
  const product = options.product ?? null;
  const { windows, strays } = placeWindows(log, answers, product, edge);
  const settings: FitSettings = { trace: options.trace, lateness_us: options.lateness_us };
  const evidence = new Evidence(log, windows, settings);
  const { fit, measure } = bestMeasure(evidence, bestFits(evidence, settings), answers);
  const judged = judgeWindows(measure, evidence, fit, windows, {
    ...certaintyOf(evidence, fit, answers, options),
    isEdgeConfirmed: isEdgeConfirmed(edge, windows, fit),
  });
  const earlier = withEarlierRows(judged, windows, answers, measure, fit);
  const verdicts = [
    ...againstNamed(measure, windows, earlier, answers, product),
    ...strays.map(
      ({ row, why }): WindowVerdict => ({
        product_id: row.product_id ?? "",
        window_start_us: row.window_start_us + answers.shape.shift_us,
        outcome: "unexplained",
        rules: [],
        differences: [],
        ticks: [],
        why,
        where: row.where,
      }),
    ),
  ];
  const unexplained = verdicts.filter(({ outcome }) => outcome === "unexplained").length;
  return { answers, edge, windows, fit, measure, verdicts, unexplained };
}

function certaintyOf(
  evidence: Evidence,
  fit: Fit,
  answers: Answers,
  options: AuditOptions,
): Omit<Certainty, "isEdgeConfirmed"> {
  const { unsupported } = otherDelays(evidence, fit, answers);
  return {
    hasTrace: options.trace !== undefined,
    isTraceProven: options.trace !== undefined && isTraceProven(evidence.log, options.trace, options.lateness_us),
    hasDelay: options.lateness_us !== undefined,
    alone: unsupported,
    isLossConfirmed: fit.restarts.length === 0 || isLossConfirmed(evidence, fit, answers),
    isMergeConfirmed: isMergeConfirmed(evidence, fit),
    shift_us: answers.shape.shift_us,
    moved_us: movedBy(answers.shape),
  };
}

function isTraceProven(log: EngineLog, trace: SparkTrace, lateness_us: number | undefined): boolean {
  const { follows, isOdd, delay_us } = checkTrace(log, trace);
  return follows && (lateness_us === undefined ? !isOdd : delay_us === null || delay_us === lateness_us);
}

function inputOf(log: EngineLog, url: string): AuditReport["input"] {
  const ticks = log.records.reduce((count, { tick }) => count + (tick === null ? 0 : 1), 0);
  return {
    url,
    records: log.records.length,
    ticks,
    repeated: log.repeated,
    refused: log.records.length - ticks,
    products: log.products.toSorted(),
  };
}

function modelOf({ engine, style, plans }: Measure): Omit<EngineModel, "edge"> {
  const { repeats, keys, malformed, lateness } = engine;
  const counted = plans.filter(({ name }) => isNumeric(name) && name !== "buy_sell_ratio");
  const order = ["decimal", "float64", "float32"] as const;
  const votes = (one: EngineModel["arithmetic"]) => counted.filter(({ plan }) => plan.arithmetic === one).length;
  const arithmetic = order.reduce((most, one) => (votes(one) > votes(most) ? one : most), order[0]);
  return { arithmetic, repeats, keys, malformed, lateness, times: style.times };
}

function totalsOf(verdicts: readonly WindowVerdict[], { superseded, uncommitted }: Answers): AuditReport["totals"] {
  const count = (outcome: WindowVerdict["outcome"]) => verdicts.filter((one) => one.outcome === outcome).length;
  const explained = verdicts.filter(({ outcome }) => outcome === "explained");
  const by_rule = PRECEDENCE.map((rule) => ({
    rule,
    windows: explained.filter(({ rules }) => rules[0] === rule).length,
    ticks: explained.reduce((sum, { ticks }) => sum + ticks.filter((tick) => tick.rule === rule).length, 0),
  })).filter(({ windows, ticks }) => windows + ticks > 0);
  return {
    windows: verdicts.length,
    equal: count("equal"),
    consistent: count("consistent"),
    unexplained: count("unexplained"),
    by_rule,
    superseded_rows: superseded.length,
    uncommitted_rows: uncommitted.length,
  };
}
