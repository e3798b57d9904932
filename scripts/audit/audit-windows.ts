/** The audit of windows: every row against the input, each difference with its rule. */
import { formatDuration } from "../base/duration.ts";
import type { RowStyle } from "./arithmetic-ends.ts";
import { orderText } from "./arithmetic-order.ts";
import type {
  Answers,
  AuditRecord,
  AuditReport,
  AuditRule,
  EngineModel,
  SparkTrace,
  WindowVerdict,
} from "./audit-types.ts";
import { type EngineLog, engineLog } from "./engine-log.ts";
import { type AuditWindow, placeWindows } from "./engine-windows.ts";
import { isNumeric, QUOTIENTS } from "./fit-cells.ts";
import { bestFits } from "./fit-choose.ts";
import type { ColumnPlan } from "./fit-columns.ts";
import { bestMeasure } from "./fit-measure.ts";
import { Evidence, type Fit, otherDelays } from "./fit-model.ts";
import type { FitSettings } from "./fit-variants.ts";
import { isLossConfirmed } from "./late-restarts.ts";
import { checkTrace } from "./late-trace.ts";
import { withEarlierRows } from "./name-earlier.ts";
import { againstNamed, shiftTexts } from "./name-moved.ts";
import { type Certainty, judgeWindows, lateOf } from "./name-outcome.ts";
import { type Measure, PRECEDENCE } from "./name-rules.ts";

interface AuditOptions {
  /** For the report alone. */
  input_url: string;
  answers_url: string;
  trace?: SparkTrace;
  /** The engine's lateness or grace, if it is known; else found, or only "consistent". */
  lateness_us?: number;
  /** Rules that are believed where nothing can decide them. */
  trust: ReadonlySet<AuditRule>;
  /** Of which product the rows are, when they do not name one and the input has several. */
  product?: string;
}

/** Pure. Throws USAGE when the windows overlap too much for memory. */
export function auditWindows(records: readonly AuditRecord[], answers: Answers, options: AuditOptions): AuditReport {
  const log = engineLog(records);
  const { windows, strays } = placeWindows(log, answers, options.product ?? null);
  const settings: FitSettings = { trace: options.trace, lateness_us: options.lateness_us };
  const evidence = new Evidence(log, windows, settings);
  const { fit, measure } = bestMeasure(evidence, bestFits(evidence, settings), answers);
  const certainty = certaintyOf(evidence, fit, answers, options);
  const judged = judgeWindows(measure, evidence, fit, windows, certainty);
  const verdicts = [
    ...againstNamed(measure, windows, withEarlierRows(judged, windows, answers, measure, fit), answers, {
      product: options.product ?? null,
      trust: options.trust,
    }),
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
  return {
    input: inputOf(log, options.input_url),
    answers: {
      url: options.answers_url,
      rows: answers.rows.length,
      columns: answers.columns,
      ignored: answers.ignored,
    },
    shape: answers.shape,
    model: modelOf(measure),
    how: [
      ...fitTexts(verdicts.slice(0, windows.length)),
      ...howOf(fit, measure, windows, answers, options),
      ...hintsOf(measure, windows, verdicts, answers, options),
    ],
    windows: verdicts,
    totals: totalsOf(verdicts, answers),
  };
}

function certaintyOf(evidence: Evidence, fit: Fit, answers: Answers, options: AuditOptions): Certainty {
  const { unsupported } = otherDelays(evidence, fit, answers);
  return {
    trust: options.trust,
    hasTrace: options.trace !== undefined,
    isTraceProven: options.trace !== undefined && isTraceProven(evidence.log, options.trace, options.lateness_us),
    hasDelay: options.lateness_us !== undefined,
    alone: unsupported,
    isLossConfirmed: fit.restarts.length === 0 || isLossConfirmed(evidence, fit, answers),
    shift_us: answers.shape.shift_us,
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

function modelOf({ engine, style, plans }: Measure): EngineModel {
  const { repeats, malformed, lateness } = engine;
  const counted = plans.filter(({ name }) => isNumeric(name) && name !== "buy_sell_ratio");
  const order = ["decimal", "float64", "float32"] as const;
  const votes = (one: EngineModel["arithmetic"]) => counted.filter(({ plan }) => plan.arithmetic === one).length;
  const arithmetic = order.reduce((most, one) => (votes(one) > votes(most) ? one : most), order[0]);
  return { arithmetic, repeats, malformed, lateness, truncatesToMs: style.truncatesToMs };
}

/** How much the engine makes: of few windows, what it names is little more than a guess. */
function fitTexts(verdicts: readonly WindowVerdict[]): string[] {
  const made = verdicts.filter(({ outcome }) => outcome !== "unexplained").length;
  return [
    ...(made * 2 < verdicts.length ? ["No way to compute fits most windows; what follows is weak."] : []),
    `One engine for the whole answer: it makes ${made} of ${verdicts.length} windows.`,
  ];
}

function howOf(
  { engine, lag, restarts }: Fit,
  { log, style, plans }: Measure,
  windows: readonly AuditWindow[],
  { shape, superseded, uncommitted, columns }: Answers,
  { lateness_us, trace }: AuditOptions,
): string[] {
  const { lateness } = engine;
  const late =
    lateness.kind === "trace"
      ? `Lateness from Spark's checkpoint: a ${engine.late_by === "row" ? "tick" : "window"} is late by the watermark of ${lag === 1 ? "the batch before" : "its own batch"}.`
      : lateness.kind === "each_record"
        ? `Lateness of ${lateness.delay_us === 0 ? "zero" : formatDuration(lateness.delay_us)} by a clock per ${lateness.scope}, record by record${lateness_us === undefined ? ", found from the rows" : ""}.`
        : lateness.kind === "suffix"
          ? "No trace: dropped ticks are found from each row's own sums, which cannot tell late ticks from lost ones."
          : "No tick was dropped as late.";
  const began = [...engine.begins]
    .filter(([, offset]) => offset > 0)
    .map(([p, offset]) => `${offset} of partition ${p}`);
  const sums = plans.filter(({ name }) => name === "avg_price" || name === "total_volume" || name === "price_sum");
  const orders = new Set(sums.flatMap(({ plan }) => (plan.arithmetic === "decimal" ? [] : [plan.order])));
  const check = trace === undefined ? null : checkTrace(log, trace);
  const isOther = lateness_us !== undefined && ![null, lateness_us].includes(check?.delay_us ?? null);
  return [
    late,
    ...(check?.notes ?? []),
    ...(isOther ? ["That is not the given lateness, so the trace proves nothing about late ticks."] : []),
    `A repeated trade id ${engine.repeats === "first" ? "counts once, the first" : engine.repeats === "last" ? "counts once, the last" : "counts each time"}.`,
    ...(engine.malformed === "skipped"
      ? []
      : [
          `Records that are not ticks count ${engine.malformed === "nulls" ? "as rows with nulls" : "if their fields can be read"}.`,
        ]),
    ...[...orders].map((order) => `Sums of floats: ${orderText(order)}.`),
    ...roundedTexts(plans, columns),
    ...restarts.map(
      ({ partition, offset, forgets }) =>
        `Its clock was lost at offset ${offset} of partition ${partition}${forgets ? ", and closed windows were forgotten" : ""}.`,
    ),
    ...(began.length === 0 ? [] : [`It read from offset ${began.join(", ")} on.`]),
    ...(style.ids === "exact" && engine.keys === "exact" ? [] : ["Trade ids are 32-bit integers."]),
    ...(style.idEnds === "value"
      ? []
      : [`First and last trade ids are those ${ENDS_TEXTS[style.idEnds] ?? "of the first and last event time"}.`]),
    ...(ENDS_TEXTS[style.ends] === undefined ? [] : [`First and last prices are those ${ENDS_TEXTS[style.ends]}.`]),
    ...shiftTexts(shape, windows),
    ...(superseded.length === 0
      ? []
      : [`${superseded.length} earlier rows of the same windows: the last counts (W9).`]),
    ...(uncommitted.length === 0
      ? []
      : [`${uncommitted.length} rows of batches that never committed are left out (W11).`]),
  ];
}

/** Columns of which not all digits are compared; of quotients no column has all. */
function roundedTexts(plans: readonly ColumnPlan[], columns: Answers["columns"]): string[] {
  return plans.flatMap(({ name, plan }) => {
    const rounded = plan.arithmetic === "decimal" ? plan.rounding : ({ to: "places", n: plan.places } as const);
    if (rounded.to !== "places" || rounded.n === null || QUOTIENTS.includes(name)) return [];
    const theirs = columns.find((column) => column.name === name)?.theirs ?? name;
    return [`${theirs}: compared rounded to ${rounded.n} ${rounded.n === 1 ? "place" : "places"}.`];
  });
}

const ENDS_TEXTS: Partial<Record<RowStyle["ends"], string>> = {
  arrival: "of the first and last arrival",
  tied: "of the first and last event time; of several trades at one time, any",
  partition: "of the first and last arrival of one partition, any of them",
};

/** What the rows leave open without being wrong. */
function hintsOf(
  measure: Measure,
  windows: readonly AuditWindow[],
  verdicts: readonly WindowVerdict[],
  { rows }: Answers,
  { product }: AuditOptions,
): string[] {
  const named = new Set(rows.map(({ product_id }) => product_id));
  const [only] = named;
  const { products } = measure.log;
  const isOnly = product === undefined && named.size === 1 && products.length > 1;
  const kept = verdicts.filter(
    ({ outcome }, at) => outcome === "equal" && lateOf(measure, windows[at]!).length > 0,
  ).length;
  return [
    ...(isOnly && only && products.includes(only)
      ? [`All rows are of ${only}, the input has ${products.length} products: --product ${only} audits it alone.`]
      : []),
    ...(kept === 0
      ? []
      : [`Exact although ticks of them were late by the engine's watermark, so not dropped: ${kept} windows.`]),
  ];
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
