/** One metric file: its name, its SELECT, and the header with title, description and chart. */
import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, type Stats, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { z } from "zod";
import { sentence, systemCode, TidemarkError } from "../base/errors.ts";
import { METRIC_FILE_BYTES_MAX, METRIC_FILES_MAX } from "../base/limits.ts";
import { PROJECT_ROOT } from "../base/project.ts";
import type { Chart } from "../contract/results.ts";
import { headerError, parseChart } from "./chart-header.ts";

/** Characters of a title. */
const TITLE_MAX = 80;
const length = (max: number) =>
  z.string().max(max, { error: (issue) => `has ${String(issue.input).length} characters; at most ${max}` });

const headerSchema = z.strictObject({
  title: length(TITLE_MAX).min(1, "is empty"),
  description: length(500).default(""),
  chart: z.string().default("table"),
  group: length(40).min(1, "is empty").default(""),
  order: z
    .string()
    .regex(/^\d{1,6}$/, "is not a whole number from 0 to 999999")
    .transform(Number)
    .optional(),
  portable: z
    .string()
    .regex(/^no \(.+\)$/, "can only be `no (why)`; otherwise leave the line out")
    .optional(),
});

/** A metric's file as it was read, valid or not. */
export interface MetricSource {
  /** The file's name without .sql: also the panel's id, the API path and the CSV's name. */
  name: string;
  /** For people: relative to the project when it is inside. */
  file: string;
  /** Line ends as in the file, but LF where it has CR alone. */
  sql: string;
  /** SHA-256 of the file's text, to notice that it changed after a result. */
  hash: string;
}

export interface Metric extends MetricSource {
  title: string;
  description: string;
  chart: Chart;
  /** The heading of the page under which its panel is; "": it names none. */
  group: string;
  /** Its panel's place in the group, and the group's among the groups: least first. Null: after those. */
  order: number | null;
  /** The line of the header's `chart:`; 1 without it. */
  chart_line: number;
  /** Why only DuckDB can run it; null when Spark can too. */
  only_duckdb: string | null;
}

const NAME = /^[A-Za-z0-9_]+\.sql$/;

/**
 * Names of the metric files of a folder, in order. Throws METRIC when it can't be read or has too
 * many.
 */
export function metricNames(dir: string): string[] {
  let names: string[];
  try {
    names = readdirSync(dir).filter((name) => NAME.test(name));
  } catch (cause) {
    const what = `The folder of metrics ${dir} can't be read.`;
    throw new TidemarkError("METRIC", what, "Name one with --sql DIR.", { cause });
  }
  if (names.length > METRIC_FILES_MAX) {
    const what = `The folder of metrics ${dir} has ${names.length} metrics; at most ${METRIC_FILES_MAX}.`;
    throw new TidemarkError("METRIC", what, "Move some to another folder and run them with --sql DIR.");
  }
  return names.map((name) => name.slice(0, -4)).sort();
}

/** Files that look like metrics and can't be: their names are not valid in a path of the API. */
export function misnamed(dir: string): string[] {
  return readdirSync(dir).filter((name) => /\.sql$/i.test(name) && !NAME.test(name));
}

/** Throws USAGE when the folder has no metric of that name; the hint lists those it has. */
export function checkName(dir: string, name: string): void {
  const names = metricNames(dir);
  if (names.includes(name)) return;
  throw new TidemarkError("USAGE", `There is no metric ${name} in ${dir}.`, `There are: ${names.join(", ")}.`);
}

/** Reads one metric. Throws METRIC as `readSource` and `withHeader` do. */
export function readMetric(dir: string, name: string): Metric {
  return withHeader(readSource(dir, name));
}

/**
 * Reads the text of one metric. Throws METRIC unless it is a regular file (or a link to one) of at
 * most METRIC_FILE_BYTES_MAX in UTF-8: a FIFO or a device is never opened.
 */
export function readSource(dir: string, name: string): MetricSource {
  const file = fileOf(dir, name);
  const text = textOf(join(dir, `${name}.sql`), file);
  // With CR alone the header and the SELECT would be one line, and so one comment.
  const sql = text.includes("\n") ? text : text.replaceAll("\r", "\n");
  return { name, file, sql, hash: createHash("sha256").update(text).digest("hex") };
}

/** A metric's file for people: relative to the project when it is inside, absolute otherwise. */
export function fileOf(dir: string, name: string): string {
  const path = resolve(dir, `${name}.sql`);
  const inside = relative(PROJECT_ROOT, path);
  return inside.startsWith("..") ? path : inside;
}

function textOf(path: string, file: string): string {
  const refused = (what: string) =>
    new TidemarkError("METRIC", `${file} ${what}`, "A metric is a text file in UTF-8, or a link to one.");
  try {
    checkFile(statSync(path), refused);
    // A FIFO may have come in between: to open one without O_NONBLOCK waits for a writer.
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      checkFile(fstatSync(descriptor), refused);
      const bytes = new Uint8Array(METRIC_FILE_BYTES_MAX + 1);
      let length = 0;
      for (let read = 1; read > 0 && length < bytes.length; length += read)
        read = readSync(descriptor, bytes, length, bytes.length - length, null);
      if (length > METRIC_FILE_BYTES_MAX) throw refused(`is larger than ${METRIC_FILE_BYTES_MAX} bytes.`);
      // The decoder drops a byte order mark, which some editors write.
      const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length));
      if (text.includes("\0")) throw refused("contains a NUL character.");
      return text;
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    if (systemCode(error) === "ERR_ENCODING_INVALID_ENCODED_DATA") throw refused("is not valid UTF-8.");
    throw refused(`can't be read: ${sentence(error)}.`);
  }
}

function checkFile(stat: Stats, refused: (what: string) => TidemarkError): void {
  if (stat.isDirectory()) throw refused("is a folder.");
  if (!stat.isFile()) throw refused("is not a regular file (a device, FIFO or socket).");
  if (stat.size > METRIC_FILE_BYTES_MAX)
    throw refused(`has ${stat.size} bytes; a metric's file has at most ${METRIC_FILE_BYTES_MAX}.`);
}

/**
 * Reads the header: `-- key: value` lines at the top, each key at most once. Other comments are
 * skipped, also those with a colon (a URL, `vim:`), unless they look like a misspelt key: METRIC.
 */
export function withHeader(source: MetricSource): Metric {
  const { name, sql, file } = source;
  const found: Record<string, string> = { title: titleOf(name) };
  const lineOf: Record<string, number> = {};
  for (const [i, line] of sql.split("\n").entries()) {
    if (line.trim() !== "" && !line.trimStart().startsWith("--")) break;
    const match = /^\s*--\s*([a-z]+)\s*:(\s*)(.*?)\s*$/.exec(line);
    if (!match) continue;
    const key = match[1]!;
    const isKey = Object.hasOwn(headerSchema.shape, key);
    if (!isKey && (match[2] === "" || !isNearMiss(key))) continue;
    if (!isKey)
      throw headerError(file, i + 1, `unknown key "${key}"; valid: ${Object.keys(headerSchema.shape).join(", ")}`);
    if (lineOf[key] !== undefined) throw headerError(file, i + 1, `${key} is given twice`);
    found[key] = match[3]!;
    lineOf[key] = i + 1;
  }
  const header = headerSchema.safeParse(found);
  if (!header.success) {
    const issue = header.error.issues[0]!;
    throw headerError(file, lineOf[String(issue.path[0])] ?? 1, `${String(issue.path[0])} ${issue.message}`);
  }
  const { title, description, chart, group, order = null, portable } = header.data;
  const chart_line = lineOf.chart ?? 1;
  const only_duckdb = portable?.slice("no (".length, -1) ?? null;
  const parsed = parseChart(chart, file, chart_line);
  return { ...source, title, description, chart: parsed, group, order, chart_line, only_duckdb };
}

/**
 * Whether a word is a key with one slip, or two in long ones; `file:` is two from `title:`, and a
 * remark.
 */
function isNearMiss(word: string): boolean {
  return Object.keys(headerSchema.shape).some((key) => slips(word, key) <= (key.length > 5 ? 2 : 1));
}

/** Letters added, left out, changed, or swapped with their neighbour (optimal string alignment). */
function slips(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  const table = Array.from({ length: a.length + 1 }, (_, i) => Array.from({ length: b.length + 1 }, (_, j) => i + j));
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const change = table[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(table[i - 1]![j]! + 1, table[i]![j - 1]! + 1, change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, table[i - 2]![j - 2]! + 1);
      table[i]![j] = least;
    }
  }
  return table[a.length]![b.length]!;
}

function titleOf(name: string): string {
  const words = name.replaceAll("_", " ");
  const title = words.charAt(0).toUpperCase() + words.slice(1);
  return title.length > TITLE_MAX ? `${title.slice(0, TITLE_MAX - 1)}…` : title;
}
