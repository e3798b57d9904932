/** The orders in which libraries add floats, bit for bit: pandas, NumPy, Polars, plain code. */
import type { EngineModel } from "./audit-types.ts";
import { keptTime } from "./engine-edges.ts";
import type { EngineLog } from "./engine-log.ts";

/**
 * How values in a row are added. `kahan`: pandas' groups. `pairwise`: NumPy's sum. `reduced`: the
 * first value, then NumPy's sum of the others, as pandas on sorted groups. `striped`: Polars.
 */
type Listed = "kahan" | "pairwise" | "reduced" | "striped";
/** `compensated`: as Python's sum() from 3.12 on, and SQLite. */
type Adding = "one_pass" | "compensated" | Listed;
type Sorted = "time" | "time_id" | "id";

/**
 * `batches`: as Spark, per batch and partition, merged, then added to the state. `any`: the order is
 * unknown, so within n · 2^-52. The others: in log order, or sorted by event time, ties as they
 * arrived or by trade id, or by trade id, as Spark after dropDuplicates. `narrow`: totals of 32 bits.
 */
export type SumOrder = "batches" | "any" | `${"" | "narrow "}${Adding}${"" | `/${Sorted}`}`;

/** As the total's width keeps a number. */
type Kept = (value: number) => number;

const LISTED: Record<Listed, (values: readonly number[], kept: Kept) => number> = {
  kahan: kahanSum,
  pairwise: (values, kept) => pairwiseSum(values, 0, values.length, kept),
  reduced: (values, kept) => kept((values[0] ?? 0) + pairwiseSum(values, 1, values.length, kept)),
  striped: stripedSum,
};
const LISTED_ADDINGS: readonly Listed[] = ["kahan", "pairwise", "reduced", "striped"];
const SORTED: readonly Sorted[] = ["time", "time_id", "id"];

/** Orders of batch programs, tried where log order in one pass does not make all rows. */
export const LIBRARY_ORDERS: readonly SumOrder[] = [
  ...LISTED_ADDINGS,
  ...SORTED.flatMap((sorted) =>
    (["one_pass", "compensated", ...LISTED_ADDINGS] as const).map((adding): SumOrder => `${adding}/${sorted}`),
  ),
];
/** Of 32-bit inputs. */
export const NARROW_ORDERS: readonly SumOrder[] = (["one_pass", ...LISTED_ADDINGS] as const).flatMap((adding) => [
  `narrow ${adding}` as const,
  ...SORTED.map((sorted): SumOrder => `narrow ${adding}/${sorted}`),
]);

/** Whether totals, averages and products are 32-bit floats as well. */
export const isNarrow = (order: SumOrder): boolean => order.startsWith("narrow ");

/** The sum of a list, for what cannot be added value by value; null for the other orders. */
export function listSum(order: SumOrder): ((values: readonly number[]) => number) | null {
  const adding = addingOf(order);
  if (!(adding in LISTED)) return null;
  const kept: Kept = isNarrow(order) ? Math.fround : (value) => value;
  return (values) => LISTED[adding as Listed](values, kept);
}

export function addingOf(order: SumOrder): Adding | "batches" | "any" {
  return unsorted(order).replace("narrow ", "") as Adding;
}

/** By what the members are sorted; undefined in log order. */
export function sortedBy(order: SumOrder): Sorted | undefined {
  return order.split("/")[1] as Sorted | undefined;
}

/** The same sum in log order. */
export const unsorted = (order: SumOrder) => order.replace(/\/.*/, "");

/** Members in the order in which they are added; `batch`: of each record, for Spark's order. */
export function inSumOrder(
  log: EngineLog,
  members: readonly number[],
  order: SumOrder,
  { batch, times }: { batch: Int32Array | null; times: EngineModel["times"] },
): readonly number[] {
  // A batch reads each partition at a pace of its own, so the log's order mixes batches.
  if (order === "batches" && batch !== null) return members.toSorted((a, b) => batch[a]! - batch[b]! || a - b);
  const sorted = sortedBy(order);
  if (sorted === undefined) return members;
  const timeOf = (i: number) => (sorted === "id" ? 0 : keptTime(log.time_us[i]!, times));
  const idOf = (i: number) => (sorted === "time" ? 0 : log.id[i]!);
  return members.toSorted((a, b) => timeOf(a) - timeOf(b) || idOf(a) - idOf(b) || a - b);
}

/** What is done, and who does it so. */
const TEXTS: Record<Adding, [string, string]> = {
  one_pass: ["one pass", ""],
  compensated: ["one compensated pass", ", as Python's sum()"],
  kahan: ["one pass of Kahan's", ", as pandas' groups"],
  pairwise: ["in pairs", ", as NumPy's sum"],
  reduced: ["in pairs after the first", ", as pandas' sorted groups"],
  striped: ["in 16 lanes", ", as Polars"],
};
const SORTED_TEXTS: Record<Sorted, string> = {
  time: "by event time",
  time_id: "by event time and trade id",
  id: "by trade id",
};

/** The order in words, for the report. */
export function orderText(order: SumOrder): string {
  const adding = addingOf(order);
  if (adding === "batches") return "per batch and partition, then added to the state, as Spark";
  if (adding === "any") return "in an unknown order, so compared within rounding error";
  const sorted = sortedBy(order);
  const [what, like] = TEXTS[adding];
  const where = sorted === undefined ? "in log order" : SORTED_TEXTS[sorted];
  return `${what} ${where}${like}${isNarrow(order) ? ", with totals of 32 bits" : ""}`;
}

function kahanSum(values: readonly number[], kept: Kept): number {
  let [total, carry] = [0, 0];
  for (const value of values) {
    const part = kept(value - carry);
    const next = kept(total + part);
    carry = kept(kept(next - total) - part);
    total = next;
  }
  return total;
}

/** Blocks of at most 128 in eight lanes; more are halved, at a multiple of eight. */
function pairwiseSum(values: readonly number[], from: number, to: number, kept: Kept): number {
  const count = to - from;
  if (count > 128) {
    const half = Math.floor(count / 2);
    const middle = from + half - (half % 8);
    return kept(pairwiseSum(values, from, middle, kept) + pairwiseSum(values, middle, to, kept));
  }
  const end = count < 8 ? from : to - (count % 8);
  let total = end === from ? 0 : inLanes(values, from, end, 8, kept, "pairs");
  for (let i = end; i < to; i++) total = kept(total + values[i]!);
  return total;
}

/** What is over a multiple of 128 comes first; then blocks of 128 in sixteen lanes, in pairs. */
function stripedSum(values: readonly number[], kept: Kept): number {
  const over = values.length % 128;
  let first = 0;
  for (let i = 0; i < over; i++) first = kept(first + values[i]!);
  return values.length === over ? first : kept(blocksSum(values, over, values.length, kept) + first);
}

function blocksSum(values: readonly number[], from: number, to: number, kept: Kept): number {
  if (to - from === 128) return inLanes(values, from, to, 16, kept, "halves");
  const middle = from + Math.floor((to - from) / 256) * 128;
  return kept(blocksSum(values, from, middle, kept) + blocksSum(values, middle, to, kept));
}

/** Every n-th value in a lane of its own; then neighbours are added, or the second half to the first. */
function inLanes(
  values: readonly number[],
  from: number,
  to: number,
  n: number,
  kept: Kept,
  fold: "pairs" | "halves",
): number {
  let lanes = values.slice(from, from + n);
  for (let i = from + n; i < to; i++) lanes[(i - from) % n] = kept(lanes[(i - from) % n]! + values[i]!);
  while (lanes.length > 1) {
    const half = lanes.length / 2;
    lanes = Array.from({ length: half }, (_, i) =>
      fold === "pairs" ? kept(lanes[2 * i]! + lanes[2 * i + 1]!) : kept(lanes[i]! + lanes[half + i]!),
    );
  }
  return lanes[0]!;
}
