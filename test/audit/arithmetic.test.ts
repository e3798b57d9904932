/** Numbers of other engines: decimals of any text, roundings, floats rounded once, orders of summing. */
import { describe, expect, test } from "bun:test";
import {
  isRounded,
  nearestDouble,
  nearestFloat,
  quotientText,
  type Rounding,
  readDecimal,
} from "../../scripts/audit/arithmetic-decimal.ts";
import { FloatSum } from "../../scripts/audit/arithmetic-float.ts";
import { random } from "../support/flips.ts";

const q = (num: bigint, den: bigint) => ({ num, den });

test("a cell's text as the decimal that it is", () => {
  expect(readDecimal("25741.0200")).toEqual({ units: 257_410_200n, scale: 4 });
  expect(readDecimal("-1.5E-3")).toEqual({ units: -15n, scale: 4 });
  expect(readDecimal("1.2276106E7")).toEqual({ units: 12_276_106n, scale: 0 });
  expect(readDecimal(" 7 ")).toEqual({ units: 7n, scale: 0 });
  for (const text of ["", ".", "abc", "NaN", "1,5", "0x10", "1e999"]) expect(readDecimal(text)).toBeNull();
});

describe("rounding", () => {
  const cases: [text: string, num: bigint, den: bigint, rounding: Rounding, is: boolean][] = [
    ["0.33", 1n, 3n, { to: "places", n: 2, tie: "up" }, true],
    ["0.34", 1n, 3n, { to: "places", n: 2, tie: "up" }, false],
    ["0.13", 125n, 1_000n, { to: "places", n: 2, tie: "up" }, true],
    ["0.12", 125n, 1_000n, { to: "places", n: 2, tie: "even" }, true],
    ["0.66", 2n, 3n, { to: "places", n: 2, tie: "down" }, true],
    ["-0.13", -125n, 1_000n, { to: "places", n: 2, tie: "up" }, true],
    ["25740.33613445378151260504202", 6_126_200n, 238n, { to: "digits", n: 28, tie: "even" }, true],
    ["0.06666666666666666666666666667", 1n, 15n, { to: "digits", n: 28, tie: "even" }, true],
    ["9.9", 995n, 100n, { to: "digits", n: 2, tie: "up" }, false],
    ["25740.336134453782", 6_126_200n, 238n, { to: "double" }, true],
    ["25740.336134453786", 6_126_200n, 238n, { to: "double" }, false],
    ["0.5", 1n, 2n, { to: "exact" }, true],
  ];
  test.each(cases)("%s of %d / %d", (text, num, den, rounding, is) => {
    expect(isRounded(readDecimal(text)!, q(num, den), rounding)).toBe(is);
  });
});

test("the nearest double of a decimal is what its text parses to (2,000 seeds)", () => {
  const next = random(3);
  for (let n = 0; n < 2_000; n++) {
    const places = Math.floor(next() * 18);
    const num = BigInt(Math.floor(next() * 2 ** 53)) * BigInt(Math.floor(next() * 1_000_000));
    const text = quotientText(q(num, 10n ** BigInt(places)), places);
    expect(nearestDouble(q(num, 10n ** BigInt(places)))).toBe(Number(text));
  }
});

test("a decimal becomes a 32-bit float in one rounding, where two would differ", () => {
  // Just above halfway between 1 and the next float; the nearest double is exactly halfway.
  const num = 10n ** 24n + 59_604_644_775_390_625n + 1n;
  const above = { num, den: 10n ** 24n };
  expect(Math.fround(nearestDouble(above))).toBe(1);
  expect(nearestFloat(above)).toBe(1 + 2 ** -23);
  expect(nearestFloat({ num: 2n ** 24n + 1n, den: 2n ** 24n })).toBe(1);
  expect(nearestFloat(q(2_574_102n, 100n))).toBe(Math.fround(25_741.02));
});

test("sums in the order of batches, of the log, and compensated as Python's", () => {
  const sum = (
    order: "batches" | "one_pass" | "compensated",
    values: [value: number, batch: number, partition: number][],
  ) => {
    const total = new FloatSum(order);
    for (const [value, batch, partition] of values) total.add(value, batch, partition);
    return total.value;
  };
  const tenths = Array.from({ length: 10 }, (): [number, number, number] => [0.1, 0, 0]);
  expect(sum("one_pass", tenths)).toBe(0.9999999999999999);
  expect(sum("compensated", tenths)).toBe(1);
  const halves: [number, number, number][] = [
    [0.1, 0, 0],
    [0.2, 1, 0],
    [0.3, 1, 0],
  ];
  expect(sum("batches", halves)).toBe(0.1 + (0.2 + 0.3));
  expect(sum("one_pass", halves)).toBe(0.1 + 0.2 + 0.3);
  const parts: [number, number, number][] = [
    [0.1, 0, 1],
    [0.2, 0, 0],
    [0.3, 0, 1],
    [Number.NaN, 0, 0],
  ];
  expect(sum("batches", parts)).toBe(0.2 + (0.1 + 0.3));
});
