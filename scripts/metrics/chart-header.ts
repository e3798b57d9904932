/** The header's `chart:` of a metric file, and its columns in a result. */
import { TidemarkError } from "../base/errors.ts";
import { CANDLE_COLUMNS, CHARTS, type Chart, type Column, drawnColumns } from "../contract/results.ts";

const SETTINGS = ["x", "y", "series", ...CANDLE_COLUMNS] as const;
type Setting = (typeof SETTINGS)[number];

/**
 * `line x=window_start y=avg_price,vwap series=product_id`, `candle x=start open=o high=h low=l
 * close=c volume=v` → the chart. Throws METRIC with file and line.
 */
export function parseChart(text: string, file: string, line: number): Chart {
  const [type, ...settings] = text.split(/\s+/);
  const kind = CHARTS.find((one) => one === type);
  if (kind === undefined) throw headerError(file, line, `"${type}" is not a chart type; valid: ${CHARTS.join(", ")}`);
  const given = new Map<Setting, string>();
  for (const setting of settings) {
    const [, key, value = ""] = /^(\w+)=(.+)$/.exec(setting) ?? [];
    const name = settingsOf(kind).find((one) => one === key);
    if (
      name === undefined ||
      value.split(",").includes("") ||
      (name !== "y" && value.includes(",") && kind === "candle")
    )
      throw headerError(file, line, `chart: "${setting}" isn't ${formOf(kind)} (without blanks)`);
    if (given.has(name)) throw headerError(file, line, `chart: ${name} is given twice`);
    given.set(name, value);
  }
  if (kind === "candle") return candle(given, file, line);
  const [x, y = "", series] = [given.get("x"), given.get("y"), given.get("series")];
  if ((kind === "line" || kind === "bar") && (!x || !y))
    throw headerError(file, line, `chart: a ${kind} needs x=COLUMN and y=COLUMN`);
  return { type: kind, x, y: y === "" ? [] : y.split(","), series };
}

function settingsOf(kind: Chart["type"]): readonly Setting[] {
  return kind === "candle" ? SETTINGS.filter((name) => name !== "y") : ["x", "y", "series"];
}

function formOf(kind: Chart["type"]): string {
  return kind === "candle"
    ? "x, open, high, low, close, volume or series and =COLUMN"
    : "x=COLUMN, y=COLUMN[,COLUMN] or series=COLUMN";
}

function candle(given: ReadonlyMap<Setting, string>, file: string, line: number): Chart {
  const missing = (["x", "open", "high", "low", "close"] as const).filter((name) => !given.has(name));
  if (missing.length > 0)
    throw headerError(file, line, `chart: a candle needs ${missing.map((name) => `${name}=COLUMN`).join(", ")}`);
  return { ...Object.fromEntries(given), type: "candle", y: [] };
}

const NUMBER = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL|DOUBLE|FLOAT|BIGNUM)[^[]*$/;

/**
 * The chart with its columns' names as the result writes them: as in SQL, capitals don't matter.
 * Throws METRIC when a column is missing, or when what a line, bar or candle draws is not a number.
 */
export function chartOf(chart: Chart, columns: readonly Column[]): Chart {
  const missing: string[] = [];
  const real = (name: string) => {
    const lower = name.toLowerCase();
    const column = columns.find((one) => one.name === name) ?? columns.find((one) => one.name.toLowerCase() === lower);
    if (!column) missing.push(name);
    return column?.name ?? name;
  };
  const found: Chart = { ...chart, y: chart.y.map(real) };
  for (const key of ["x", "series", ...CANDLE_COLUMNS] as const) {
    const name = chart[key];
    if (name !== undefined) found[key] = real(name);
  }
  if (missing.length > 0) {
    const names = columns.map((column) => column.name).join(", ");
    throw new TidemarkError("METRIC", `The chart names ${missing.join(", ")}, and the result has ${names}.`);
  }
  for (const [key, name] of drawnColumns(found)) {
    const type = columns.find((column) => column.name === name)?.type ?? "";
    if (!NUMBER.test(type))
      throw new TidemarkError("METRIC", `The chart's ${key} names ${name}, which is ${type}; ${key} needs a number.`);
  }
  return found;
}

/** An error in the header of a metric's file. */
export function headerError(file: string, line: number, what: string): TidemarkError {
  return new TidemarkError("METRIC", `${file}:${line}: ${what}.`, "docs/add-a-metric.md shows the header's form.");
}
