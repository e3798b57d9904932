/** A metric is one file of sql/metrics: its name, its SELECT, and what its header comment says of title, description and chart. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { z } from "zod";
import { TidemarkError } from "../common/errors.ts";
import { PROJECT_ROOT } from "./project.ts";

const CHARTS = ["table", "number", "line", "bar"] as const;
const length = (max: number) =>
  z.string().max(max, { error: (issue) => `has ${String(issue.input).length} characters; at most ${max}` });

export interface Chart {
  type: (typeof CHARTS)[number];
  x?: string;
  y: string[];
  series?: string;
}

const headerSchema = z.strictObject({
  title: length(80).min(1, "is empty"),
  description: length(500).default(""),
  chart: z.string().default("table"),
  portable: z
    .string()
    .regex(/^no \(.+\)$/, "can only be `no (why)`; otherwise leave the line out")
    .optional(),
});

/** A metric's file as it lies there, whatever it holds. */
export interface MetricSource {
  /** The file's name without .sql: also the panel's id, the API path and the CSV's name. */
  name: string;
  /** For people: relative to the project when it lies inside. */
  file: string;
  sql: string;
  /** SHA-256 of the text, for "did the file change since this result?". */
  hash: string;
}

export interface Metric extends MetricSource {
  title: string;
  description: string;
  chart: Chart;
  /** Where the header says so; 1 without. */
  chart_line: number;
  /** Why only DuckDB can run it; null when Spark can too. */
  only_duckdb: string | null;
}

const NAME = /^[A-Za-z0-9_]+\.sql$/;

/** Names of the metric files of a folder, in order. Fails with METRIC when the folder can't be read. */
export function metricNames(dir: string): string[] {
  try {
    const files = readdirSync(dir).filter((name) => NAME.test(name));
    return files.map((name) => name.slice(0, -4)).sort();
  } catch (error) {
    throw new TidemarkError("METRIC", `The folder of metrics ${dir} can't be read.`, "Name one with --sql DIR.", {
      cause: error,
    });
  }
}

/** Files that look like metrics and can't be: their names would be no path of the API. */
export function misnamed(dir: string): string[] {
  return readdirSync(dir).filter((name) => /\.sql$/i.test(name) && !NAME.test(name));
}

/** Fails with USAGE when the folder has no metric of that name; the hint lists those it has. */
export function checkName(dir: string, name: string): void {
  const names = metricNames(dir);
  if (names.includes(name)) return;
  throw new TidemarkError("USAGE", `There is no metric ${name} in ${dir}.`, `There are: ${names.join(", ")}.`);
}

/** Reads one metric. A header that can't be understood gives METRIC with file and line, and what was expected. */
export function readMetric(dir: string, name: string): Metric {
  return withHeader(readSource(dir, name));
}

export function readSource(dir: string, name: string): MetricSource {
  const path = join(dir, `${name}.sql`);
  const sql = readFileSync(path, "utf8");
  const inside = relative(PROJECT_ROOT, path);
  const file = inside.startsWith("..") ? path : inside;
  return { name, file, sql, hash: createHash("sha256").update(sql).digest("hex") };
}

/** What the header says: `-- key: value` lines at the top, each key at most once; other comments are passed over. */
export function withHeader(source: MetricSource): Metric {
  const { name, sql, file } = source;
  const found: Record<string, string> = { title: titleOf(name) };
  const lineOf: Record<string, number> = {};
  for (const [i, line] of sql.split("\n").entries()) {
    if (line.trim() !== "" && !line.trimStart().startsWith("--")) break;
    const match = /^\s*--\s*([a-z]+)\s*:\s*(.*?)\s*$/.exec(line);
    if (!match) continue;
    const key = match[1]!;
    if (!(key in headerSchema.shape))
      throw headerError(
        file,
        i + 1,
        `${key} is no key of the header: there are ${Object.keys(headerSchema.shape).join(", ")}`,
      );
    if (lineOf[key] !== undefined) throw headerError(file, i + 1, `${key} is given twice`);
    found[key] = match[2]!;
    lineOf[key] = i + 1;
  }
  const header = headerSchema.safeParse(found);
  if (!header.success) {
    const issue = header.error.issues[0]!;
    throw headerError(file, lineOf[String(issue.path[0])] ?? 1, `${String(issue.path[0])} ${issue.message}`);
  }
  const { title, description, chart, portable } = header.data;
  const chart_line = lineOf.chart ?? 1;
  const only_duckdb = portable?.slice("no (".length, -1) ?? null;
  return { ...source, title, description, chart: parseChart(chart, file, chart_line), chart_line, only_duckdb };
}

/** `line x=window_start y=avg_price,vwap series=product_id` → the chart. */
function parseChart(text: string, file: string, line: number): Chart {
  const [type, ...settings] = text.split(/\s+/);
  const kind = CHARTS.find((one) => one === type);
  if (kind === undefined) throw headerError(file, line, `"${type}" is no chart: write ${CHARTS.join(", ")}`);
  const given = new Map<string, string>();
  for (const setting of settings) {
    const match = /^(x|y|series)=(.+)$/.exec(setting);
    if (!match || match[2]!.split(",").includes(""))
      throw headerError(
        file,
        line,
        `chart: "${setting}" isn't x=COLUMN, y=COLUMN[,COLUMN] or series=COLUMN (without blanks)`,
      );
    if (given.has(match[1]!)) throw headerError(file, line, `chart: ${match[1]} is given twice`);
    given.set(match[1]!, match[2]!);
  }
  const chart: Chart = {
    type: kind,
    x: given.get("x"),
    y: given.get("y")?.split(",") ?? [],
    series: given.get("series"),
  };
  if ((kind === "line" || kind === "bar") && (!chart.x || chart.y.length === 0))
    throw headerError(file, line, `chart: a ${kind} needs x=COLUMN and y=COLUMN`);
  return chart;
}

const NUMBER = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL|DOUBLE|FLOAT)/;

/** The chart with its columns' names as the result writes them: as in SQL, capitals don't matter. METRIC when one is missing, or is nothing to draw. */
export function chartOf({ type, x, y, series }: Chart, columns: readonly { name: string; type: string }[]): Chart {
  const missing: string[] = [];
  const real = (name: string) => {
    const lower = name.toLowerCase();
    const column = columns.find((one) => one.name === name) ?? columns.find((one) => one.name.toLowerCase() === lower);
    if (!column) missing.push(name);
    const isDrawn = (type === "line" || type === "bar") && y.includes(name);
    if (column && isDrawn && !NUMBER.test(column.type))
      throw new TidemarkError("METRIC", `The chart's y names ${name}, which is ${column.type}; y needs a number.`);
    return column?.name ?? name;
  };
  const found = { type, x: x && real(x), y: y.map(real), series: series && real(series) };
  if (missing.length === 0) return found;
  const names = columns.map((column) => column.name).join(", ");
  throw new TidemarkError("METRIC", `The chart names ${missing.join(", ")}, and the result has ${names}.`);
}

function titleOf(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function headerError(file: string, line: number, what: string): TidemarkError {
  return new TidemarkError("METRIC", `${file}:${line}: ${what}.`, "docs/add-a-metric.md shows the header's form.");
}
