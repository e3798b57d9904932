/** Latencies of ticks: percentiles of the histograms that the stages keep by slices of ten seconds. */
import { type Histograms, SLICE_US, SLICES_KEPT, type Slice } from "../contract/measures.ts";
import { merged, quantile, samplesOf } from "./buckets.ts";
import { sliceOf } from "./slices.ts";

/** Microseconds; null with too few samples above it. Signed where two clocks are compared. */
export interface Latency {
  p50_us: number | null;
  p99_us: number | null;
  samples: number;
}

/**
 * The same for every latency and both pipelines: all histograms of the name `name` as one. Null
 * without a sample.
 */
export function latency(histograms: readonly Histograms[], name: string): Latency | null {
  const buckets = merged(histograms.map((each) => each[name]));
  const samples = samplesOf(buckets);
  return samples === 0 ? null : { p50_us: quantile(buckets, 0.5), p99_us: quantile(buckets, 0.99), samples };
}

/** The histograms of the newest whole slices, five minutes of them. The slice in progress is not whole. */
export function wholeSlices(slices: readonly Slice[], now_us: number): Histograms[] {
  const current_us = sliceOf(now_us);
  const oldest_us = current_us - (SLICES_KEPT - 1) * SLICE_US;
  return slices
    .filter(({ slice_us }) => slice_us >= oldest_us && slice_us < current_us)
    .map(({ histograms }) => histograms);
}

/** The histograms since the process began: slice 0. */
export function sinceBegan(slices: readonly Slice[]): Histograms[] {
  return slices.filter(({ slice_us }) => slice_us === 0).map(({ histograms }) => histograms);
}
