/** Sums in 64-bit floats, or in 32-bit ones, in the orders in which engines add, bit for bit. */

/**
 * `batches`: as Spark, per batch and partition, merged, then added to the state. `one_pass`: in log
 * order. `compensated`: as Python's sum(). `any`: the order is unknown, so within n · 2^-52.
 * `narrow`, `narrow_compensated`: in log order with totals of 32 bits, plain or by Kahan as pandas.
 */
export type SumOrder = "batches" | "one_pass" | "compensated" | "any" | "narrow" | "narrow_compensated";

/** Whether totals, averages and products are 32-bit floats as well. */
export const isNarrow = (order: SumOrder): boolean => order === "narrow" || order === "narrow_compensated";

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

  constructor(readonly order: SumOrder) {}

  /** `batch` and `partition` count only in the order `batches`. */
  add(value: number, batch: number, partition: number): void {
    if (Number.isNaN(value)) return;
    this.count++;
    this.size += Math.abs(value);
    if (this.order === "batches") this.#addToBatch(value, batch, partition);
    else if (this.order === "compensated") this.#addCompensated(value);
    else if (this.order === "narrow") this.#total = Math.fround(this.#total + value);
    else if (this.order === "narrow_compensated") this.#addNarrow(value);
    else this.#total += value;
  }

  get value(): number {
    if (this.order === "batches") {
      this.#endBatch();
      return this.#state;
    }
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

  /** Kahan's sum with each step in 32 bits, which pandas uses for groups of a float32 column. */
  #addNarrow(value: number): void {
    const part = Math.fround(value - this.#carry);
    const total = Math.fround(this.#total + part);
    this.#carry = Math.fround(Math.fround(total - this.#total) - part);
    this.#total = total;
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
