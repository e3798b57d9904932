/** Windows in memory, and summed to what a few pixels can show. */
import { describe, expect, test } from "bun:test";
import type { Bar, Cell, StreamBar } from "../../../scripts/contract/page-events.ts";
import { bucketsOf, reachOf, stepOf } from "../../../web/public/main-chart-buckets.ts";
import { ChartStore, ROWS_MAX } from "../../../web/public/main-chart-store.ts";

const SIZES = { every_s: 60, size_s: 60 };
const bar = (minute: number, low = 10, high = 20, volume = 2, vwap = 15): Bar => [
  minute * 60,
  low + 1,
  high,
  low,
  high - 1,
  volume,
  4,
  vwap,
];
const stream = (minute: number, state = 1, late = 0, of = bar(minute)): StreamBar => [...of, state, late];
const stored = (windows: { stream?: StreamBar[]; batch?: Bar[]; cells?: Cell[] }) => {
  const store = new ChartStore();
  store.cover({ from_s: 0, to_s: null }, { stream: [], batch: [], cells: [], ...windows });
  return store;
};
const view = { from_s: 0, to_s: 6000 };

describe("buckets", () => {
  test("a window from its start to its end; the union of both pipelines", () => {
    const store = stored({ stream: [stream(1), stream(2)], batch: [bar(2), bar(3)] });
    const found = bucketsOf(store.rows(), view, SIZES, 1);
    expect(found.map(({ from_s, to_s }) => [from_s, to_s])).toEqual([
      [60, 120],
      [120, 180],
      [180, 240],
    ]);
    expect(found.map((one) => [one.stream !== null, one.batch !== null])).toEqual([
      [true, false],
      [true, true],
      [false, true],
    ]);
  });

  test("several windows are one candle with exact extremes, volume, and the vwap of all", () => {
    const store = stored({ stream: [stream(0, 1, 0, bar(0, 10, 20, 1, 12)), stream(1, 1, 3, bar(1, 5, 30, 3, 20))] });
    const [one, ...more] = bucketsOf(store.rows(), view, SIZES, 5);
    expect(more).toEqual([]);
    expect(one!.stream).toEqual({ open: 11, high: 30, low: 5, close: 29, volume: 4, trades: 8, vwap: 18 });
    expect(one).toMatchObject({ from_s: 0, to_s: 300, windows: 2, late: 3, is_open: false });
    expect(reachOf([one!])).toEqual({ low: 5, high: 30, volume: 4 });
  });

  test("the grid of buckets does not move with the view", () => {
    const store = stored({ stream: Array.from({ length: 50 }, (_, i) => stream(i)) });
    const at = (from_s: number) => bucketsOf(store.rows(), { from_s, to_s: 3000 }, SIZES, 10).map((one) => one.from_s);
    expect(at(0)).toEqual([0, 600, 1200, 1800, 2400]);
    expect(at(610)).toEqual([600, 1200, 1800, 2400]);
  });

  test("a bucket has the worst outcome of its windows, and names the window", () => {
    const store = stored({
      stream: [stream(0), stream(1), stream(2), stream(3, 0)],
      cells: [
        [0, "equal", 0],
        [60, "unexplained", 0],
        [120, "explained", 2],
      ],
    });
    const [one] = bucketsOf(store.rows(), view, SIZES, 10);
    expect(one).toMatchObject({ outcome: "unexplained", worst_s: 60, is_open: true, late: 2 });
    expect(one!.outcomes).toEqual({ equal: 1, unexplained: 1, explained: 1, open: 1 });
  });

  test("an open window is open with any cell; a closed one without a judgement is pending", () => {
    const store = stored({
      stream: [stream(0, 0), stream(1), stream(2)],
      cells: [
        [0, "pending", 0],
        [60, "open", 0],
      ],
    });
    expect(bucketsOf(store.rows(), view, SIZES, 1).map(({ outcome }) => outcome)).toEqual([
      "open",
      "pending",
      "pending",
    ]);
  });

  test("a candle of several windows has both pipelines only if both have the same windows", () => {
    const sides = (streams: number[], batches: number[]) => {
      const store = stored({ stream: streams.map((minute) => stream(minute)), batch: batches.map((one) => bar(one)) });
      const [one] = bucketsOf(store.rows(), view, SIZES, 5);
      return [one!.stream?.volume ?? null, one!.batch?.volume ?? null, one!.has];
    };
    expect(sides([0, 1, 2], [0])).toEqual([6, null, { stream: 3, batch: 1 }]);
    expect(sides([0, 1, 2], [0, 1, 2])).toEqual([6, 6, { stream: 3, batch: 3 }]);
    expect(sides([1, 2], [0, 1, 2])).toEqual([null, 6, { stream: 2, batch: 3 }]);
    expect(sides([0, 1], [1, 2])).toEqual([4, null, { stream: 2, batch: 2 }]);
  });

  test("windows that hop end where the next one begins", () => {
    const store = stored({ stream: [stream(0), stream(1)] });
    expect(bucketsOf(store.rows(), view, { every_s: 60, size_s: 300 }, 1).map((one) => one.to_s)).toEqual([60, 120]);
  });

  test("10,000 windows on 1,160 pixels are a few hundred candles", () => {
    const store = stored({ stream: Array.from({ length: 10_000 }, (_, i) => stream(i)) });
    const whole = { from_s: 0, to_s: 600_000 };
    const step = stepOf(whole, 60, 1160);
    const found = bucketsOf(store.rows(), whole, SIZES, step);
    expect(found.length).toBeGreaterThan(100);
    expect(found.length).toBeLessThanOrEqual(290);
    expect(found.reduce((sum, { windows }) => sum + windows, 0)).toBe(10_000);
    expect(stepOf({ from_s: 0, to_s: 3600 }, 60, 1160)).toBe(1);
  });
});

describe("the windows in memory", () => {
  test("earlier ones are put before those that are there", () => {
    const store = new ChartStore();
    store.cover({ from_s: 600, to_s: null }, { stream: [stream(10)], batch: [], cells: [] });
    store.cover({ from_s: 0, to_s: 600 }, { stream: [stream(1), stream(5)], batch: [bar(5)], cells: [] });
    expect(store.rows().map(({ start_s }) => start_s)).toEqual([60, 300, 600]);
    expect(store.coverage).toEqual({ from_s: 0, to_s: null });
  });

  test("a span that does not touch replaces them; what arrives outside of it is dropped", () => {
    const store = stored({ stream: [stream(1000)] });
    store.cover({ from_s: 0, to_s: null }, { stream: [], batch: [], cells: [] });
    store.clear();
    store.cover({ from_s: 6000, to_s: 12_000 }, { stream: [stream(100)], batch: [], cells: [] });
    store.add({ stream: [stream(500)], batch: [bar(1)], cells: [] });
    expect(store.rows().map(({ start_s }) => start_s)).toEqual([6000]);
  });

  test("they are bounded: those far from the view are forgotten, and the coverage shrinks", () => {
    const store = stored({ stream: Array.from({ length: ROWS_MAX + 500 }, (_, i) => stream(i)) });
    store.bound(0);
    expect(store.rows().length).toBe(ROWS_MAX);
    expect(store.coverage).toEqual({ from_s: 0, to_s: ROWS_MAX * 60 });
    const other = stored({ stream: Array.from({ length: ROWS_MAX + 500 }, (_, i) => stream(i)) });
    other.bound(ROWS_MAX * 60);
    expect(other.coverage).toEqual({ from_s: 500 * 60, to_s: null });
    expect(other.get(0)).toBeUndefined();
  });
});
