/** batch_output/ and batch_log.txt, in the replaced pipeline's formats (docs/replaced-pipeline.md). */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  type Stats,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { publish, TEMPORARY } from "../base/atomic-file.ts";
import { csvHeader, csvRows } from "../base/csv.ts";
import type { DataPaths } from "../base/data-dir.ts";
import { sentence } from "../base/errors.ts";
import { isoFromUs } from "../base/iso.ts";
import { SUMMARY_FILES_MAX } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import { writeAll } from "../base/write-all.ts";
import type { Results } from "./results-db.ts";
import type { MetricOutcome } from "./run.ts";

const MARKET_SUMMARY = "market_summary";
/** Names that only a batch gives; older versions wrote a summary under its own name with .tmp. */
const SUMMARY = /^market_summary_\d{8}T\d{6}\.?\d{3}Z\.csv$/;
const UNFINISHED = /^(\.tidemark-\w+\.csv|market_summary_\d{8}T\d{6}\.?\d{3}Z\.csv)\.tmp$/;

/**
 * The CSV files of one run: `write` prepares each under a temporary name, `publish` renames them all.
 * What no batch wrote is never replaced or removed, even under a metric's name; a warning names it.
 */
export class Outputs {
  readonly #written: { metric: string; temporary: string | null; path: string }[] = [];
  #temporaries: string[] = [];
  readonly #metrics: string;

  constructor(
    private readonly paths: DataPaths,
    private readonly results: Results,
    private readonly logger: Logger,
  ) {
    this.#metrics = join(paths.batchOutput, "metrics");
    for (const folder of [paths.batchOutput, this.#metrics]) removeUnfinished(folder);
  }

  /** Where a metric's CSV is written before it is published; removed at the run's end unless it was. */
  temporary(name: string): string {
    const folder = name === MARKET_SUMMARY ? this.paths.batchOutput : this.#metrics;
    mkdirSync(folder, { recursive: true });
    // By number: with an ending after it, a metric's own name could be too long for a file.
    const path = join(folder, `.tidemark-${this.#temporaries.length}.csv${TEMPORARY}`);
    this.#temporaries.push(path);
    return path;
  }

  /** Writes the rows; those of a truncated result are in its file already. Throws the system's error. */
  write(outcome: MetricOutcome, started_us: number): void {
    const { name, error, columns, rows, truncated, csv: temporary, whole } = outcome;
    if (error !== null) return;
    const time = isoFromUs(started_us)
      .replace(/[-:]/g, "")
      .replace(/\.(\d{3}).*$/, "$1Z");
    const file = name === MARKET_SUMMARY ? summaryName(time) : `${name}.csv`;
    const written = { metric: name, temporary, path: join(dirname(temporary), file) };
    if (!truncated) writeNew(temporary, csvHeader(columns) + csvRows(columns, rows));
    else if (whole === null || "refused" in whole) {
      if (whole?.code) throw Object.assign(new Error(whole.refused), { code: whole.code });
      const why = whole?.refused ?? `it has more than ${rows.length} rows`;
      this.logger.warn(
        `the CSV of ${name} is not written: ${why}. For all rows: bun run query --metric ${name} --output FILE`,
      );
      this.#written.push({ ...written, temporary: null });
      return;
    }
    this.#written.push(written);
  }

  /** Also removes the CSV of each metric of `gone`, and all but the newest SUMMARY_FILES_MAX summaries. */
  publish(gone: readonly string[]): void {
    for (const { metric, temporary, path } of this.#written.splice(0)) {
      // One that was refused leaves no older file, which would be taken for the newest.
      if (temporary === null) this.#remove(metric, path);
      else if (this.#mayReplace(metric, path)) publish(path, temporary);
    }
    this.discard();
    removeOldSummaries(this.paths.batchOutput);
    for (const metric of gone) {
      this.#remove(metric, join(this.#metrics, `${metric}.csv`));
      this.results.disown(metric);
    }
  }

  /** Removes what was written and not published. */
  discard(): void {
    this.#written.splice(0);
    for (const temporary of this.#temporaries.splice(0)) rmSync(temporary, { force: true });
  }

  #remove(metric: string, path: string): void {
    if (this.results.owns(metric) && !hasLink(this.#metrics) && lstat(path)?.isFile()) rmSync(path);
  }

  #mayReplace(metric: string, path: string): boolean {
    const stat = lstat(path);
    const isOurs = stat === null || (stat.isFile() && (metric === MARKET_SUMMARY || this.results.owns(metric)));
    if (isOurs) this.results.own(metric);
    else
      this.logger.warn(
        `${path} was not written by a batch and is not replaced: move it away to get this metric's CSV.`,
      );
    return isOurs;
  }
}

function summaryName(time: string): string {
  return `market_summary_${time}.csv`;
}

/** Removes what a killed run left. */
function removeUnfinished(folder: string): void {
  if (!lstat(folder)?.isDirectory()) return;
  for (const name of readdirSync(folder))
    if (UNFINISHED.test(name) && lstat(join(folder, name))?.isFile()) rmSync(join(folder, name));
}

function removeOldSummaries(folder: string): void {
  if (!lstat(folder)?.isDirectory()) return;
  const names = readdirSync(folder).filter((name) => SUMMARY.test(name) && lstat(join(folder, name))?.isFile());
  for (const name of names.sort().slice(0, Math.max(0, names.length - SUMMARY_FILES_MAX))) rmSync(join(folder, name));
}

/** A new file; fails where anything has that name, so that no link is followed. */
function writeNew(path: string, text: string): void {
  const file = openSync(path, "wx");
  try {
    writeAll(file, text);
  } finally {
    closeSync(file);
  }
}

function lstat(path: string): Stats | null {
  return lstatSync(path, { throwIfNoEntry: false }) ?? null;
}

function hasLink(folder: string): boolean {
  return lstat(folder)?.isSymbolicLink() === true || lstat(dirname(folder))?.isSymbolicLink() === true;
}

/** Adds a line per successful run: its seconds, two decimals. Only to a regular file; otherwise warns. */
export function logRun(paths: DataPaths, seconds: number, logger: Logger): void {
  const flags =
    constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    const file = openSync(paths.batchLog, flags, 0o666);
    try {
      if (!fstatSync(file).isFile()) throw new Error("it is not a regular file");
      writeSync(file, `${seconds.toFixed(2)}\n`);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    logger.warn(`no line was added to ${paths.batchLog}: ${sentence(error)}.`);
  }
}
