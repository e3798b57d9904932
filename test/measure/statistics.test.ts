/** Statistics of runs: coverage, percentiles with enough samples, slopes and ratios with intervals. */
import { expect, test } from "bun:test";
import { differenceIn, medianCoverage, type Point, percentile, theilSen } from "../../scripts/measure/statistics.ts";

/** Uniform in [0, 1), the same in each run. */
function randoms(seed: number): () => number {
  let x = seed;
  return () => {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    return x / 2 ** 32;
  };
}

test("min – max of 6 runs covers the median with 96.9 %, of 3 with 75 %, of 1 never", () => {
  expect([1, 2, 3, 5, 6].map(medianCoverage)).toEqual([0, 0.5, 0.75, 0.9375, 0.96875]);
});

test("the stated coverage is what random runs show", () => {
  const random = randoms(1);
  const covers = (runs: number) => {
    // A skewed distribution with the median 0.25.
    const values = Array.from({ length: runs }, () => random() ** 2);
    return Math.min(...values) <= 0.25 && Math.max(...values) >= 0.25;
  };
  for (const runs of [3, 6]) {
    const share = Array.from({ length: 20_000 }, () => covers(runs)).filter(Boolean).length / 20_000;
    expect(Math.abs(share - medianCoverage(runs))).toBeLessThan(0.01);
  }
});

test("a percentile is exact with 10 values above it, and null with fewer", () => {
  const values = Array.from({ length: 1_000 }, (_, i) => 1_000 - i);
  expect(percentile(values, 0.99)).toBe(990);
  expect(percentile(values, 0.5)).toBe(500);
  expect(percentile(values.slice(1), 0.99)).toBeNull();
  expect(percentile([], 0.5)).toBeNull();
  expect(percentile(Float64Array.from(values), 0.99)).toBe(990);
  expect(values[0]).toBe(1_000);
});

const line = (n: number, y: (x: number) => number): Point[] =>
  Array.from({ length: n }, (_, x): Point => ({ x, y: y(x) }));

test("the slope of a straight line is exact, and its interval is that slope", () => {
  expect(theilSen(line(20, (x) => 3 * x + 7))).toEqual({ slope: 3, low: 3, high: 3 });
  expect(theilSen(line(20, () => 0))).toEqual({ slope: 0, low: 0, high: 0 });
  expect(theilSen(line(9, (x) => x))).toBeNull();
  expect(theilSen(Array.from({ length: 20 }, (_, y) => ({ x: 1, y })))).toBeNull();
});

test("one outlier of any size moves neither the slope nor its interval away from the line", () => {
  const random = randoms(2);
  const points = line(60, (x) => x + random());
  points[30]!.y = 1e9;
  const { slope, low, high } = theilSen(points)!;
  expect([slope > 0.97, slope < 1.03, low > 0.95, high < 1.05]).toEqual([true, true, true, true]);
});

test("the interval of a slope holds the true one in 95 % of noisy series", () => {
  const random = randoms(3);
  const series = Array.from({ length: 1_000 }, () => theilSen(line(60, (x) => 0.01 * x + random()))!);
  const share = series.filter(({ low, high }) => low <= 0.01 && high >= 0.01).length / series.length;
  expect(share).toBeGreaterThan(0.93);
  expect(share).toBeLessThan(0.98);
});

test("a growing lag is above 0 with its whole interval, a steady one is not", () => {
  const random = randoms(4);
  expect(theilSen(line(60, (x) => 2 * x + 5 * random()))!.low).toBeGreaterThan(0);
  const steady = theilSen(line(60, () => 5 * random()))!;
  expect([steady.low < 0, steady.high > 0]).toEqual([true, true]);
});

test("a difference is claimed only from 6 pairs with 1 outside of their interval", () => {
  expect(differenceIn([1.1, 1.2, 1.3, 1.1, 1.4])).toBe("too few pairs");
  expect(differenceIn([1.1, 1.2, 1.3, 1.1, 1.4, 1.05])).toBe("more");
  expect(differenceIn([0.8, 0.9, 0.7, 0.95, 0.5, 0.99])).toBe("less");
  expect(differenceIn([0.8, 0.9, 0.7, 0.95, 0.5, 1])).toBe("not shown");
  expect(differenceIn([5, 6, 7, 8, 9, 0.99])).toBe("not shown");
});
