/** Age and the batch's answer over time: the faults L8, L9, L11 and L12 of the measures before. */
import { expect, test } from "bun:test";
import { ageAt, ages } from "../../scripts/measure/age.ts";
import { batchSamples } from "../../scripts/measure/batch-answers.ts";
import { batchRun, sample } from "../support/measure-samples.ts";

const S = 1_000_000;
const sameClock = (at_us: number) => at_us;

test("stream and batch that contain the same ticks are equally old, and what other products contain does not count (L8)", () => {
  const stream = [sample(100, 90), sample(101, 90)];
  const batch = batchSamples(stream, [batchRun(1, 95, { "BTC-USD": 90 * S, "ETH-USD": 1_858 * S })], "BTC-USD", null);
  expect(ages(batch, sameClock)).toEqual(ages(stream, sameClock));
});

test("a silent market is in the age of the perfect answer, so it can be subtracted (L9)", () => {
  const samples = Array.from({ length: 40 }, (_, i) => sample(100 + i, 95, 98));
  const { age, perfect_mean_us } = ages(samples, sameClock)!;
  expect(age.mean - perfect_mean_us!).toBe(3 * S);
  expect(perfect_mean_us).toBe((2 + 19.5) * S);
});

test("the batch's answer is that of the run before, until a run ends", () => {
  const runs = [batchRun(1, 100, { "BTC-USD": 80 * S }), batchRun(2, 160, { "BTC-USD": 140 * S })];
  const at = (at_s: number) => batchSamples([sample(at_s, at_s)], runs, "BTC-USD", null)[0]?.answer_us ?? null;
  expect([at(99), at(100), at(159), at(160)]).toEqual([null, 80 * S, 80 * S, 140 * S]);
});

test("no answer, no age: it is not 0 and not counted (L11)", () => {
  expect(ageAt(sample(5, null), sameClock)).toBeNull();
  expect(ages([sample(5, null)], sameClock)).toBeNull();
  expect(ages([sample(5, null), sample(9, 2)], sameClock)).toMatchObject({ age: { mean: 7 * S, samples: 1 } });
});

test("in a replay both ages are by the recording's clock (L12)", () => {
  const thirtyTimes = (at_us: number) => 1_000 * S + at_us * 30;
  expect(ageAt(sample(10, 1_270, 1_285), thirtyTimes)).toEqual({ age_us: 30 * S, perfect_us: 15 * S });
});

test("the curve has the share of time above each value; p99 needs a thousand samples", () => {
  const samples = Array.from({ length: 300 }, (_, i) => sample(i, i - (i < 270 ? 0.15 : 45)));
  const { age, curve } = ages(samples, sameClock)!;
  expect(curve.slice(0, 3)).toEqual([
    [0.1 * S, 1],
    [0.2 * S, 0.1],
    [0.5 * S, 0.1],
  ]);
  expect(curve.at(-1)).toEqual([60 * S, 0]);
  expect(curve.length).toBeLessThanOrEqual(24);
  expect([age.p50! / S, age.p90! / S, age.p99]).toEqual([expect.closeTo(0.15, 6), expect.closeTo(0.15, 6), null]);
});
