/** One latency as a histogram that costs a few nanoseconds per value while neighbours are about equal. */
import { APPEND_EARLIEST_US, STAMP_AHEAD_US_MAX } from "../base/limits.ts";
import type { Buckets } from "../contract/measures.ts";
import { belowBucket, bucketOf } from "./buckets.ts";

/** Whether a time of the log can be true, so that a latency may count from it; false for NaN. */
export function canMeasure(stamp_us: number, now_us: number): boolean {
  return stamp_us >= APPEND_EARLIEST_US && stamp_us - now_us <= STAMP_AHEAD_US_MAX;
}

export class LatencyBuckets {
  readonly #counts = new Map<number, number>();
  // The newest bucket (above, upto]: neighbours in a log wait about as long as each other.
  #above_us = Number.NaN;
  #upto_us = Number.NaN;
  #count = 0;

  /** Counts `count` latencies of `us` microseconds, which may be negative. */
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

  /** What was counted since the last call. */
  take(): Buckets {
    this.#close();
    const taken = [...this.#counts].sort(([a], [b]) => a - b);
    this.#counts.clear();
    return taken;
  }

  #open(us: number): void {
    this.#close();
    this.#upto_us = bucketOf(us);
    this.#above_us = belowBucket(this.#upto_us);
  }

  #close(): void {
    if (this.#count > 0) this.#counts.set(this.#upto_us, (this.#counts.get(this.#upto_us) ?? 0) + this.#count);
    this.#count = 0;
  }
}
