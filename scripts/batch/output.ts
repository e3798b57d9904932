/** batch_output/ and batch_log.txt, in the reference's forms (reference.md "Formats"), and CSV text for `query`. */
import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isoFromUs } from "../common/clock.ts";
import { csvLine } from "../common/csv.ts";
import { SUMMARY_FILES_MAX } from "../common/limits.ts";
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

/** One CSV a metric, replaced by each run; the newest SUMMARY_FILES_MAX of the market summary are kept, named by time, so that the newest is the last by name. `all`: the CSV of a file that is gone goes too. */
export function writeOutputs(
  paths: DataPaths,
  results: readonly MetricResult[],
  { started_us, all }: { started_us: number; all: boolean },
): void {
  const time = isoFromUs(started_us)
    .replace(/[-:]/g, "")
    .replace(/\.(\d{3}).*$/, "$1Z");
  removeOld(paths.batchOutput);
  for (const { name, error, columns, rows } of results) {
    if (error !== null) continue;
    const file = name === "market_summary" ? `market_summary_${time}.csv` : join("metrics", `${name}.csv`);
    writeAtomically(join(paths.batchOutput, file), toCsv(columns, rows));
  }
  const metrics = join(paths.batchOutput, "metrics");
  if (!all || !existsSync(metrics)) return;
  const known = new Set(results.map(({ name }) => `${name}.csv`));
  for (const name of readdirSync(metrics)) if (!known.has(name)) rmSync(join(metrics, name), { recursive: true });
}

/** A killed run leaves a summary named by its own time, which no later one replaces; of whole ones the oldest go. */
function removeOld(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const names = readdirSync(folder).filter((name) => name.startsWith("market_summary_"));
  const whole = names.filter((name) => name.endsWith(".csv")).sort();
  const unfinished = names.filter((name) => name.endsWith(TEMPORARY));
  for (const name of [...unfinished, ...whole.slice(0, Math.max(0, whole.length + 1 - SUMMARY_FILES_MAX))])
    rmSync(join(folder, name));
}

/** A line a successful run: its seconds, two decimals. */
export function logRun(paths: DataPaths, seconds: number): void {
  appendFileSync(paths.batchLog, `${seconds.toFixed(2)}\n`);
}
