/** Histograms as counts by bucket: a value's bucket, sums, percentiles with enough samples. */
import type { Buckets, Histograms } from "../contract/measures.ts";

/** Buckets per doubling above 64: a bucket is at most 1/32 wider than its smallest value. */
const PARTS = 32;
const EXACT_BELOW = 2 * PARTS;
/** A percentile is not shown with fewer samples above it (docs/measures.md). */
const SAMPLES_ABOVE_MIN = 10;

/** The largest whole number in the bucket of `value`, signed; up to 64 a bucket is one number. */
export function bucketOf(value: number): number {
  const whole = Math.ceil(value);
  const size = Math.abs(whole);
  if (size < EXACT_BELOW) return whole;
  const width = 2 ** Math.floor(Math.log2(size)) / PARTS;
  const least = Math.floor(size / width) * width;
  return whole < 0 ? -least : least + width - 1;
}

/** The largest number below the bucket: it holds the values above that, up to itself. */
export function belowBucket(bucket: number): number {
  const size = Math.abs(bucket);
  if (size < EXACT_BELOW) return bucket - 1;
  const width = 2 ** Math.floor(Math.log2(size)) / PARTS;
  return bucket - width;
}

export function samplesOf(buckets: Buckets): number {
  return buckets.reduce((sum, [, count]) => sum + count, 0);
}

/** One histogram of all samples. */
export function merged(histograms: Iterable<Buckets | undefined>): Buckets {
  const counts = new Map<number, number>();
  for (const buckets of histograms)
    for (const [bucket, count] of buckets ?? []) counts.set(bucket, (counts.get(bucket) ?? 0) + count);
  return [...counts].sort(([a], [b]) => a - b);
}

/** The histograms of each name merged. */
export function mergedByName(all: readonly Histograms[]): Histograms {
  const names = new Set(all.flatMap((histograms) => Object.keys(histograms)));
  return Object.fromEntries([...names].map((name) => [name, merged(all.map((histograms) => histograms[name]))]));
}

/** Whether enough samples are above the `share` quantile to show it. */
export function canShow(samples: number, share: number): boolean {
  // Without the margin 1 − 0.99 would be a little too small in binary.
  return samples * (1 - share) > SAMPLES_ABOVE_MIN - 1e-6;
}

/**
 * The smallest bucket that holds at least `share` of the samples: at most 1/32 above the true value,
 * never below it. Null with too few samples.
 */
export function quantile(buckets: Buckets, share: number): number | null {
  const samples = samplesOf(buckets);
  if (!canShow(samples, share)) return null;
  let left = Math.ceil(samples * share);
  for (const [bucket, count] of buckets) {
    left -= count;
    if (left <= 0) return bucket;
  }
  return null;
}

/** The share of samples that are in buckets up to `value`; null without samples. */
export function shareUpTo(buckets: Buckets, value: number): number | null {
  const samples = samplesOf(buckets);
  if (samples === 0) return null;
  return buckets.reduce((sum, [bucket, count]) => sum + (bucket <= value ? count : 0), 0) / samples;
}
