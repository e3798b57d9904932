/** batch_output/ and batch_log.txt, in the reference's forms (reference.md "Formats"), and CSV text for `query`. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { isoFromUs } from "../common/clock.ts";
import type { DataPaths } from "../common/settings.ts";
import type { MetricResult } from "./answer.ts";
import { writeAtomically } from "./files.ts";
import type { Column, Json, Row } from "./values.ts";

/** A header line and the rows, RFC 4180. Text cells that a spreadsheet would run as a formula get a quote in front. */
export function toCsv(columns: readonly Column[], rows: readonly Row[]): string {
  const lines = [columns.map((column) => cell(column.name, true)).join(",")];
  for (const row of rows) {
    lines.push(columns.map(({ name, type }) => cell(row[name] ?? null, type === "VARCHAR")).join(","));
  }
  return `${lines.join("\n")}\n`;
}

function cell(value: Json, isText: boolean): string {
  if (value === null) return "";
  let text = typeof value === "object" ? JSON.stringify(value) : String(value);
  if (isText && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One CSV a metric, replaced by each run; the market summary's are kept, named by time, so that the newest is the last by name. */
export function writeOutputs(paths: DataPaths, results: readonly MetricResult[], started_us: number): void {
  const time = isoFromUs(started_us)
    .replace(/[-:]/g, "")
    .replace(/\.(\d{3}).*$/, "$1Z");
  for (const { name, error, columns, rows } of results) {
    if (error !== null) continue;
    const file = name === "market_summary" ? `market_summary_${time}.csv` : join("metrics", `${name}.csv`);
    writeAtomically(join(paths.batchOutput, file), toCsv(columns, rows));
  }
}

/** A line a successful run: its seconds, two decimals. */
export function logRun(paths: DataPaths, seconds: number): void {
  appendFileSync(paths.batchLog, `${seconds.toFixed(2)}\n`);
}
