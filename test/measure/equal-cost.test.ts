/** The interval of equal cost, the price of age, and prices as the user writes them. */
import { expect, test } from "bun:test";
import { parsePrices } from "../../scripts/contract/prices.ts";
import { agePriceOfEqualCost, equalCostSeconds, lineOfRuns } from "../../scripts/measure/equal-cost.ts";
import type { ChargedRun, Cost } from "../../scripts/measure/pipeline-cost.ts";
import { pricePerHour } from "../../scripts/measure/price-per-hour.ts";

const run = (ticks_new: number, cpu_seconds: number | null, change: Partial<ChargedRun> = {}): ChargedRun => ({
  ...{
    state: "done",
    started_us: 0,
    ended_us: 1,
    ticks_new,
    history_new: 0,
    cpu_seconds,
    read_bytes: 0,
    written_bytes: 0,
  },
  ...{ peak_rss_bytes: 1, queries_cpu_seconds: 3, windows_cpu_seconds: 3, ...change },
});
const runs = Array.from({ length: 20 }, (_, i) => run(i * 1_000, 1.2 + i * 0.05));

test("the line through runs: what an empty one uses and what a tick adds; one disturbed run does not move it", () => {
  const line = lineOfRuns([...runs, run(5_000, 60), run(1, 99, { state: "failed" }), run(1, null)]);
  if (typeof line === "string") throw new Error(line);
  expect(line.fixed_s).toBeCloseTo(1.2, 6);
  expect(line.per_tick_s).toBeCloseTo(5e-5, 9);
  expect(line.runs).toBe(21);
});

test("no line from few runs, or from runs of one size", () => {
  expect(lineOfRuns(runs.slice(0, 9))).toBe("9 measured batch runs; it needs 10");
  expect(lineOfRuns(runs.map(() => run(6_600, 1)))).toMatch(/too similar/);
});

test("no line from runs whose differences hide the cost of a tick: it would be below zero", () => {
  const falling = Array.from({ length: 12 }, (_, i) => run(i * 1_000, 2 - i * 0.01));
  expect(lineOfRuns(falling)).toMatch(/smaller than the differences/);
});

const steady = { stream_cores: 0.03, consume_cores: 0.01, ticks_per_second: 100 };
const line = { fixed_s: 1.2, per_tick_s: 5e-5, runs: 20 };

test("at the interval of equal cost both pipelines use the same CPU time", () => {
  const seconds = equalCostSeconds(steady, line);
  if (typeof seconds === "string") throw new Error(seconds);
  expect(seconds).toBeCloseTo(80, 6);
  const batch_cores = steady.consume_cores + line.fixed_s / seconds + line.per_tick_s * steady.ticks_per_second;
  expect(batch_cores).toBeCloseTo(steady.stream_cores, 12);
});

test("a stream that uses less than consume has no interval of equal cost, and wins at any price of age", () => {
  const cheap = { ...steady, stream_cores: 0.012 };
  expect(equalCostSeconds(cheap, line)).toMatch(/cheaper at every interval/);
  expect(agePriceOfEqualCost(cheap, line, 1)).toBe(0);
  expect(equalCostSeconds(steady, { ...line, fixed_s: 0 })).toMatch(/no fixed cost/);
});

test("the price of age: at it the best interval of a batch costs what the stream does", () => {
  const core_second = 2e-5;
  const v = agePriceOfEqualCost(steady, line, core_second);
  // A batch every T seconds costs c0 / T in cores, and T / 2 in mean age; its best T makes both terms
  // equal.
  const best_s = Math.sqrt((2 * core_second * line.fixed_s) / v);
  const batch = core_second * (line.fixed_s / best_s) + (v * best_s) / 2;
  expect(batch).toBeCloseTo(core_second * 2 * 0.015 * 0.5, 12);
  expect(v).toBeCloseTo((core_second * 0.015 ** 2) / 2.4, 15);
});

test("prices are what the user gives; otherwise a sentence names what is wrong", () => {
  expect(parsePrices("core-hour=0.04,gib-hour=0.005,gb-month=0.02")).toEqual({
    core_hour: 0.04,
    gib_hour: 0.005,
    gb_month: 0.02,
  });
  expect(parsePrices(" core-hour = 1 ")).toEqual({ core_hour: 1, gib_hour: null, gb_month: null });
  expect(parsePrices("core=1")).toBe(
    '"core=1" is not a valid price: the names are core-hour, gib-hour, gb-month. Use for example core-hour=0.04,gib-hour=0.005,gb-month=0.02.',
  );
  expect(parsePrices("core-hour=cheap")).toStartWith('"cheap" is not a valid price for core-hour: a number from 0.');
  for (const text of ["", "core-hour", "core-hour=-1", "core-hour=1e3", "core-hour=", "core-hour=1,", "toString=1"])
    expect(parsePrices(text)).toBeString();
  expect(parsePrices("core-hour=1,core-hour=2")).toBe("core-hour has two prices. Give it once.");
});

test("an hour's price is that of its CPU time, its mean memory and its disk", () => {
  const cost: Cost = {
    ...{ ticks_per_second: 100, cpu_seconds_per_million_ticks: 100, cpu_seconds_per_hour: 360, read_bytes_per_tick: 0 },
    ...{ written_bytes_per_tick: 0, mean_rss_bytes: 2 ** 30, peak_rss_bytes: 2 ** 31, peak_pss_bytes: null },
  };
  const prices = { core_hour: 0.5, gib_hour: 0.25, gb_month: 7.3 };
  expect(pricePerHour(cost, 10e9, prices)).toBeCloseTo(0.05 + 0.25 + 0.1, 12);
  expect(pricePerHour({ ...cost, mean_rss_bytes: 2 ** 29 }, 0, prices)).toBeCloseTo(0.05 + 0.125, 12);
  expect(pricePerHour(cost, 10e9, { core_hour: null, gib_hour: null, gb_month: null })).toBe(0);
});
