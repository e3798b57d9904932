/** batch_output/ and batch_log.txt, in the reference's forms (reference.md "Formats"), and CSV text for `query`. */
import { appendFileSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isoFromUs } from "../common/clock.ts";
import { csvLine } from "../common/csv.ts";
import type { DataPaths } from "../common/settings.ts";
import type { MetricResult } from "./answer.ts";
import { TEMPORARY, writeAtomically } from "./files.ts";
import type { Column, Row } from "./values.ts";

/** A header line and the rows. Cells of text columns are guarded against spreadsheets, numbers and times are not (common/csv.ts). */
export function toCsv(columns: readonly Column[], rows: readonly Row[]): string {
  const names = columns.map((column) => column.name);
  const body = rows.map((row) =>
    csvLine(
      names.map((name) => row[name]),
      (i) => columns[i]!.type === "VARCHAR",
    ),
  );
  return csvLine(names, () => true) + body.join("");
}

/** One CSV a metric, replaced by each run; the market summary's are kept, named by time, so that the newest is the last by name. */
export function writeOutputs(paths: DataPaths, results: readonly MetricResult[], started_us: number): void {
  const time = isoFromUs(started_us)
    .replace(/[-:]/g, "")
    .replace(/\.(\d{3}).*$/, "$1Z");
  removeUnfinished(paths.batchOutput);
  for (const { name, error, columns, rows } of results) {
    if (error !== null) continue;
    const file = name === "market_summary" ? `market_summary_${time}.csv` : join("metrics", `${name}.csv`);
    writeAtomically(join(paths.batchOutput, file), toCsv(columns, rows));
  }
}

/** A killed run leaves a summary named by its own time, which no later one replaces. */
function removeUnfinished(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (name.endsWith(TEMPORARY)) rmSync(join(folder, name));
}

/** A line a successful run: its seconds, two decimals. */
export function logRun(paths: DataPaths, seconds: number): void {
  appendFileSync(paths.batchLog, `${seconds.toFixed(2)}\n`);
}
