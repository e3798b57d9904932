/** A metric is one file of sql/metrics: its name, its SELECT, and what its header comment says of title, description and chart. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { z } from "zod";
import { TidemarkError } from "../common/errors.ts";
import { PROJECT_ROOT } from "./project.ts";

const chartSchema = z.strictObject({
  type: z.enum(["line", "bar", "table", "number"]),
  x: z.string().optional(),
  y: z.array(z.string()).default([]),
  series: z.string().optional(),
});
export type Chart = z.infer<typeof chartSchema>;

const headerSchema = z.strictObject({
  title: z.string().min(1).max(80),
  description: z.string().max(500).default(""),
  chart: z.string().default("table"),
  portable: z
    .string()
    .regex(/^no \(.+\)$/, "say `no (why)`, or leave the line out")
    .optional(),
});

export interface Metric {
  /** The file's name without .sql: also the panel's id, the API path and the CSV's name. */
  name: string;
  title: string;
  description: string;
  chart: Chart;
  /** Why only DuckDB can run it; null when Spark can too. */
  only_duckdb: string | null;
  /** For people: relative to the project when it lies inside. */
  file: string;
  sql: string;
  /** SHA-256 of the text, for "did the file change since this result?". */
  hash: string;
}

/** Names of the metric files of a folder, in order. Fails with METRIC when the folder can't be read. */
export function metricNames(dir: string): string[] {
  try {
    const files = readdirSync(dir).filter((name) => /^[A-Za-z0-9_]+\.sql$/.test(name));
    return files.map((name) => name.slice(0, -4)).sort();
  } catch (error) {
    throw new TidemarkError("METRIC", `The folder of metrics ${dir} can't be read.`, "Name one with --sql DIR.", {
      cause: error,
    });
  }
}

/** Fails with USAGE when the folder has no metric of that name; the hint lists those it has. */
export function checkName(dir: string, name: string): void {
  const names = metricNames(dir);
  if (names.includes(name)) return;
  throw new TidemarkError("USAGE", `There is no metric ${name} in ${dir}.`, `There are: ${names.join(", ")}.`);
}

/** Reads one metric. A header that can't be understood gives METRIC with file and line, and what was expected. */
export function readMetric(dir: string, name: string): Metric {
  const path = join(dir, `${name}.sql`);
  const sql = readFileSync(path, "utf8");
  const inside = relative(PROJECT_ROOT, path);
  const file = inside.startsWith("..") ? path : inside;
  const hash = createHash("sha256").update(sql).digest("hex");
  return { name, file, sql, hash, ...parseHeader(sql, name, file) };
}

/** The header: `-- key: value` lines at the top, each key at most once; other comments are passed over. */
export function parseHeader(
  sql: string,
  name: string,
  file: string,
): Pick<Metric, "title" | "description" | "chart" | "only_duckdb"> {
  const found: Record<string, string> = { title: titleOf(name) };
  const lineOf: Record<string, number> = {};
  for (const [i, line] of sql.split("\n").entries()) {
    if (line.trim() !== "" && !line.trimStart().startsWith("--")) break;
    const match = /^\s*--\s*(title|description|chart|portable)\s*:\s*(.*?)\s*$/.exec(line);
    if (!match) continue;
    const key = match[1]!;
    if (lineOf[key] !== undefined) throw headerError(file, i + 1, `${key} is given twice`);
    found[key] = match[2]!;
    lineOf[key] = i + 1;
  }
  const header = headerSchema.safeParse(found);
  if (!header.success) {
    const issue = header.error.issues[0]!;
    throw headerError(file, lineOf[String(issue.path[0])] ?? 1, `${String(issue.path[0])}: ${issue.message}`);
  }
  const { title, description, chart, portable } = header.data;
  const only_duckdb = portable?.slice("no (".length, -1) ?? null;
  return { title, description, chart: parseChart(chart, file, lineOf.chart ?? 1), only_duckdb };
}

/** `line x=window_start y=avg_price,vwap series=product_id` → the chart. */
function parseChart(text: string, file: string, line: number): Chart {
  const [type, ...settings] = text.split(/\s+/);
  const raw: Record<string, string | string[]> = { type: type ?? "" };
  for (const setting of settings) {
    const match = /^([a-z]+)=(.+)$/.exec(setting);
    if (!match || match[2]!.split(",").includes(""))
      throw headerError(file, line, `chart: "${setting}" isn't x=COLUMN, y=COLUMN[,COLUMN] or series=COLUMN`);
    if (raw[match[1]!] !== undefined) throw headerError(file, line, `chart: ${match[1]} is given twice`);
    raw[match[1]!] = match[1] === "y" ? match[2]!.split(",") : match[2]!;
  }
  const chart = chartSchema.safeParse(raw);
  if (!chart.success) throw headerError(file, line, `chart: ${chart.error.issues[0]!.message}`);
  const { type: kind, x, y } = chart.data;
  if ((kind === "line" || kind === "bar") && (!x || y.length === 0)) {
    throw headerError(file, line, `chart: a ${kind} needs x=COLUMN and y=COLUMN`);
  }
  return chart.data;
}

/** Columns that the chart names and the result lacks, as a sentence; null when all are there. */
export function missingColumns(chart: Chart, columns: readonly { name: string }[]): string | null {
  const names = new Set(columns.map((column) => column.name));
  const wanted = [chart.x, ...chart.y, chart.series].filter((name) => name !== undefined);
  const missing = wanted.filter((name) => !names.has(name));
  return missing.length === 0
    ? null
    : `The chart names ${missing.join(", ")}, and the result has ${[...names].join(", ")}.`;
}

function titleOf(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function headerError(file: string, line: number, what: string): TidemarkError {
  return new TidemarkError("METRIC", `${file}:${line}: ${what}.`, "docs/add-a-metric.md shows the header's form.");
}
