/** Steps without a sample: a stream that has stopped gets older in each, and lags once a tick waits. */
import { expect, test } from "bun:test";
import { ages } from "../../scripts/measure/age.ts";
import { lags } from "../../scripts/measure/lag.ts";
import { stoppedSteps } from "../../scripts/measure/stopped-steps.ts";
import { sample } from "../support/measure-samples.ts";

const S = 1_000_000;
const span = (from_s: number, to_s: number, step_s = 1) => ({
  from_us: from_s * S,
  to_us: to_s * S,
  step_us: step_s * S,
});

test("from the newest sample to the span's end, and none of before the span", () => {
  const at = (from_s: number, to_s: number, step_s?: number) =>
    stoppedSteps(sample(100, 99), null, span(from_s, to_s, step_s)).map(({ at_us }) => at_us / S);
  expect(at(0, 103)).toEqual([101, 102, 103]);
  expect(at(104, 106.5)).toEqual([105, 106]);
  expect(at(0, 112, 4)).toEqual([104, 108, 112]);
  expect(at(0, 100)).toEqual([]);
});

test("the answer is unchanged: its age grows, its lag from the receipt of the first tick that it lacks", () => {
  const steps = stoppedSteps(sample(100, 98, 99), 110 * S, span(0, 120));
  expect(lags(steps)).toMatchObject({ max: 10 * S, mean: (55 / 20) * S, samples: 20 });
  expect(ages(steps, (at_us) => at_us)!.age).toMatchObject({ max: 22 * S, samples: 20 });
});

test("the perfect age is of the steps at which it is known: until a tick waits", () => {
  const clock = (at_us: number) => at_us;
  const steps = stoppedSteps(sample(100, 98, 99), 104 * S, span(0, 120));
  expect(ages(steps, clock)!.perfect_mean_us).toBe(3 * S);
  const unknown = stoppedSteps(sample(100, 98, 99), undefined, span(0, 120));
  expect(ages(unknown, clock)!.perfect_mean_us).toBeNull();
});
