/** Sums in 64-bit or 32-bit floats, in the orders in which engines add, bit for bit. */

/**
 * `batches`: as Spark, per batch and partition, merged, then added to the state. `one_pass`: in log
 * order. `compensated`: as Python's sum(). `kahan`: as pandas' groups, of a log or sorted by time;
 * `pairwise_by_time`: as its sorted groups (resample). `narrow`: with totals of 32 bits. `any`: the
 * order is unknown, so within n · 2^-52.
 */
export type SumOrder =
  | "batches"
  | "one_pass"
  | "compensated"
  | "kahan"
  | "kahan_by_time"
  | "pairwise_by_time"
  | "narrow"
  | "narrow_kahan"
  | "narrow_kahan_by_time"
  | "narrow_pairwise_by_time"
  | "any";

/** Whether totals, averages and products are 32-bit floats as well. */
export const isNarrow = (order: SumOrder): boolean => order.startsWith("narrow");
/** Whether an engine sorts by event time before it adds. */
export const isByTime = (order: SumOrder): boolean => order.endsWith("_by_time");

/** numpy's pairwise sum: values that are added in lanes before halves are, and the lanes. */
const PAIRWISE_BLOCK = 128;
const LANES = 8;

/** Adds values in one order; nulls (NaN) are left out. */
export class FloatSum {
  #total = 0;
  #carry = 0;
  #state = 0;
  #batch = 0;
  #batchEnd = Number.NaN;
  #partials = new Map<number, number>();
  /** Sum of the absolute values, for a tolerance. */
  size = 0;
  count = 0;
  /** The order of merging is unknown: more than two partitions in a batch, or an unknown batch. */
  isMixed = false;

  readonly #isKahan: boolean;
  /** Only of pairwise sums, which need all values. */
  readonly #list: number[] | null;
  /** As the total's width keeps a number. */
  readonly #kept: (value: number) => number;

  constructor(readonly order: SumOrder) {
    this.#isKahan = order.includes("kahan");
    this.#list = order.includes("pairwise") ? [] : null;
    this.#kept = isNarrow(order) ? Math.fround : (value) => value;
  }

  /** `batch` and `partition` count only in the order `batches`. */
  add(value: number, batch: number, partition: number): void {
    if (Number.isNaN(value)) return;
    this.count++;
    this.size += Math.abs(value);
    if (this.order === "batches") this.#addToBatch(value, batch, partition);
    else if (this.order === "compensated") this.#addCompensated(value);
    else if (this.#list !== null) this.#list.push(value);
    else if (this.#isKahan) this.#addKahan(value);
    else this.#total = this.#kept(this.#total + value);
  }

  get value(): number {
    if (this.order === "batches") {
      this.#endBatch();
      return this.#state;
    }
    if (this.#list !== null) return this.#pairwise(this.#list);
    if (this.order !== "compensated") return this.#total;
    return this.#carry !== 0 && Number.isFinite(this.#carry) ? this.#total + this.#carry : this.#total;
  }

  #addToBatch(value: number, batch: number, partition: number): void {
    if (batch < 0) this.isMixed = true;
    if (batch !== this.#batchEnd) {
      this.#endBatch();
      this.#batchEnd = batch;
    }
    this.#partials.set(partition, (this.#partials.get(partition) ?? 0) + value);
  }

  #endBatch(): void {
    if (this.#partials.size === 0) return;
    // Two are the same either way round.
    if (this.#partials.size > 2) this.isMixed = true;
    this.#batch = 0;
    for (const partition of [...this.#partials.keys()].sort((a, b) => a - b))
      this.#batch += this.#partials.get(partition)!;
    this.#state += this.#batch;
    this.#partials.clear();
  }

  /** Kahan's sum, which pandas uses for groups, in the column's own width. */
  #addKahan(value: number): void {
    const part = this.#kept(value - this.#carry);
    const total = this.#kept(this.#total + part);
    this.#carry = this.#kept(this.#kept(total - this.#total) - part);
    this.#total = total;
  }

  /** As numpy's add.reduceat: the first value, and the pairwise sum of the others. */
  #pairwise([first = 0, ...others]: readonly number[]): number {
    return this.#kept(first + this.#pairwiseOf(others, 0, others.length));
  }

  #pairwiseOf(values: readonly number[], from: number, to: number): number {
    const kept = this.#kept;
    const n = to - from;
    if (n > PAIRWISE_BLOCK) {
      const half = Math.floor(n / 2);
      const middle = from + half - (half % LANES);
      return kept(this.#pairwiseOf(values, from, middle) + this.#pairwiseOf(values, middle, to));
    }
    const whole = n - (n % LANES);
    const lanes = values.slice(from, from + Math.min(LANES, whole));
    for (let at = LANES; at < whole; at++) lanes[at % LANES] = kept(lanes[at % LANES]! + values[from + at]!);
    const [a, b, c, d, e, f, g, h] = lanes as [number, number, number, number, number, number, number, number];
    let sum = whole === 0 ? -0 : kept(kept(kept(a + b) + kept(c + d)) + kept(kept(e + f) + kept(g + h)));
    for (let at = from + whole; at < to; at++) sum = kept(sum + values[at]!);
    return sum;
  }

  /** Neumaier's sum, which CPython 3.12 and later use for sum() of floats. */
  #addCompensated(value: number): void {
    const total = this.#total + value;
    this.#carry += Math.abs(this.#total) >= Math.abs(value) ? this.#total - total + value : value - total + this.#total;
    this.#total = total;
  }
}

/** What summing n values of this size in any order can differ by. */
export function sumTolerance(count: number, size: number): number {
  return count * 2 ** -52 * size;
}
