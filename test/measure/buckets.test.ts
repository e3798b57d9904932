/** Buckets hold their values within 1/32, in order, and a percentile needs ten samples above it. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { bucketOf, canShow, merged, quantile, shareUpTo } from "../../scripts/measure/buckets.ts";

test("a bucket holds its value, is at most 1/32 wider, and is the bucket of its own bound", () => {
  fc.assert(
    fc.property(fc.double({ min: -1e13, max: 1e13, noNaN: true }), (value) => {
      const bucket = bucketOf(value);
      expect(bucket).toBeGreaterThanOrEqual(value);
      expect(bucket - value).toBeLessThanOrEqual(1 + Math.abs(value) / 32);
      expect(bucketOf(bucket)).toBe(bucket);
    }),
  );
});

test("buckets keep the order of values", () => {
  const value = fc.integer({ min: -1e9, max: 1e9 });
  fc.assert(
    fc.property(value, value, (a, b) => {
      const [low, high] = a < b ? [a, b] : [b, a];
      expect(bucketOf(low)).toBeLessThanOrEqual(bucketOf(high));
    }),
  );
});

test("a percentile needs ten samples above it", () => {
  expect([canShow(19, 0.5), canShow(20, 0.5), canShow(999, 0.99), canShow(1000, 0.99)]).toEqual([
    false,
    true,
    false,
    true,
  ]);
  expect(quantile([[5, 19]], 0.5)).toBeNull();
});

test("a percentile is the smallest bucket with its share of the samples", () => {
  const buckets = merged([[[10, 500]], [[20, 490]], [[30, 10]], undefined]);
  expect(quantile(buckets, 0.5)).toBe(10);
  expect(quantile(buckets, 0.501)).toBe(20);
  expect(quantile(buckets, 0.99)).toBe(20);
  expect(shareUpTo(buckets, 20)).toBe(0.99);
});
