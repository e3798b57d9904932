/** How metrics' rows are laid out in charts: axes, gaps, bars, labels, and what is left out. */
import { expect, test } from "bun:test";
import type { Chart, Column, Row } from "../../../scripts/contract/results.ts";
import { clockOf, labelsOf, nameLabels, unitOf } from "../../../web/public/chart-labels.ts";
import {
  alone,
  axisOf,
  layOut,
  rangeOf,
  secondsOf,
  slotOf,
  spread,
  stepOf,
  timeOf,
  within,
} from "../../../web/public/chart-layout.ts";

const answer = (rows: Row[], type: string, chart: Partial<Chart> = {}, more: Column[] = []) => ({
  chart: { type: "line" as const, x: "x", y: ["v"], ...chart },
  columns: [{ name: "x", type }, { name: "v", type: "DOUBLE" }, ...more],
  rows,
  row_count: rows.length,
});
const minute = (i: number) => `2023-09-05T16:${String(i).padStart(2, "0")}:00.000000Z`;
const MINUTE_S = Date.parse("2023-09-05T16:00:00Z") / 1000;

test("every time type is an axis of times; a text that begins like one is a name", () => {
  const AXES: [type: string, value: unknown, axis: string][] = [
    ["TIMESTAMP", minute(0), "time"],
    ["TIMESTAMP_S", minute(0), "time"],
    ["TIMESTAMP_MS", minute(0), "time"],
    ["TIMESTAMP_NS", "2023-09-05T16:00:00.123456789Z", "time"],
    ["TIMESTAMP WITH TIME ZONE", minute(0), "time"],
    ["DATE", "2023-09-05", "day"],
    ["TIME", "16:00:00", "clock"],
    ["TIME_NS", "16:00:00.000000001", "clock"],
    ["TIME WITH TIME ZONE", "16:00:00+05:30", "clock"],
    ["VARCHAR", "2023-09-05", "time"],
    ["VARCHAR", "16:00", "name"],
    ["TIMESTAMP[]", [minute(0)], "name"],
    ["BIGINT", 2023, "name"],
    ["INTERVAL", "1 day", "name"],
  ];
  for (const [type, value, axis] of AXES)
    expect([type, value, axisOf(answer([{ x: value as never, v: 1 }], type), "x")]).toEqual([type, value, axis]);
  expect([timeOf("2023-09-05"), timeOf(minute(1)), timeOf("infinity"), timeOf("20000-01-01 00:00:00")]).toEqual([
    MINUTE_S - 16 * 3600,
    MINUTE_S + 60,
    null,
    null,
  ]);
  expect([secondsOf("00:10:00+05:30"), secondsOf("24:00:00"), clockOf(-19_200), clockOf(29_101.5)]).toEqual([
    -19_200,
    86_400,
    "-05:20",
    "08:05:01.5",
  ]);
});

test("what is not drawn is counted: no x, years beyond 9999, values that are not finite, more values at one x", () => {
  const rows: Row[] = [
    { x: minute(0), v: 1 },
    { x: minute(1), v: "Infinity" },
    { x: minute(2), v: "NaN" },
    { x: minute(3), v: 1e308 },
    { x: minute(4), v: null },
    { x: minute(0), v: 7 },
    { x: null, v: 1 },
    { x: "infinity", v: 1 },
    { x: "20000-01-01 00:00:00", v: 1 },
  ];
  const { lines, xs, left_out } = layOut({ ...answer(rows, "TIMESTAMP"), row_count: 20 });
  expect(xs).toEqual([0, 1, 2, 3, 4].map((i) => MINUTE_S + i * 60));
  expect(xs.map((x) => lines[0]!.values.get(x))).toEqual([1, null, null, null, null]);
  expect(left_out).toEqual([
    "the newest 9 of 20 rows",
    "2 rows without x left out",
    "1 row with x outside of the years 1 to 9999 left out",
    "3 values are not finite: gaps",
    "1 more value at the same x: series=COLUMN would split them",
  ]);
});

test("series split rows into lines that continue over the other's rows; twelve are drawn", () => {
  const rows = Array.from({ length: 40 }, (_, i) => ({ x: minute(i), v: i, s: i % 2 }));
  const { lines, kind } = layOut(answer(rows, "TIMESTAMP", { series: "s", type: "bar" }));
  expect([kind, lines.map(({ label, values }) => [label, values.size])]).toEqual([
    "bar",
    [
      ["0 v", 20],
      ["1 v", 20],
    ],
  ]);
  const many = layOut(
    answer(
      rows.map((row, i) => ({ ...row, s: i })),
      "TIMESTAMP",
      { series: "s", type: "bar" },
    ),
  );
  expect([many.kind, many.lines.length, many.left_out]).toEqual(["line", 12, ["12 of 40 lines"]]);
});

test("candles: five lines of one product, and the others are said; exact digits stay", () => {
  const columns = ["o", "h", "l", "c", "w"].map((name) => ({ name, type: "DECIMAL(38,10)" }));
  const rows = ["BTC", "ETH"].flatMap((p) =>
    [0, 1].map((i) => ({ x: minute(i), p, o: "25735.9700000001", h: "3", l: "1", c: "2", w: null })),
  );
  const chart = {
    type: "candle",
    y: [],
    open: "o",
    high: "h",
    low: "l",
    close: "c",
    volume: "w",
    series: "p",
  } as const;
  const first = layOut(answer(rows, "TIMESTAMP", chart as never, columns));
  expect([first.kind, first.lines.map(({ label }) => label), first.left_out]).toEqual([
    "candle",
    ["o", "h", "l", "c", "w"],
    ["candles of BTC; 1 other p not drawn"],
  ]);
  expect(first.lines[0]!.texts.get(MINUTE_S)).toBe("25,735.9700000001");
  const eth = layOut(answer(rows, "TIMESTAMP", chart as never, columns), "ETH");
  expect(eth.left_out).toEqual(["candles of ETH; 1 other p not drawn"]);
  // One column for all four prices is four lines still.
  const flat = layOut(
    answer(
      rows.slice(0, 2),
      "TIMESTAMP",
      { ...chart, open: "c", high: "c", low: "c", volume: undefined } as never,
      columns,
    ),
  );
  expect(flat.lines.map(({ label }) => label)).toEqual(["c", "c", "c", "c"]);
});

test("a bar is in the window that begins at its x; names have theirs in the middle; the range is never short", () => {
  const time = { axis: "time" as const, step: 60 };
  expect(slotOf(time, 600, 0, 1)).toEqual([606, 654]);
  expect([slotOf(time, 600, 0, 2), slotOf(time, 600, 1, 2)]).toEqual([
    [606, 630],
    [630, 654],
  ]);
  expect(slotOf({ axis: "name", step: 1 }, 3, 0, 1).map((x) => Math.round(x * 10) / 10)).toEqual([2.6, 3.4]);
  expect([
    stepOf([0, 60, 180], "time"),
    stepOf([3_600], "time"),
    stepOf([61], "time"),
    stepOf([86_400], "day"),
  ]).toEqual([60, 3_600, 1, 86_400]);
  expect(rangeOf({ xs: [3_600], axis: "time", step: 3_600, kind: "bar" })).toEqual([3_600, 39_600]);
  expect(rangeOf({ xs: [0, 60, 1_200], axis: "time", step: 60, kind: "bar" })).toEqual([0, 1_260]);
  const minutes = { xs: [0, 60, 7_200], axis: "time" as const, step: 60, kind: "bar" as const };
  expect(within(minutes, { span_s: 3_600, to_s: null })).toEqual([3_660, 7_260]);
  expect(within(minutes, { span_s: 900, to_s: 1_000 })).toEqual([100, 1_000]);
  // Less than ten steps, and a range that is longer than what there is.
  for (const span_s of [540, 86_400]) expect(within(minutes, { span_s, to_s: null })).toEqual([0, 7_260]);
  expect(rangeOf({ xs: [0], axis: "name", step: 1, kind: "bar" })).toEqual([-0.5, 1.5]);
});

test("labels: neighbours differ, large numbers fit, names don't overlap; the scale has room at every size", () => {
  expect(new Set(labelsOf([0.9999999995, 1, 1.0000000005])).size).toBe(3);
  expect(labelsOf([1e300, 2e300])).toEqual(["1.0e+300", "2.0e+300"]);
  expect(labelsOf([0, 1, 2], 1e38)).toEqual(["0", "1.0e+38", "2.0e+38"]);
  expect([0, 1, 5e-324, 1e14, 1.7e38].map(unitOf)).toEqual([1, 1, 5e-324, 1, 1e38]);
  const names = nameLabels([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], Array(10).fill("a category with a long name"), {
    min: 0,
    max: 9,
    width: 600,
    beside: [0, 0],
  });
  // Each takes 126 of the 600 pixels.
  expect(names.filter(Boolean).length).toBeGreaterThan(1);
  expect(names.filter(Boolean).length).toBeLessThanOrEqual(5);
  // One at an edge would be cut.
  expect([names[0], names[9]]).toEqual(["", ""]);
  const [low, high] = spread(0.9999999999999999, 1.0000000000000002, false);
  expect(high - low).toBeGreaterThan(9e-10);
  expect([spread(null, null, false), spread(-3, -1, true), spread(0, 0, true)]).toEqual([
    [0, 1],
    [-3.1500000000000004, 0],
    [0, 1],
  ]);
  expect([alone([1, null, 2, 3, null, 4]), alone([1, undefined, 2]), alone([])]).toEqual([[0, 5], [], []]);
});
