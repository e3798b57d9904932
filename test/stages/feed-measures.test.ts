/** What `produce` keeps for the measures of the feed: the exchange's clock, and latencies by slice. */
import { expect, test } from "bun:test";
import { nowUs } from "../../scripts/base/clock.ts";
import { type ClockOffset, SLICE_US, SLICES_KEPT, type Slice } from "../../scripts/contract/measures.ts";
import { samplesOf } from "../../scripts/measure/buckets.ts";
import { FeedMeasures } from "../../scripts/stages/feed-measures.ts";
import { exchange } from "../support/feed.ts";
import { until } from "../support/process.ts";

type Fields = ReturnType<FeedMeasures["fields"]>;
const restOf = (server: { port: number }) => `http://127.0.0.1:${server.port}`;

/** The fields once `isEnough`, of a stage that asks this address. */
async function asked(rest_url: string, isEnough: (fields: Fields) => boolean): Promise<Fields> {
  const measures = new FeedMeasures(rest_url, "replay", nowUs());
  const stop = new AbortController();
  const ended = measures.askTimes(stop.signal);
  await until("enough answers", () => isEnough(measures.fields()));
  stop.abort();
  await ended;
  return measures.fields();
}

/** After `requests` or more of them, once one had a round trip below `most_us`. */
async function offset(
  options: Parameters<typeof exchange>[0],
  requests: number,
  most_us: number,
): Promise<ClockOffset> {
  await using server = exchange(options);
  const isEnough = ({ clock_offset: found }: Fields) =>
    found !== null && found.requests >= requests && found.high_us - found.low_us < most_us;
  const { clock_offset } = await asked(restOf(server), isEnough);
  return clock_offset!;
}

test.each([2_000_000, -2_000_000])(
  "an exchange that is %d µs ahead: the interval has it and is about a round trip wide",
  async (skew_us) => {
    const faults = { time: { to_ms: 100, back_ms: 100 } };
    const { low_us, high_us, requests } = await offset({ skew_us, faults }, 3, 600_000);
    expect(requests).toBeGreaterThanOrEqual(3);
    expect(skew_us).toBeWithin(low_us, high_us + 1);
    // A round trip of 200 ms at least; the time of the answer is in milliseconds.
    expect(high_us - low_us).toBeGreaterThan(150_000);
  },
);

test("a delay on one way widens the interval to that side and leaves the other", async () => {
  const there = await offset({ faults: { time: { to_ms: 300 } } }, 2, 430_000);
  expect(there.low_us).toBeWithin(-150_000, 1);
  expect(there.high_us).toBeWithin(290_000, 600_000);
  const back = await offset({ faults: { time: { back_ms: 300 } } }, 2, 430_000);
  expect(back.low_us).toBeWithin(-600_000, -290_000);
  expect(back.high_us).toBeWithin(0, 150_000);
});

test("a refusal or an absent exchange is counted and its reason kept; there is no interval", async () => {
  await using server = exchange({ faults: { time: { status: 503 } } });
  expect(await asked(restOf(server), ({ time_failed }) => time_failed >= 2)).toMatchObject({
    clock_offset: null,
    time_failure: "REST answers 503",
  });
  const absent = await asked("http://127.0.0.1:1", ({ time_failed }) => time_failed >= 1);
  expect(absent.time_failure).toMatch(/^REST can't be reached: /);
});

test("latencies keep their sign, in slices of ten seconds; the newest are kept, and the sum since the start", () => {
  const now_us = nowUs();
  const measures = new FeedMeasures("http://127.0.0.1:1", "live", now_us);
  for (let i = 40; i >= 0; i--) measures.latency(i === 0 ? 50_000 : -2_000_000, now_us - i * SLICE_US);
  const slices = JSON.parse(measures.fields().measures) as Slice[];
  const newest_us = Math.floor(now_us / SLICE_US) * SLICE_US;
  const kept = Array.from({ length: SLICES_KEPT }, (_, i) => newest_us - (SLICES_KEPT - 1 - i) * SLICE_US);
  expect(slices.map(({ slice_us }) => slice_us)).toEqual([0, ...kept]);
  expect(samplesOf(slices[0]!.histograms.feed!)).toBe(41);
  const [[ahead_us, ahead], [behind_us, behind]] = slices[0]!.histograms.feed! as [[number, number], [number, number]];
  expect([ahead, behind]).toEqual([40, 1]);
  expect(ahead_us).toBeWithin(-2_000_000, -1_930_000);
  expect(behind_us).toBeWithin(50_000, 52_000);
  expect(slices.at(-1)!.histograms.feed).toEqual([[behind_us, 1]]);
  measures.latency(50_000, nowUs());
  const again = JSON.parse(measures.fields().measures) as Slice[];
  expect(samplesOf(again[0]!.histograms.feed!)).toBe(42);
});
