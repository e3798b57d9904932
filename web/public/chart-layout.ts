/** How a metric's rows and labels are laid out in its chart: pure functions for metric-chart.ts. */
import type { Chart, Column, Json, Row } from "../../scripts/contract/results.ts";
import { grouped } from "./chart-labels.ts";

/** What /api/metrics/NAME returns, as far as it is drawn. */
export interface MetricAnswer {
  chart: Chart;
  columns: readonly Column[];
  rows: readonly Row[];
  row_count: number;
}

/** One drawn column of numbers, by x: null is a gap, and where nothing is a line continues. */
export interface Line {
  label: string;
  values: Map<number, number | null>;
  /** All digits, as the result has them. */
  texts: Map<number, string>;
}

/** `name`: x is the place of a text in `names`. */
type XAxis = "time" | "day" | "clock" | "name";

export interface Layout {
  kind: "line" | "bar" | "candle";
  axis: XAxis;
  /** Ascending: seconds since 1970, seconds since midnight, or places in `names`. */
  xs: number[];
  names: string[] | null;
  /** Of a candle: open, high, low, close, and volume if it has one. */
  lines: Line[];
  /** From one x to the next: how wide a bar is. */
  step: number;
  /** Sentences about what is not drawn. */
  left_out: string[];
}

const LINES_MAX = 12;
/** More bars at one x would hide each other. */
const BARS_MAX = 2;

/** Seconds since 1970 of a time as the server writes it; null for anything else, also `infinity`. */
export function timeOf(value: Json | undefined): number | null {
  const [, whole, fraction = ""] = /^(\d{4}-\d\d-\d\d(?:T[\d:]{8})?)(\.\d+)?Z?$/.exec(String(value)) ?? [];
  const ms = whole === undefined ? Number.NaN : Date.parse(whole.length > 10 ? `${whole}Z` : whole);
  return Number.isNaN(ms) ? null : ms / 1000 + Number(`0${fraction}`);
}

/** Seconds since midnight in UTC of a time of day, as DuckDB writes it; null for anything else. */
export function secondsOf(value: Json | undefined): number | null {
  const found = /^(\d\d):(\d\d):(\d\d(?:\.\d+)?)(?:([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?$/.exec(String(value));
  if (found === null) return null;
  const [hours, minutes, seconds, sign, ...zone] = found.slice(1);
  const span = (h = "0", m = "0", s = "0") => Number(h) * 3600 + Number(m) * 60 + Number(s);
  return span(hours, minutes, seconds) - (sign === "-" ? -1 : 1) * span(...zone);
}

const isNever = (value: Json | undefined) => /^-?infinity$/.test(String(value));

/** What an axis of x holds, by the column's type or its values; null and `infinity` don't count. */
export function axisOf({ rows, columns }: Pick<MetricAnswer, "rows" | "columns">, x: string): XAxis {
  const type = columns.find(({ name }) => name === x)?.type ?? "";
  if (/^DATE/.test(type)) return "day";
  if (/^TIMESTAMP[^[]*$/.test(type)) return "time";
  if (/^TIME( |_NS|$)/.test(type)) return "clock";
  const given = rows.map((row) => row[x]).filter((value) => value != null && !isNever(value));
  return given.length > 0 && given.every((value) => typeof value === "string" && timeOf(value) !== null)
    ? "time"
    : "name";
}

/** What is drawn of a result: x values and lines, and sentences about what is not. */
export function layOut(answer: MetricAnswer, product: string | null = null): Layout {
  const { chart, rows: all, row_count } = answer;
  const x = chart.x ?? "";
  const axis = axisOf(answer, x);
  const isTime = axis === "time" || axis === "day";
  const left_out: string[] = [];
  if (all.length < row_count)
    left_out.push(`${isTime ? "the newest" : "the first"} ${all.length} of ${rowsText(row_count)}`);
  const given = all.filter((row) => row[x] != null && !(isTime && isNever(row[x])));
  if (given.length < all.length) left_out.push(`${rowsText(all.length - given.length)} without ${x} left out`);
  const { placed, names } = placesOf(given, x, axis);
  if (placed.length < given.length)
    left_out.push(`${rowsText(given.length - placed.length)} with ${x} outside of the years 1 to 9999 left out`);
  const shown = chart.type === "candle" ? oneSeries(placed, chart, product, left_out) : placed;
  const found = linesOf(shown, chart, left_out);
  const kind = chart.type === "candle" ? "candle" : chart.type === "bar" && found.length <= BARS_MAX ? "bar" : "line";
  const xs = [...new Set(shown.map((row) => row.x))].sort((a, b) => a - b);
  return { kind, axis, xs, names, lines: found, step: stepOf(xs, axis), left_out };
}

interface Placed {
  x: number;
  row: Row;
}

/** Rows with their place on the axis; those without one are left out. */
function placesOf(rows: readonly Row[], x: string, axis: XAxis): { placed: Placed[]; names: string[] | null } {
  if (axis !== "name") {
    const numberOf = axis === "clock" ? secondsOf : timeOf;
    return { placed: rows.flatMap((row) => placedAt(row, numberOf(row[x]))), names: null };
  }
  const places = new Map<string, number>();
  const placed = rows.flatMap((row) => {
    const name = nameOf(row[x]);
    if (!places.has(name)) places.set(name, places.size);
    return placedAt(row, places.get(name)!);
  });
  return { placed, names: [...places.keys()] };
}

function placedAt(row: Row, x: number | null): Placed[] {
  return x === null ? [] : [{ x, row }];
}

function nameOf(value: Json | undefined): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

/** Candles of several series would hide each other: those of `wanted`, or else of the first. */
function oneSeries(rows: Placed[], { series }: Chart, wanted: string | null, left_out: string[]): Placed[] {
  if (series === undefined) return rows;
  const values = [...new Set(rows.map(({ row }) => nameOf(row[series])))].sort();
  if (values.length < 2) return rows;
  const one = values.find((value) => value === wanted) ?? values[0]!;
  left_out.push(`candles of ${one}; ${values.length - 1} other ${series} not drawn`);
  return rows.filter(({ row }) => nameOf(row[series]) === one);
}

function linesOf(rows: readonly Placed[], chart: Chart, left_out: string[]): Line[] {
  const { series, open, high, low, close, volume } = chart;
  const drawn = chart.type === "candle" ? [open, high, low, close, volume] : chart.y;
  const columns = drawn.filter((name) => name !== undefined);
  const isSplit =
    chart.type !== "candle" && series !== undefined && new Set(rows.map(({ row }) => nameOf(row[series]))).size > 1;
  const all = new Map<string, Line>();
  let again = 0;
  let not_finite = 0;
  // A candle's columns are distinguished by their place, also if two have one name.
  for (const { x, row } of rows) {
    for (const [i, column] of columns.entries()) {
      const label = isSplit ? `${nameOf(row[series])} ${column}` : column;
      const key = chart.type === "candle" ? String(i) : label;
      const line = all.get(key) ?? { label, values: new Map(), texts: new Map() };
      all.set(key, line);
      const value = row[column] == null ? null : Number(row[column]);
      // The scale needs room above the largest value.
      const isDrawn = value !== null && Math.abs(value) < Number.MAX_VALUE / 4;
      if ((line.values.get(x) ?? null) !== null) again++;
      else {
        // Null is a gap; a line without a row at x continues to its next one.
        line.values.set(x, isDrawn ? value : null);
        if (value !== null) line.texts.set(x, grouped(String(row[column])));
        if (value !== null && !isDrawn) not_finite++;
      }
    }
  }
  if (not_finite === 1) left_out.push("1 value is not finite: a gap");
  if (not_finite > 1) left_out.push(`${not_finite} values are not finite: gaps`);
  if (all.size > LINES_MAX) left_out.push(`${LINES_MAX} of ${all.size} lines`);
  if (again > 0)
    left_out.push(
      `${again} more ${again === 1 ? "value" : "values"} at the same ${chart.x}: series=COLUMN would split them`,
    );
  return [...all.values()].slice(0, LINES_MAX);
}

function rowsText(count: number): string {
  return `${count} ${count === 1 ? "row" : "rows"}`;
}

/** Whole units of time, largest first: seconds. */
const UNITS_S = [86_400, 3_600, 60, 1];

/** The smallest distance of neighbours; of a single time the largest unit that it is a multiple of. */
export function stepOf(xs: readonly number[], axis: XAxis): number {
  if (axis === "name") return 1;
  const steps = xs.slice(1).map((x, i) => x - xs[i]!);
  if (steps.length > 0) return Math.min(...steps);
  if (axis === "day") return UNITS_S[0]!;
  return UNITS_S.find((unit) => xs[0] !== undefined && xs[0] % unit === 0 && unit < 86_400) ?? 1;
}

const STEPS_MIN = 10;

/** The whole x range: never shorter than ten steps, so that the first minutes are not stretched. */
export function rangeOf({ xs, axis, step, kind }: Pick<Layout, "xs" | "axis" | "step" | "kind">): [number, number] {
  const first = xs[0] ?? 0;
  const last = xs.at(-1) ?? 0;
  if (axis === "name") return [-0.5, Math.max(xs.length, 2) - 0.5];
  const end = kind === "line" ? last : last + step;
  return [first, Math.max(end, first + step * STEPS_MIN)];
}

/**
 * The part of the whole x range that a page's range shows: `to_s` null follows the newest x. A chart
 * whose steps are too long for it shows everything.
 */
export function within(
  layout: Pick<Layout, "xs" | "axis" | "step" | "kind">,
  range: { span_s: number; to_s: number | null } | null,
): [number, number] {
  const whole = rangeOf(layout);
  const { axis, step, xs, kind } = layout;
  if (range === null || axis !== "time" || range.span_s < step * STEPS_MIN) return whole;
  if (range.to_s !== null) return [range.to_s - range.span_s, range.to_s];
  const end = (xs.at(-1) ?? 0) + (kind === "line" ? 0 : step);
  return end - range.span_s > whole[0] ? [end - range.span_s, end] : whole;
}

/** Where the bar `i` of `count` at an x begins and ends: a window's bar is in its window. */
export function slotOf(
  { axis, step }: Pick<Layout, "axis" | "step">,
  x: number,
  i: number,
  count: number,
): [number, number] {
  const from = axis === "name" ? x - step / 2 : x;
  const room = step * BAR_SHARE;
  const begin = from + (step - room) / 2 + (room * i) / count;
  return [begin, begin + room / count];
}

/** The rest is space between the bars of neighbours. */
const BAR_SHARE = 0.8;

/** Places of a line's values that have no neighbour: uPlot draws lines between values only. */
export function alone(values: ArrayLike<number | null | undefined>): number[] {
  const found: number[] = [];
  let before: number | null | undefined = null;
  let last = -1;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === undefined) continue;
    // `last` waits for what comes after it.
    if (value === null && last >= 0 && before === null) found.push(last);
    if (value !== null) before = last >= 0 ? values[last] : null;
    last = value === null ? -1 : i;
  }
  if (last >= 0 && before === null) found.push(last);
  return found;
}

/** The y range: bars begin at zero, lines use the whole height. */
export function spread(min: number | null, max: number | null, from_zero: boolean): [number, number] {
  if (min === null || max === null) return [0, 1];
  if (from_zero) return [Math.min(0, min * 1.05), Math.max(0, max * 1.05) || (min < 0 ? 0 : 1)];
  const size = Math.max(Math.abs(min), Math.abs(max)) || 1;
  // Below a thousand millionth of the value there are no ticks that differ.
  const room = Math.max((max - min || size) * 0.08, size * 5e-10);
  return [Math.max(min - room, -Number.MAX_VALUE / 4), Math.min(max + room, Number.MAX_VALUE / 4)];
}
