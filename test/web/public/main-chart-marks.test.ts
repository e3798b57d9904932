/** The runs and outages that the main chart keeps. */
import { expect, test } from "bun:test";
import type { RunMark } from "../../../scripts/contract/page-events.ts";
import { Marks } from "../../../web/public/main-chart-marks.ts";

test("above 2,000 runs the oldest are forgotten, also when older ones are loaded last", () => {
  const marks = new Marks();
  const runs = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i): RunMark => [from + i, from + i, from + i]);
  const add = (from: number, to: number) =>
    marks.add({ runs: runs(from, to), outages: [[from, from + 1, "silent"]], run_id: 3_000, horizon_s: 3_000 });
  add(1_001, 3_001);
  expect(marks.runs.length).toBe(2_000);
  add(501, 1_001);
  expect([marks.runs.length, marks.runs[0]![0], marks.runs.at(-1)![0]]).toEqual([2_000, 1_001, 3_000]);
  expect(marks.text(3_004_000, "UTC", true)).toContain("run 3000, 4.0 s ago");
  expect(marks.outages.length).toBe(2);
});
