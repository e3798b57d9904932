/** Sums in 64-bit or 32-bit floats, in the orders in which engines add, bit for bit. */
import { addingOf, isNarrow, listSum, type SumOrder } from "./arithmetic-order.ts";

/** Adds values in one order; nulls (NaN) are left out. */
export class FloatSum {
  #total = 0;
  #carry = 0;
  #state = 0;
  #batch = 0;
  #batchEnd = Number.NaN;
  #partials = new Map<number, number>();
  /** Values of an order that needs them all. */
  #values: number[] | null = null;
  readonly #sumOf: ReturnType<typeof listSum>;
  readonly #isCompensated: boolean;
  readonly #isNarrow: boolean;
  /** Sum of the absolute values, for a tolerance. */
  size = 0;
  count = 0;
  /** The order of merging is unknown: more than two partitions in a batch, or an unknown batch. */
  isMixed = false;

  constructor(readonly order: SumOrder) {
    this.#sumOf = listSum(order);
    if (this.#sumOf !== null) this.#values = [];
    this.#isNarrow = isNarrow(order);
    this.#isCompensated = addingOf(order) === "compensated";
  }

  /** `batch` and `partition` count only in the order `batches`. */
  add(value: number, batch: number, partition: number): void {
    if (Number.isNaN(value)) return;
    this.count++;
    this.size += Math.abs(value);
    if (this.order === "batches") this.#addToBatch(value, batch, partition);
    else if (this.#values !== null) this.#values.push(value);
    else if (this.#isCompensated) this.#addCompensated(value);
    else this.#total = this.#isNarrow ? Math.fround(this.#total + value) : this.#total + value;
  }

  get value(): number {
    if (this.order === "batches") {
      this.#endBatch();
      return this.#state;
    }
    if (this.#values !== null) return this.#sumOf!(this.#values);
    if (!this.#isCompensated) return this.#total;
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
