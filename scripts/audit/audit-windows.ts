/** The audit of windows: every row against the input, each difference with its rule. */
import type { Answers, AuditRecord, AuditReport, EngineModel, SparkTrace, WindowVerdict } from "./audit-types.ts";
import { type EngineLog, engineLog } from "./engine-log.ts";
import { placeWindows } from "./engine-windows.ts";
import { isNumeric } from "./fit-cells.ts";
import { bestFits, isMergeConfirmed } from "./fit-choose.ts";
import { bestMeasure } from "./fit-measure.ts";
import { Evidence, type Fit, otherDelays } from "./fit-model.ts";
import type { FitSettings } from "./fit-variants.ts";
import { isLossConfirmed } from "./late-restarts.ts";
import { checkTrace } from "./late-trace.ts";
import type { Certainty } from "./name-certainty.ts";
import { withEarlierRows } from "./name-earlier.ts";
import { fitTexts, hintsOf, howOf } from "./name-how.ts";
import { againstNamed } from "./name-moved.ts";
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
    ...againstNamed(
      measure,
      windows,
      withEarlierRows(judged, windows, answers, measure, fit),
      answers,
      options.product ?? null,
    ),
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
      ...howOf(fit, measure, windows, answers, settings),
      ...hintsOf(measure, windows, verdicts, answers, options.product ?? null),
    ],
    windows: verdicts,
    totals: totalsOf(verdicts, answers),
  };
}

function certaintyOf(evidence: Evidence, fit: Fit, answers: Answers, options: AuditOptions): Certainty {
  const { unsupported } = otherDelays(evidence, fit, answers);
  return {
    hasTrace: options.trace !== undefined,
    isTraceProven: options.trace !== undefined && isTraceProven(evidence.log, options.trace, options.lateness_us),
    hasDelay: options.lateness_us !== undefined,
    alone: unsupported,
    isLossConfirmed: fit.restarts.length === 0 || isLossConfirmed(evidence, fit, answers),
    isMergeConfirmed: isMergeConfirmed(evidence, fit),
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
  const { repeats, keys, malformed, lateness } = engine;
  const counted = plans.filter(({ name }) => isNumeric(name) && name !== "buy_sell_ratio");
  const order = ["decimal", "float64", "float32"] as const;
  const votes = (one: EngineModel["arithmetic"]) => counted.filter(({ plan }) => plan.arithmetic === one).length;
  const arithmetic = order.reduce((most, one) => (votes(one) > votes(most) ? one : most), order[0]);
  return { arithmetic, repeats, keys, malformed, lateness, truncatesToMs: style.truncatesToMs };
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
