/** One latency as a histogram: counts by bucket, each bucket 2^(1/4) wider than the one below. */
import { APPEND_EARLIEST_US, STAMP_AHEAD_US_MAX } from "../base/limits.ts";

/** A percentile of the buckets' upper bounds is at most 19 % too high, never too low. */
const BUCKETS_PER_DOUBLING = 4;

/** Whether a time of the log can be true, so that a latency may count from it; false for NaN. */
export function canMeasure(stamp_us: number, now_us: number): boolean {
  return stamp_us >= APPEND_EARLIEST_US && stamp_us - now_us <= STAMP_AHEAD_US_MAX;
}

export class LatencyBuckets {
  #counts = new Map<number, number>();
  // The newest bucket (above, upto]: neighbours in a log wait about as long as each other.
  #above_us = Number.NaN;
  #upto_us = Number.NaN;
  #bucket = 0;
  #count = 0;

  /** Counts `count` latencies of `us` microseconds; negative ones are in bucket 0. */
  add(us: number, count = 1): void {
    if (!(us > this.#above_us && us <= this.#upto_us)) this.#open(us);
    this.#count += count;
  }

  /**
   * Counts `until_us` − each of stamps[from, to) that can be true at `now_us`, all in microseconds.
   * Returns how many were left out. Costs a few nanoseconds per stamp, since `stream` reads a million
   * records in about a second.
   */
  addSince(until_us: number, stamps: Float64Array, from: number, to: number, now_us: number): number {
    let above_us = this.#above_us;
    let upto_us = this.#upto_us;
    let count = 0;
    let left_out = 0;
    for (let i = from; i < to; i++) {
      const stamp_us = stamps[i]!;
      const us = until_us - stamp_us;
      if (us > above_us && us <= upto_us) count++;
      else if (canMeasure(stamp_us, now_us)) {
        this.#count += count;
        this.#open(us);
        above_us = this.#above_us;
        upto_us = this.#upto_us;
        count = 1;
      } else left_out++;
    }
    this.#count += count;
    return left_out;
  }

  /** Counts by the buckets' upper bounds in microseconds, since the last call. */
  take(): Map<number, number> {
    this.#close();
    const taken = this.#counts;
    this.#counts = new Map();
    return taken;
  }

  #open(us: number): void {
    this.#close();
    if (us <= 0) {
      [this.#above_us, this.#upto_us, this.#bucket] = [-STAMP_AHEAD_US_MAX, 0, 0];
      return;
    }
    const step = Math.ceil(Math.log2(us) * BUCKETS_PER_DOUBLING);
    this.#above_us = 2 ** ((step - 1) / BUCKETS_PER_DOUBLING);
    this.#upto_us = 2 ** (step / BUCKETS_PER_DOUBLING);
    this.#bucket = Math.round(this.#upto_us);
  }

  #close(): void {
    if (this.#count > 0) this.#counts.set(this.#bucket, (this.#counts.get(this.#bucket) ?? 0) + this.#count);
    this.#count = 0;
  }
}
