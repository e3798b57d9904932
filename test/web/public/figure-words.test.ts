/** Figures that move: prices, ages, times until, trends, and how far lanes have come. */
import { expect, test } from "bun:test";
import { ageWords, reaches, shortPrice, trendOf, untilWords } from "../../../web/public/figure-words.ts";

test("prices have two decimals in sight, small ones four digits", () => {
  const prices = ["25735.9700000000", "0", "1234567.005", "0.00001234567", "-3.5"];
  expect(prices.map(shortPrice)).toEqual(["25,735.97", "0.00", "1,234,567.01", "0.00001235", "-3.50"]);
});

test("ages are as precise as they can be read while they move, and never negative", () => {
  const ages = [-5, 0, 249, 9_960, 12_900, 119_999, 120_000, 7_199_999, 7_200_000];
  expect(ages.map(ageWords)).toEqual(["0.0 s", "0.0 s", "0.2 s", "10.0 s", "12 s", "119 s", "2 min", "119 min", "2 h"]);
  expect([untilWords(900), untilWords(0), untilWords(-1)]).toEqual(["in 0.9 s", "now", "now"]);
});

test("a lag grows or falls by more than half a second and a fifth; otherwise it is steady", () => {
  expect(trendOf([])).toBe("steady");
  expect(trendOf([0, 9_000, 9_000])).toBe("steady");
  expect(trendOf([1_000, 1_100, 1_300, 1_450])).toBe("steady");
  expect(trendOf([1_000, 2_000, 3_000, 4_000])).toBe("grows");
  expect(trendOf([60_000, 59_000, 55_000, 54_000])).toBe("steady");
  expect(trendOf([9_000, 8_000, 1_000, 0])).toBe("falls");
});

test("lanes share one scale, which ends at the newest and is at least a minute", () => {
  expect(reaches([100_000, 100_000, 70_000, null])).toEqual([1, 1, 0.5, null]);
  expect(reaches([600_000, 0])).toEqual([1, 0.5]);
  expect(reaches([null, null])).toEqual([null, null]);
});
