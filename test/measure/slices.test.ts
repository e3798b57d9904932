/** Histograms by slices: every value is in the slice of its time and in the row since the start, once. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Histograms, SLICE_US } from "../../scripts/contract/measures.ts";
import { bucketOf, merged, mergedByName, samplesOf } from "../../scripts/measure/buckets.ts";
import { LatencyBuckets } from "../../scripts/measure/latency-buckets.ts";
import { SliceHistograms } from "../../scripts/measure/slices.ts";

const START = 1_700_000_000_000_000;

test("values are counted in their buckets, however they follow each other, and from stamps as well", () => {
  const value = fc.oneof(fc.integer({ min: -1e9, max: 1e9 }), fc.integer({ min: -200, max: 200 }));
  fc.assert(
    fc.property(fc.array(value, { maxLength: 60 }), (values) => {
      const expected = merged(values.map((us) => [[bucketOf(us), 1]]));
      const [added, since] = [new LatencyBuckets(), new LatencyBuckets()];
      for (const us of values) added.add(us);
      const stamps = Float64Array.from(values, (us) => START - us);
      // A stamp more than a minute ahead can't be true.
      const ahead = values.filter((us) => us < -60_000_000);
      expect(since.addSince(START, stamps, 0, stamps.length, START)).toBe(ahead.length);
      expect(added.take()).toEqual(expected);
      expect(since.take()).toEqual(merged(values.filter((us) => us >= -60_000_000).map((us) => [[bucketOf(us), 1]])));
      expect(added.take()).toEqual([]);
    }),
  );
});

test("over random times and failed stores, stored rows have each value once, in its slice and since the start", () => {
  const move = fc.record({
    after_us: fc.integer({ min: 0, max: 15_000_000 }),
    us: fc.integer({ min: 0, max: 9 }),
    fails: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
      const histograms = new SliceHistograms(START);
      const rows = new Map<number, Histograms>();
      const expected = new Map<number, Histograms>();
      const add = (into: typeof rows, slice_us: number, histograms: Histograms) =>
        into.set(slice_us, mergedByName([into.get(slice_us) ?? {}, histograms]));
      const save = (now_us: number, isLast = false) => {
        const slices = histograms.unstored(now_us, isLast);
        for (const { slice_us, histograms } of slices) add(rows, slice_us, histograms);
        histograms.stored(slices);
      };
      let now_us = START;
      for (const { after_us, us, fails } of moves) {
        now_us += after_us;
        histograms.at(now_us);
        histograms.of("pipeline").add(us);
        for (const slice_us of [0, Math.floor(now_us / SLICE_US) * SLICE_US])
          add(expected, slice_us, { pipeline: [[us, 1]] });
        if (fails) histograms.unstored(now_us);
        else save(now_us);
      }
      save(now_us, true);
      expect(new Map([...rows].sort())).toEqual(new Map([...expected].sort()));
    }),
  );
});

test("the row since the start is written with each report in the first minute, later once per slice", () => {
  const histograms = new SliceHistograms(START);
  const rowsAfter = (s: number) => {
    histograms.at(START + s * 1e6);
    histograms.of("ingest").add(1);
    const slices = histograms.unstored(START + s * 1e6);
    histograms.stored(slices);
    return slices
      .map(({ slice_us, histograms: { ingest } }) => [slice_us > 0 ? "slice" : "all", samplesOf(ingest!)])
      .sort();
  };
  for (const s of [1, 2, 59])
    expect(rowsAfter(s)).toEqual([
      ["all", 1],
      ["slice", 1],
    ]);
  expect(rowsAfter(61)).toEqual([
    ["all", 1],
    ["slice", 1],
  ]);
  expect(rowsAfter(62)).toEqual([["slice", 1]]);
  expect(rowsAfter(63)).toEqual([["slice", 1]]);
  expect(rowsAfter(71)).toEqual([
    ["all", 3],
    ["slice", 1],
  ]);
});
