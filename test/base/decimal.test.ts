/** Decimals as text and back, exact up to the last digit of a safe integer. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatDecimal, formatUnits, parseUnits } from "../../scripts/base/decimal.ts";

const mantissa = fc.oneof(
  fc.nat(1_000_000),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  fc.tuple(fc.nat(999), fc.nat(13)).map(([n, zeros]) => n * 10 ** Math.min(zeros, 12)),
  // Just below a whole number: where a rounded quotient would be one too many.
  fc.tuple(fc.integer({ min: 1, max: 900_000 }), fc.nat(9)).map(([n, less]) => n * 1e10 - less),
);

test("a mantissa and its scale give the same text as the bigint of the same units, and that reads back", () => {
  const property = fc.property(mantissa, fc.nat(10), (m, scale) => {
    const text = formatDecimal(m, scale);
    expect(text).toBe(formatUnits(BigInt(m), scale));
    expect(parseUnits(text, scale)).toBe(BigInt(m));
  });
  fc.assert(property, { numRuns: 5_000 });
});

test("no trailing zeros, and a digit before the point", () => {
  const texts = [formatDecimal(2_574_102, 2), formatDecimal(2_574_100, 2), formatDecimal(1, 8), formatDecimal(0, 3)];
  expect(texts).toEqual(["25741.02", "25741", "0.00000001", "0"]);
  expect(formatDecimal(9_007_199_254_740_991, 10)).toBe("900719.9254740991");
});
