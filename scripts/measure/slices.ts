/** Histograms that a process counts: by slices of ten seconds, and since it began. */
import { type Histograms, SLICE_US, type Slice } from "../contract/measures.ts";
import { mergedByName } from "./buckets.ts";
import { LatencyBuckets } from "./latency-buckets.ts";

/** Every report has all figures since the start at first, later only every tenth has. */
const YOUNG_US = 60_000_000;

const sliceOf = (at_us: number): number => Math.floor(at_us / SLICE_US) * SLICE_US;

/** What is counted and not stored yet. Each number is added to the stored rows once. */
export class SliceHistograms {
  readonly #counting = new Map<string, LatencyBuckets>();
  #slice_us: number;
  /** By slice, and since the start (0). */
  #unstored = new Map<number, Histograms>();
  /** A slice has ended since all figures were stored. */
  #hasEnded = false;

  constructor(private readonly started_us: number) {
    this.#slice_us = sliceOf(started_us);
  }

  /** The histogram of this name, which is counted from its first use on. */
  of(name: string): LatencyBuckets {
    const known = this.#counting.get(name) ?? new LatencyBuckets();
    this.#counting.set(name, known);
    return known;
  }

  /** Call before counting: what follows belongs to the slice of `now_us`. */
  at(now_us: number): void {
    if (sliceOf(now_us) === this.#slice_us) return;
    this.#collect();
    this.#slice_us = sliceOf(now_us);
    this.#hasEnded = true;
  }

  /** What must be added to the stored slices; those since the start not in each call. Then call `stored`. */
  unstored(now_us: number, isLast = false): Slice[] {
    this.at(now_us);
    this.#collect();
    const isDue = isLast || this.#hasEnded || now_us - this.started_us < YOUNG_US;
    return [...this.#unstored]
      .filter(([slice_us]) => slice_us > 0 || isDue)
      .map(([slice_us, histograms]) => ({ slice_us, histograms }));
  }

  stored(slices: readonly Slice[]): void {
    for (const { slice_us } of slices) this.#unstored.delete(slice_us);
    if (!this.#unstored.has(0)) this.#hasEnded = false;
  }

  #collect(): void {
    const counted: Histograms = {};
    for (const [name, buckets] of this.#counting) {
      const taken = buckets.take();
      if (taken.length > 0) counted[name] = taken;
    }
    if (Object.keys(counted).length === 0) return;
    for (const slice_us of [this.#slice_us, 0])
      this.#unstored.set(slice_us, mergedByName([this.#unstored.get(slice_us) ?? {}, counted]));
  }
}
