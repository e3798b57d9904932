/** Statistics of few runs and of noisy series: medians, percentiles, slopes and ratios with intervals. */
import { median } from "../base/median.ts";
import { canShow } from "./buckets.ts";

/** An interval that covers the true value less often than this supports no claim. */
const COVERAGE_MIN = 0.95;
/** Two-sided 95 % of the normal distribution. */
const Z_95 = 1.96;
/** Below this many points Kendall's statistic is not close to normal. */
const POINTS_MIN = 10;

/**
 * The probability that the true median is between the smallest and the largest of `runs` independent
 * values of any distribution: 1 − 2 · (1/2)^runs, so 0.969 for 6 and 0.75 for 3.
 */
export function medianCoverage(runs: number): number {
  return runs < 2 ? 0 : 1 - 2 ** (1 - runs);
}

/** The smallest value that at least `share` of the values don't exceed; null with too few above it. */
export function percentile(values: ArrayLike<number>, share: number): number | null {
  return percentileOfSorted(Float64Array.from(values).sort(), share);
}

/** The same of ascending values. */
export function percentileOfSorted(sorted: ArrayLike<number>, share: number): number | null {
  const { length } = sorted;
  return canShow(length, share) ? sorted[Math.max(0, Math.ceil(share * length) - 1)]! : null;
}

export interface Point {
  x: number;
  y: number;
}

/** The slopes between all pairs of points of different x. */
export function slopesOf(points: readonly Point[]): number[] {
  return points.flatMap((a, i) => points.slice(i + 1).flatMap((b) => (a.x === b.x ? [] : [(b.y - a.y) / (b.x - a.x)])));
}

export interface Slope {
  slope: number;
  /** Bounds of the 95 % interval. */
  low: number;
  high: number;
}

/**
 * The median of all pairs' slopes (Theil 1950), with Sen's interval from the ranks of Kendall's
 * statistic (1968). Null with fewer than 10 points. Points that depend on their neighbours make the
 * true interval wider.
 */
export function theilSen(points: readonly Point[]): Slope | null {
  const n = points.length;
  const slopes = slopesOf(points).sort((a, b) => a - b);
  if (n < POINTS_MIN || slopes.length === 0) return null;
  const spread = Z_95 * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const rank = (wanted: number) => slopes[Math.min(slopes.length - 1, Math.max(0, wanted))]!;
  return {
    slope: median(slopes),
    low: rank(Math.floor((slopes.length - spread) / 2) - 1),
    high: rank(Math.ceil((slopes.length + spread) / 2)),
  };
}

/**
 * What ratios of pairs support: a difference only if 1 is outside of their smallest and largest, and
 * these cover the true median with at least 95 % (6 pairs).
 */
export function differenceIn(ratios: readonly number[]): "less" | "more" | "not shown" | "too few pairs" {
  if (medianCoverage(ratios.length) < COVERAGE_MIN) return "too few pairs";
  if (Math.max(...ratios) < 1) return "less";
  return Math.min(...ratios) > 1 ? "more" : "not shown";
}
