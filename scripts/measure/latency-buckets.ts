/** One latency as a histogram: counts by bucket, each bucket 2^(1/4) wider than the one below. */

/** A percentile of the buckets' upper bounds is at most 19 % too high, never too low. */
const BUCKETS_PER_DOUBLING = 4;

export class LatencyBuckets {
  #counts = new Map<number, number>();
  // The newest bucket (above, upto]: neighbours in a log wait about as long as each other.
  #above_us = Number.NaN;
  #upto_us = Number.NaN;
  #bucket = 0;
  #count = 0;

  /** Counts one latency of `us` microseconds; a negative one is in bucket 0. */
  add(us: number): void {
    if (!(us > this.#above_us && us <= this.#upto_us)) this.#open(us);
    this.#count++;
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
      [this.#above_us, this.#upto_us, this.#bucket] = [Number.NEGATIVE_INFINITY, 0, 0];
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
