/** Which span the main chart shows, and what it loads for it. */
import { describe, expect, test } from "bun:test";
import { ChartStore } from "../../../web/public/main-chart-store.ts";
import {
  missing,
  panned,
  rangeOf,
  rowsKept,
  VIEW_WINDOWS_MAX,
  VIEW_WINDOWS_MIN,
  viewOf,
  zoomed,
  zoomedByKey,
} from "../../../web/public/main-chart-view.ts";

const HOUR = 3_600_000;
const NOW_S = 1_700_000_000;
const span = ({ from_s, to_s }: { from_s: number; to_s: number }) => to_s - from_s;
const minutes = (first_s: number, count: number) => ({ every_s: 60, first_s, end_s: first_s + count * 60 });

test("+ and - zoom around the cursor, which stays where it is, and without one around the middle", () => {
  const [view, extent] = [{ from_s: 3_600, to_s: 7_200 }, minutes(0, 120)];
  const share = ({ from_s, to_s }: typeof view, at_s: number) => (at_s - from_s) / (to_s - from_s);
  for (const [key, length] of [
    ["+", 2_520],
    ["=", 2_520],
    ["-", 3_600 / 0.7],
  ] as const)
    for (const at_s of [7_140, 5_000, null]) {
      const next = zoomedByKey(view, key, at_s, extent)!;
      expect(span(next)).toBeCloseTo(length, 6);
      expect(share(next, at_s ?? 5_400)).toBeCloseTo(share(view, at_s ?? 5_400), 6);
    }
  expect(zoomedByKey(view, "x", 5_000, extent)).toBeNull();
});

describe("the view of a range", () => {
  test("it is never shorter than ten windows: with none, with one, and with a day of hours", () => {
    const shortest = VIEW_WINDOWS_MIN * 60;
    expect(span(viewOf({ span_ms: HOUR, to_ms: null }, { every_s: 60, first_s: null, end_s: null }, NOW_S))).toBe(
      shortest,
    );
    const one = viewOf({ span_ms: HOUR, to_ms: null }, minutes(6000, 1), NOW_S);
    expect(one).toEqual({ from_s: 6000, to_s: 6600 });
    const hours = { every_s: 3600, first_s: 0, end_s: 3 * 3600 };
    expect(span(viewOf({ span_ms: 900_000, to_ms: null }, hours, NOW_S))).toBe(36_000);
    expect(span(viewOf({ span_ms: 900_000, to_ms: 7_200_000 }, hours, NOW_S))).toBe(36_000);
  });

  test("data shorter than the range begin at its left, longer ones end at its right", () => {
    expect(viewOf({ span_ms: HOUR, to_ms: null }, minutes(6000, 30), NOW_S).from_s).toBe(6000);
    const long = viewOf({ span_ms: HOUR, to_ms: null }, minutes(0, 1000), NOW_S);
    expect(span(long)).toBeCloseTo(3600);
    expect(long.to_s).toBeGreaterThan(60_000);
    // Dragged, it has the same length and so the same name.
    expect(rangeOf(panned(long, -7200, minutes(0, 1000)), minutes(0, 1000)).span_ms).toBe(HOUR);
  });

  test("an hour of windows is whole in a range of an hour, which a drag does not rename", () => {
    const hour = viewOf({ span_ms: HOUR, to_ms: null }, minutes(6000, 60), NOW_S);
    expect(hour.from_s).toBe(6000);
    expect(rangeOf(panned(hour, -600, minutes(6000, 60)), minutes(6000, 60)).span_ms).toBe(HOUR);
  });

  test("`all` is all, at most 10,000 windows", () => {
    expect(viewOf({ span_ms: "all", to_ms: null }, minutes(0, 500), NOW_S).from_s).toBe(0);
    const all = viewOf({ span_ms: "all", to_ms: null }, minutes(0, 50_000), NOW_S);
    expect(span(all)).toBeCloseTo(VIEW_WINDOWS_MAX * 60);
  });

  test("a fixed range stays where it is", () => {
    const view = viewOf({ span_ms: HOUR, to_ms: 7_200_000 }, minutes(0, 1000), NOW_S);
    expect(view).toEqual({ from_s: 3600, to_s: 7200 });
    expect(rangeOf(view, minutes(0, 1000))).toEqual({ span_ms: HOUR, to_ms: 7_200_000 });
  });
});

describe("gestures", () => {
  const extent = minutes(0, 1000);
  test("panning back fixes the view, panning to the newest window follows it", () => {
    const live = viewOf({ span_ms: HOUR, to_ms: null }, extent, NOW_S);
    const back = panned(live, -1800, extent);
    expect(rangeOf(back, extent).to_ms).toBe(Math.round(back.to_s * 1000));
    expect(rangeOf(panned(back, 1800, extent), extent).to_ms).toBeNull();
  });

  test("a view never leaves the windows", () => {
    const live = viewOf({ span_ms: HOUR, to_ms: null }, extent, NOW_S);
    expect(panned(live, -1e9, extent).to_s).toBeGreaterThan(0);
    expect(panned(live, 1e9, extent).from_s).toBeLessThan(60_000);
  });

  test("zoom keeps the moment under the pointer and has bounds", () => {
    const view = { from_s: 30_000, to_s: 33_600 };
    const closer = zoomed(view, 0.5, 31_000, extent);
    expect(span(closer)).toBeCloseTo(1800);
    expect((31_000 - closer.from_s) / span(closer)).toBeCloseTo(1000 / 3600);
    expect(span(zoomed(view, 1e-9, 31_000, extent))).toBeCloseTo(600);
    expect(span(zoomed(view, 1e9, 31_000, extent))).toBeLessThanOrEqual(66_000.001);
    expect(span(zoomed(view, 1e9, 31_000, minutes(0, 90_000)))).toBeCloseTo(600_000);
  });
});

describe("what is loaded", () => {
  const extent = minutes(0, 100_000);
  test("nothing while the view is in memory", () => {
    const known = { from_s: 0, to_s: null };
    expect(missing({ from_s: 50_000, to_s: 53_600 }, known, extent)).toBeNull();
  });

  test("earlier windows touch those that are there, and reach beyond the view", () => {
    const found = missing({ from_s: 3_000_000, to_s: 3_003_600 }, { from_s: 3_001_200, to_s: null }, extent)!;
    expect(found.to_s).toBe(3_001_200);
    expect(found.from_s).toBeLessThan(3_000_000 - 1000);
    expect(found.from_s % 60).toBe(0);
  });

  test("a far view replaces what is there; at the newest window it has no end", () => {
    const far = missing({ from_s: 60_000, to_s: 63_600 }, { from_s: 5_000_000, to_s: null }, extent)!;
    expect(far.from_s).toBeLessThan(60_000);
    expect(far.to_s).toBeGreaterThan(63_600);
    expect(missing({ from_s: 5_997_000, to_s: 6_000_600 }, { from_s: 0, to_s: 100_000 }, extent)!.to_s).toBeNull();
  });

  test("nothing is before the first window", () => {
    expect(missing({ from_s: -600, to_s: 3000 }, { from_s: 0, to_s: null }, extent)).toBeNull();
  });
});

test("a view that follows keeps three of itself, however long it follows; others keep what they have", () => {
  const store = new ChartStore();
  store.cover({ from_s: 0, to_s: null }, { stream: [], batch: [], cells: [] });
  const range = { span_ms: HOUR, to_ms: null };
  for (let minute = 0; minute < 1_000; minute++) {
    store.add({ stream: [[minute * 60, 1, 1, 1, 1, 1, 1, 1, 1, 0]], batch: [], cells: [] });
    const view = { from_s: minute * 60 - 3_600, to_s: minute * 60 };
    store.bound(view.to_s, rowsKept(range, view, minutes(0, 1)));
  }
  expect([store.rows().length, store.coverage]).toEqual([181, { from_s: 819 * 60, to_s: null }]);
  const view = { from_s: 0, to_s: 3_600 };
  expect(rowsKept({ span_ms: "all", to_ms: null }, view, minutes(0, 1))).toBeUndefined();
  expect(rowsKept({ span_ms: HOUR, to_ms: 5 }, view, minutes(0, 1))).toBeUndefined();
});
