/** Values at equal steps of time as mean, percentiles with enough samples, and maximum. */
import { percentileOfSorted } from "./statistics.ts";

/** In the values' unit. A percentile is null with too few samples above it. */
export interface Distribution {
  mean: number;
  p50: number | null;
  p90: number | null;
  p99: number | null;
  max: number;
  samples: number;
}

/** Null without a value. */
export function distribution(values: readonly number[]): Distribution | null {
  const samples = values.length;
  if (samples === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => percentileOfSorted(sorted, share);
  const mean = values.reduce((sum, value) => sum + value, 0) / samples;
  return { mean, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: sorted.at(-1)!, samples };
}
