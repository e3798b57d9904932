/** Whether ticks and answers can be of the same trades at all: products and times. */
import { TidemarkError } from "../../base/errors.ts";
import { isoSecondFromUs } from "../../base/iso.ts";
import { printable } from "../../base/printable.ts";
import type { Answers, AuditRecord } from "../audit-types.ts";

interface Span {
  from_us: number;
  to_us: number;
}

/**
 * Fails with USAGE when no row's window can hold a tick: then every window would be unexplained, and
 * the reason would be in none of them. `product`: of rows that name none.
 */
export function requireCommonGround(records: readonly AuditRecord[], answers: Answers, product: string | null): void {
  const ticks = spansOf(records);
  if (ticks.size === 0) {
    const why = printable(records[0]?.reason ?? "there is none");
    const hint = "Name another input with --log; of a file of trades, its columns with --tick-map.";
    throw new TidemarkError("NO_DATA", `None of the ${records.length} records of the input is a trade: ${why}.`, hint);
  }
  requireProduct(ticks, answers, product);
  const { shape } = answers;
  const rows = answers.rows.filter(({ product_id }) => product === null || (product_id ?? product) === product);
  const isShared = rows.some(({ product_id, window_start_us }) => {
    const start_us = window_start_us + shape.shift_us;
    const named = product_id ?? product;
    const spans = named === null ? [...ticks.values()] : [ticks.get(named)].filter((one) => one !== undefined);
    return spans.some(({ from_us, to_us }) => start_us <= to_us && start_us + shape.size_us > from_us);
  });
  if (isShared) return;
  const products = [...new Set(rows.map(({ product_id }) => product_id ?? product ?? "any product"))].sort();
  const starts = rows.map(({ window_start_us }) => window_start_us + shape.shift_us);
  const theirs = { from_us: least(starts), to_us: starts.reduce((most, one) => Math.max(most, one)) + shape.size_us };
  const spans = [...ticks.values()];
  const ours = {
    from_us: least(spans.map(({ from_us }) => from_us)),
    to_us: spans.reduce((most, { to_us }) => Math.max(most, to_us), 0),
  };
  const isNamed = [...ticks.keys()].some((name) => products.includes(name));
  const leave =
    answers.product_column === undefined || isNamed
      ? ""
      : ` If a product has another name there, leave its column out: ${leftOut(answers, [...ticks.keys()][0]!)}.`;
  throw new TidemarkError(
    "USAGE",
    `No window of the answers has a tick: the answers are of ${listed(products)}, ${spanText(theirs)}, the ticks of ${listed([...ticks.keys()])}, ${spanText(ours)}.`,
    `Name the log that the pipeline read with --log, the zone of its times with --zone, or the product with --product.${leave}`,
  );
}

/** Fails with USAGE where --product, or its absence, leaves nothing or the wrong rows to compare. */
function requireProduct(ticks: ReadonlyMap<string, Span>, answers: Answers, product: string | null): void {
  const ours = [...ticks.keys()].sort();
  const theirs = [...new Set(answers.rows.flatMap(({ product_id }) => (product_id === null ? [] : [product_id])))];
  if (product === null) {
    if (theirs.length > 0 || ours.length === 1) return;
    throw new TidemarkError(
      "USAGE",
      `The answers have no column of products, and the ticks are of ${ours.length}: ${listed(ours)}.`,
      `Name the one of the answers, for example --product ${printable(ours[0]!)}.`,
    );
  }
  const [isOurs, isTheirs] = [ticks.has(product), theirs.includes(product)];
  if (theirs.length === 0 || (isOurs && isTheirs)) return;
  const name = printable(product);
  if (!isOurs && !isTheirs)
    throw new TidemarkError(
      "USAGE",
      `Neither ticks nor answers have ${name}: the ticks have ${listed(ours)}, the answers ${listed(theirs)}.`,
      "Name one that both have with --product, in the same letters.",
    );
  throw new TidemarkError(
    "USAGE",
    isOurs
      ? `The answers have no ${name}; they have ${listed(theirs)}.`
      : `The ticks have no ${name}; they have ${listed(ours)}.`,
    isOurs && theirs.length === 1
      ? `If this is the same product, leave its column out: ${leftOut(answers, product)}.`
      : "Name one that both have with --product.",
  );
}

function leftOut({ product_column }: Answers, product: string): string {
  return `--product ${printable(product)} --map ${printable(product_column ?? "product")}=ignored`;
}

function spansOf(records: readonly AuditRecord[]): Map<string, Span> {
  const spans = new Map<string, Span>();
  for (const { tick } of records) {
    if (tick === null) continue;
    const { product_id, time_us } = tick;
    const span = spans.get(product_id);
    if (span === undefined) spans.set(product_id, { from_us: time_us, to_us: time_us });
    else {
      span.from_us = Math.min(span.from_us, time_us);
      span.to_us = Math.max(span.to_us, time_us);
    }
  }
  return spans;
}

function least(times: readonly number[]): number {
  return times.reduce((low, one) => Math.min(low, one));
}

/** Names shown of many products. */
const NAMES_MAX = 5;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_MAX).map((name) => printable(name));
  return names.length > NAMES_MAX ? `${shown.join(", ")} and ${names.length - NAMES_MAX} more` : shown.join(", ");
}

function spanText({ from_us, to_us }: Span): string {
  return `${isoSecondFromUs(from_us)} to ${isoSecondFromUs(to_us)}`;
}
