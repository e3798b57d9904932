/** The search for the largest rate that a system sustains: double, then bisect. */

export interface RateSearch {
  /** The first rate. */
  start: number;
  /** Rates outside of these are not tried. */
  least: number;
  most: number;
  /** The search ends when the smallest failed rate is at most the largest sustained one times this. */
  factor: number;
}

interface FoundRate {
  /** The largest rate that was sustained; null when none was. */
  sustained: number | null;
  /** The smallest rate above it that was not; null when `most` was sustained. */
  failed: number | null;
}

/**
 * From `start` the rate doubles while it is sustained, or else halves until it is; then the gap is
 * bisected at its geometric mean. `isSustained` is called once per rate, which is a whole number.
 */
export async function largestSustained(
  { start, least, most, factor }: RateSearch,
  isSustained: (rate: number) => Promise<boolean>,
): Promise<FoundRate> {
  let sustained: number | null = null;
  let failed: number | null = null;
  for (let rate = start; sustained === null || failed === null; ) {
    if (await isSustained(rate)) sustained = rate;
    else failed = rate;
    const next: number = failed === rate ? Math.round(rate / 2) : rate * 2;
    const isOver = failed === null ? rate === most : sustained === null && rate === least;
    if (isOver) return { sustained, failed };
    rate = Math.min(most, Math.max(least, next));
  }
  while (failed / sustained > factor) {
    const rate = Math.round(Math.sqrt(failed * sustained));
    if (rate <= sustained || rate >= failed) break;
    if (await isSustained(rate)) sustained = rate;
    else failed = rate;
  }
  return { sustained, failed };
}
