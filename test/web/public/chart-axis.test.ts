/** Ticks and labels of axes: round, different, in the reader's time zone. */
import { describe, expect, test } from "bun:test";
import { clockOf, daysOf, timeTicks, valueLabels, valueTicks } from "../../../web/public/chart-axis.ts";

const at = (iso: string) => Date.parse(iso) / 1000;
const labels = (from: string, to: string, most: number, zone = "UTC") =>
  timeTicks(at(from), at(to), most, zone).map(({ label }) => label);

describe("times", () => {
  test("an hour has minutes, a minute has seconds, a week has days", () => {
    expect(labels("2023-09-05T16:00Z", "2023-09-05T17:00Z", 7)).toEqual([
      "16:00",
      "16:10",
      "16:20",
      "16:30",
      "16:40",
      "16:50",
      "17:00",
    ]);
    expect(labels("2023-09-05T16:00:10Z", "2023-09-05T16:00:40Z", 3)).toEqual([
      "16:00:10",
      "16:00:20",
      "16:00:30",
      "16:00:40",
    ]);
    expect(labels("2023-08-30T00:00Z", "2023-09-02T12:00Z", 5)).toEqual(["30 Aug", "31 Aug", "1 Sep", "2 Sep"]);
  });

  test("midnight is the day that begins", () => {
    expect(labels("2023-09-05T20:00Z", "2023-09-06T04:00Z", 5)).toEqual(["20:00", "22:00", "6 Sep", "02:00", "04:00"]);
  });

  test("round times are those of the zone, also where it is half an hour off and when its clocks change", () => {
    expect(labels("2023-09-05T16:00Z", "2023-09-05T20:00Z", 4, "Asia/Kolkata")).toEqual([
      "22:00",
      "23:00",
      "6 Sep",
      "01:00",
    ]);
    const change = timeTicks(at("2023-10-28T22:00Z"), at("2023-10-29T06:00Z"), 9, "Europe/Berlin");
    for (const { at_s, label } of change)
      if (label.includes(":")) expect(clockOf(at_s, "Europe/Berlin", false)).toBe(label);
  });

  test("the days of a span name the zone", () => {
    expect(daysOf(at("2023-09-05T16:00Z"), at("2023-09-05T17:00Z"), "UTC")).toBe("5 Sep 2023 · UTC");
    expect(daysOf(at("2022-12-31T16:00Z"), at("2023-01-01T17:00Z"), "UTC")).toBe("31 Dec 2022 – 1 Jan 2023 · UTC");
  });
});

describe("values", () => {
  test("labels have the digits that their step needs, and all of the value", () => {
    expect(valueLabels(valueTicks(25_740.55, 25_741.32, 4))).toEqual(
      ["25,740.60", "25,740.80", "25,741.00", "25,741.20"].map((label) => label.replace(/0$/, "")),
    );
    expect(valueLabels([0, 2.5, 5])).toEqual(["0.0", "2.5", "5.0"]);
    expect(valueLabels([20_000, 40_000])).toEqual(["20,000", "40,000"]);
  });

  test("they differ, from tiny to large ranges", () => {
    for (const [low, high] of [
      [0.000_001, 0.000_002],
      [1, 1.000_01],
      [25_000, 26_000],
      [-5, 5],
      [1e9, 3e9],
    ] as const) {
      const ticks = valueTicks(low, high, 5);
      expect(ticks.length).toBeGreaterThanOrEqual(2);
      expect(new Set(valueLabels(ticks)).size).toBe(ticks.length);
    }
  });

  test("no range, no endless list", () => {
    expect(valueTicks(5, 5, 4)).toEqual([5]);
    expect(valueTicks(0, Number.POSITIVE_INFINITY, 4)).toEqual([0]);
  });
});
