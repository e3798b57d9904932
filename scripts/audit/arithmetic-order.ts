/** The orders in which libraries add 64-bit floats, bit for bit: pandas, NumPy, Polars, plain code. */
import type { EngineLog } from "./engine-log.ts";

/**
 * How values in a row are added. `kahan`: pandas' groupby. `pairwise`: NumPy's sum. `reduced`: the
 * first value, then NumPy's sum of the others, as pandas on sorted frames. `striped`: Polars.
 */
type Listed = "kahan" | "pairwise" | "reduced" | "striped";
/** `compensated`: as Python's sum() from 3.12 on, and SQLite. */
type Adding = "one_pass" | "compensated" | Listed;
type Sorted = "time" | "time_id" | "id";

/**
 * `batches`: as Spark, per batch and partition, merged, then added to the state. `any`: the order is
 * unknown, so within n · 2^-52. The others: in log order, or sorted by event time, ties as they
 * arrived or by trade id, or sorted by trade id, as Spark after dropDuplicates.
 */
export type SumOrder = "batches" | "any" | Adding | `${Adding}/${Sorted}`;

const LISTED: Record<Listed, (values: readonly number[]) => number> = {
  kahan: kahanSum,
  pairwise: (values) => pairwiseSum(values, 0, values.length),
  reduced: (values) => (values[0] ?? 0) + pairwiseSum(values, 1, values.length),
  striped: stripedSum,
};
const ADDINGS: readonly Adding[] = ["one_pass", "compensated", "kahan", "pairwise", "reduced", "striped"];

/** Orders of batch programs, tried where log order in one pass does not make all rows. */
export const LIBRARY_ORDERS: readonly SumOrder[] = [
  ...(["kahan", "pairwise", "reduced", "striped"] as const),
  ...(["time", "time_id", "id"] as const).flatMap((sorted) => ADDINGS.map((adding): SumOrder => `${adding}/${sorted}`)),
];

/** The sum of a list, for what cannot be added value by value; null for the other orders. */
export function listSum(order: SumOrder): ((values: readonly number[]) => number) | null {
  const adding = addingOf(order);
  return adding in LISTED ? LISTED[adding as Listed] : null;
}

export function addingOf(order: SumOrder): Adding | "batches" | "any" {
  return order.replace(/\/.*/, "") as Adding;
}

/** Members in the order in which they are added; `batch`: of each record, for Spark's order. */
export function inSumOrder(
  log: EngineLog,
  members: readonly number[],
  order: SumOrder,
  batch: Int32Array | null,
): readonly number[] {
  // A batch reads each partition at a pace of its own, so the log's order mixes batches.
  if (order === "batches" && batch !== null) return members.toSorted((a, b) => batch[a]! - batch[b]! || a - b);
  const sorted = order.split("/")[1] as Sorted | undefined;
  if (sorted === undefined) return members;
  const byTime = sorted === "id" ? null : log.time_us;
  const byId = sorted === "time" ? null : log.id;
  return members.toSorted(
    (a, b) => (byTime === null ? 0 : byTime[a]! - byTime[b]!) || (byId === null ? 0 : byId[a]! - byId[b]!) || a - b,
  );
}

/** What is done, and who does it so. */
const TEXTS: Record<Adding, [string, string]> = {
  one_pass: ["one pass", ""],
  compensated: ["one compensated pass", ", as Python's sum()"],
  kahan: ["one pass of Kahan's", ", as pandas' groupby"],
  pairwise: ["in pairs", ", as NumPy's sum"],
  reduced: ["in pairs after the first", ", as pandas on a sorted frame"],
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
  const sorted = order.split("/")[1] as Sorted | undefined;
  const [what, like] = TEXTS[adding];
  return `${what} ${sorted === undefined ? "in log order" : SORTED_TEXTS[sorted]}${like}`;
}

function kahanSum(values: readonly number[]): number {
  let [total, carry] = [0, 0];
  for (const value of values) {
    const part = value - carry;
    const next = total + part;
    carry = next - total - part;
    total = next;
  }
  return total;
}

/** NumPy's: blocks of at most 128 in eight lanes, halves of more at a multiple of eight. */
function pairwiseSum(values: readonly number[], from: number, to: number): number {
  const count = to - from;
  if (count < 8) {
    let total = 0;
    for (let i = from; i < to; i++) total += values[i]!;
    return total;
  }
  if (count > 128) {
    const half = Math.floor(count / 2);
    const middle = from + half - (half % 8);
    return pairwiseSum(values, from, middle) + pairwiseSum(values, middle, to);
  }
  const r = values.slice(from, from + 8) as [number, number, number, number, number, number, number, number];
  const end = to - (count % 8);
  for (let i = from + 8; i < end; i++) r[(i - from) % 8] = r[(i - from) % 8]! + values[i]!;
  let total = r[0] + r[1] + (r[2] + r[3]) + (r[4] + r[5] + (r[6] + r[7]));
  for (let i = end; i < to; i++) total += values[i]!;
  return total;
}

/** Polars': what is over a multiple of 128 comes first; then blocks of 128 in sixteen lanes, in pairs. */
function stripedSum(values: readonly number[]): number {
  const over = values.length % 128;
  let first = 0;
  for (let i = 0; i < over; i++) first += values[i]!;
  return values.length === over ? first : blocksSum(values, over, values.length) + first;
}

function blocksSum(values: readonly number[], from: number, to: number): number {
  if (to - from > 128) {
    const middle = from + Math.floor((to - from) / 256) * 128;
    return blocksSum(values, from, middle) + blocksSum(values, middle, to);
  }
  let lanes = new Array<number>(16).fill(0);
  for (let i = from; i < to; i++) lanes[(i - from) % 16] = lanes[(i - from) % 16]! + values[i]!;
  while (lanes.length > 1) {
    const half = lanes.length / 2;
    lanes = Array.from({ length: half }, (_, i) => lanes[i]! + lanes[half + i]!);
  }
  return lanes[0]!;
}
