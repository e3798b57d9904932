/** Lag: silence is none, a stopped reader is one that grows, and the batch's is there between its runs. */
import { expect, test } from "bun:test";
import type { AnswerSample } from "../../scripts/contract/measures.ts";
import { batchSamples, waitingBySamples } from "../../scripts/measure/batch-answers.ts";
import { lagAt, lags } from "../../scripts/measure/lag.ts";
import { batchRun, sample } from "../support/measure-samples.ts";

const S = 1_000_000;
const waiting = (at_s: number, waiting_s: number | null): AnswerSample => ({
  ...sample(at_s, 1),
  waiting_us: waiting_s === null ? null : waiting_s * S,
});

test("an answer that lacks nothing has no lag, however old its newest tick is", () => {
  expect(lagAt(sample(1_000, 1))).toBe(0);
});

test("a stall of 20 s is a lag of up to 20 s, and the samples around it have none", () => {
  const samples = Array.from({ length: 60 }, (_, at_s) => waiting(at_s, at_s >= 20 && at_s <= 40 ? 20 : null));
  expect(lags(samples)).toMatchObject({ max: 20 * S, p50: 0, p99: null, samples: 60, mean: (210 / 60) * S });
});

test("between two runs the batch lags behind the first tick that the next run added; after the newest, behind the log", () => {
  const runs = [
    batchRun(1, 100, { "BTC-USD": 90 * S }, {}),
    batchRun(2, 160, { "BTC-USD": 150 * S }, { "BTC-USD": 97 * S }),
  ];
  const lag = (at_s: number, waiting_us: number | null) =>
    lagAt(batchSamples([sample(at_s, at_s)], runs, "BTC-USD", waiting_us)[0]!) / S;
  expect([lag(100, null), lag(159, null)]).toEqual([3, 62]);
  expect([lag(160, null), lag(170, 155 * S), lag(170, 175 * S)]).toEqual([0, 15, 0]);
});

test("moments before the oldest kept run count only once a tick that it added waited: a forgotten run may have answered", () => {
  const runs = [batchRun(7, 100, { "BTC-USD": 99 * S }, { "BTC-USD": 70 * S })];
  const samples = Array.from({ length: 120 }, (_, at_s) => sample(at_s, at_s));
  expect(lags(batchSamples(samples, runs, "BTC-USD", null))).toMatchObject({ samples: 50, max: 29 * S });
  // After a run of an older version, or a damaged one, a run does not know what waited before it.
  const unknown = batchSamples(samples, [batchRun(7, 100, { "BTC-USD": 99 * S })], "BTC-USD", null);
  expect(unknown.map(({ at_us }) => at_us / S)).toEqual(Array.from({ length: 20 }, (_, i) => 100 + i));
});

test("where the log can't be asked, the first sample with a newer tick than the run's is when the batch began to lag", () => {
  const samples = [sample(10, null), sample(11, 5), sample(12, 8), sample(13, 9)];
  expect(waitingBySamples(samples, 5 * S)).toBe(12 * S);
  expect(waitingBySamples(samples, 9 * S)).toBeNull();
  expect(waitingBySamples(samples, null)).toBe(11 * S);
});
