/** Completeness: both counts at one position of the log (L2), and for the batch measured at all (L3). */
import { expect, test } from "bun:test";
import { bucketOf } from "../../scripts/measure/buckets.ts";
import {
  batchAnswers,
  type CountedWindow,
  completeness,
  completenessCurve,
  isRunAhead,
  streamAnswers,
} from "../../scripts/measure/completeness.ts";

const S = 1_000_000;
const window = (start_s: number, row_count: number, all_count = row_count, is_open = false): CountedWindow => ({
  window_start_us: start_s * S,
  row_count,
  all_count,
  is_open,
});

test("without a late tick the stream is complete: how far the newest run has read does not count (L2)", () => {
  const windows = [window(0, 100), window(60, 151), window(120, 40, 40, true)];
  expect(completeness(streamAnswers(windows))).toEqual({ share: 1, ticks: 251, lacking: 0, windows: 2 });
});

test("a late tick is lacking in the final row", () => {
  expect(completeness(streamAnswers([window(0, 99, 100)]))).toMatchObject({ share: 0.99, lacking: 1 });
});

test("the batch lacks the ticks since its newest run, in open windows too (L3)", () => {
  const windows = [window(0, 100, 103), window(60, 50), window(120, 40, 40, true)];
  const rows = new Map([
    [0, 103],
    [60 * S, 20],
  ]);
  expect(completeness(batchAnswers(windows, rows, false))).toEqual({
    share: 123 / 193,
    ticks: 123,
    lacking: 70,
    windows: 3,
  });
});

test("of a run that has read further than the stream the ticks beyond are left out, and what it lost is seen", () => {
  const windows = [window(0, 100)];
  expect(completeness(batchAnswers(windows, new Map([[0, 140]]), true))).toMatchObject({ share: 1, lacking: 0 });
  expect(isRunAhead({ 0: 10, 1: 5 }, { 0: 10, 1: 4 })).toBe(true);
  expect(completeness(batchAnswers(windows, new Map([[0, 99]]), true))).toMatchObject({ lacking: 1 });
  expect(isRunAhead({ 0: 10 }, { 0: 11 })).toBe(false);
  expect(isRunAhead({ 0: 10 }, { 0: 10 })).toBe(false);
  expect(isRunAhead({ 0: 10, 1: 1 }, { 0: 5, 1: 3 })).toBeNull();
});

test("a share above 1 is shown: it would be a fault of the counts", () => {
  expect(completeness([{ answered: 3, in_log: 2 }])!.share).toBe(1.5);
  expect(completeness([])).toBeNull();
});

test("the curve has the share in the answer by the time since the window's end, and the late ones never", () => {
  const buckets = [
    [0, 90],
    [bucketOf(4 * S), 8],
    [Number.MAX_SAFE_INTEGER, 2],
  ] as [number, number][];
  expect(completenessCurve(buckets)).toMatchObject({
    at_0_s: 0.9,
    at_2_s: 0.9,
    at_5_s: 0.98,
    at_300_s: 0.98,
    never: 0.02,
  });
  expect(completenessCurve([])).toBeNull();
});
