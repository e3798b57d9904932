/** The report's sentences on how the engine computes, and what its rows leave open. */
import { formatDuration } from "../base/duration.ts";
import { plural } from "../base/printable.ts";
import type { RowStyle } from "./arithmetic-ends.ts";
import { orderText } from "./arithmetic-order.ts";
import type { Answers, WindowVerdict } from "./audit-types.ts";
import { KEY_TEXTS } from "./engine-keys.ts";
import { membersOf } from "./engine-model.ts";
import type { AuditWindow } from "./engine-windows.ts";
import { QUOTIENTS } from "./fit-cells.ts";
import type { ColumnPlan } from "./fit-columns.ts";
import type { Fit } from "./fit-model.ts";
import type { FitSettings } from "./fit-variants.ts";
import { checkTrace } from "./late-trace.ts";
import { shiftTexts } from "./name-moved.ts";
import { lateOf } from "./name-outcome.ts";
import type { Measure } from "./name-rules.ts";

/** Partitions of one batch whose partial sums are the same in every order of merging. */
const ORDERED_PARTITIONS = 2;

/** How much the engine makes: of few windows, what it names is little more than a guess. */
export function fitTexts(verdicts: readonly WindowVerdict[]): string[] {
  const made = verdicts.filter(({ outcome }) => outcome !== "unexplained").length;
  return [
    ...(made * 2 < verdicts.length ? ["No way to compute fits most windows; what follows is weak."] : []),
    `One engine for the whole answer: it makes ${made} of ${verdicts.length} windows.`,
  ];
}

/** How each part of the engine was found. */
export function howOf(
  { engine, lag, restarts }: Fit,
  measure: Measure,
  windows: readonly AuditWindow[],
  { shape, superseded, uncommitted, columns }: Answers,
  { lateness_us, trace }: FitSettings,
): string[] {
  const { log, style, plans } = measure;
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
    `${KEY_TEXTS[engine.keys]} ${engine.repeats === "first" ? "counts once, the first" : engine.repeats === "last" ? "counts once, the last" : "counts each time"}.`,
    ...(engine.counts === "ids" ? ["Counts are of distinct trade ids, sums of all records."] : []),
    ...(engine.malformed === "skipped"
      ? []
      : [
          `Records that are not ticks count ${engine.malformed === "nulls" ? "as rows with nulls" : "if their fields can be read"}.`,
        ]),
    ...[...orders].map((order) => `Sums of floats: ${orderText(order)}.`),
    ...(orders.has("batches") ? mixedTexts(measure, windows) : []),
    ...roundedTexts(plans, columns),
    ...restarts.map(
      ({ partition, offset, forgets }) =>
        `Its clock was lost at offset ${offset} of partition ${partition}${forgets ? ", and closed windows were forgotten" : ""}.`,
    ),
    ...(began.length === 0 ? [] : [`It read from offset ${began.join(", ")} on.`]),
    ...(style.ids === "exact" && engine.keys !== "wrapped" && engine.keys !== "null"
      ? []
      : ["Trade ids are 32-bit integers."]),
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
    return [`${theirs}: compared rounded to ${plural(rounded.n, "place")}.`];
  });
}

/** What the rows leave open without being wrong. */
export function hintsOf(
  measure: Measure,
  windows: readonly AuditWindow[],
  verdicts: readonly WindowVerdict[],
  { rows }: Answers,
  product: string | null,
): string[] {
  const named = new Set(rows.map(({ product_id }) => product_id));
  const [only] = named;
  const { products } = measure.log;
  const isOnly = product === null && named.size === 1 && products.length > 1;
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

const ENDS_TEXTS: Partial<Record<RowStyle["ends"], string>> = {
  arrival: "of the first and last arrival",
  tied: "of the first and last event time; of several trades at one time, any",
  partition: "of the first and last arrival of one partition, any of them",
};

/** Where Spark's order of adding is not known although the batches are. */
function mixedTexts({ log, engine, clock }: Measure, windows: readonly AuditWindow[]): string[] {
  const isMixed = (window: AuditWindow) =>
    Map.groupBy(membersOf(log, engine, clock, window), (i) => clock.batch?.[i] ?? -1)
      .values()
      .some((list) => new Set(list.map((i) => log.partition[i])).size > ORDERED_PARTITIONS);
  if (new Set(log.partition).size <= ORDERED_PARTITIONS) return [];
  const count = windows.filter((window) => window.row !== null && isMixed(window)).length;
  if (count === 0) return [];
  return [
    `In ${plural(count, "window")} a batch read three or more partitions: the order in which Spark merged them is not known, so sums there are compared within rounding error.`,
  ];
}
