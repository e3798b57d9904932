/** Latencies: the spans are what their labels say, and no percentile comes from too few ticks. */
import { expect, test } from "bun:test";
import type { Slice } from "../../scripts/contract/measures.ts";
import { latency, sinceBegan, wholeSlices } from "../../scripts/measure/tick-latency.ts";

const SECOND = 1_000_000;
const NOW_US = 1_700_000_000 * SECOND + 7 * SECOND;
const CURRENT_US = 1_700_000_000 * SECOND;
const slice = (slice_us: number, us: number, count: number): Slice => ({
  slice_us,
  histograms: { pipeline: [[us, count]] },
});

test("the last 5 minutes are the newest 30 whole slices: neither the one in progress, nor since start, nor older ones", () => {
  const slices = [
    slice(0, 9, 1),
    slice(CURRENT_US, 9, 1),
    slice(CURRENT_US - 10 * SECOND, 1, 100),
    slice(CURRENT_US - 300 * SECOND, 2, 100),
    slice(CURRENT_US - 310 * SECOND, 9, 1),
  ];
  const recent = latency(wholeSlices(slices, NOW_US), "pipeline");
  expect(recent).toEqual({ p50_us: 1, p99_us: null, samples: 200 });
  expect(latency(sinceBegan(slices), "pipeline")).toMatchObject({ samples: 1 });
});

test("a stall of 8 s that 2 % of the ticks waited for is in p99 (L1)", () => {
  const slices = [slice(CURRENT_US - 10 * SECOND, 1_000, 9_800), slice(CURRENT_US - 20 * SECOND, 8 * SECOND, 200)];
  expect(latency(wholeSlices(slices, NOW_US), "pipeline")).toEqual({
    p50_us: 1_000,
    p99_us: 8 * SECOND,
    samples: 10_000,
  });
});

test("feed latency stays negative if the exchange's clock is ahead", () => {
  expect(latency([{ feed: [[-2_000_000, 5_000]] }], "feed")).toMatchObject({ p50_us: -2_000_000, p99_us: -2_000_000 });
});

test("without enough ticks above it a percentile is absent, and without a tick the latency", () => {
  expect(latency([{ feed: [[1, 19]] }], "feed")).toEqual({ p50_us: null, p99_us: null, samples: 19 });
  expect(latency([{ feed: [] }, {}], "feed")).toBeNull();
});
