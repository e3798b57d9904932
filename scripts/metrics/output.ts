/** batch_output/ and batch_log.txt, in the formats of the replaced pipeline, and CSV text for `query`. Files of others there are left alone. */
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
import { isoFromUs } from "../base/clock.ts";
import { csvLine, isTextType } from "../base/csv.ts";
import type { DataPaths } from "../base/data-dir.ts";
import { sentence } from "../base/errors.ts";
import { SUMMARY_FILES_MAX } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import type { Column, Row } from "../contract/results.ts";
import type { Results } from "./results.ts";
import type { MetricOutcome } from "./run.ts";

/** A header line and the rows. */
export function toCsv(columns: readonly Column[], rows: readonly Row[]): string {
  return csvHeader(columns) + csvRows(columns, rows);
}

export function csvHeader(columns: readonly Column[]): string {
  return csvLine(
    columns.map(({ name }) => name),
    () => true,
  );
}

/** Cells of text columns are guarded against spreadsheets, numbers and times are not (base/csv.ts). */
export function csvRows(columns: readonly Column[], rows: readonly Row[]): string {
  const isText = (i: number) => isTextType(columns[i]!.type);
  return rows
    .map((row) =>
      csvLine(
        columns.map(({ name }) => row[name]),
        isText,
      ),
    )
    .join("");
}

const MARKET_SUMMARY = "market_summary";
/** Names that only a batch gives: of the market summary, finished or not (the second also of older versions). */
const SUMMARY = /^market_summary_\d{8}T\d{6}\.?\d{3}Z\.csv$/;
const UNFINISHED = /^(\.tidemark-\w+\.csv|market_summary_\d{8}T\d{6}\.?\d{3}Z\.csv)\.tmp$/;

/**
 * The CSV files of one run: `write` prepares one beside its place, `publish` puts all in their places. A file, link or folder that no
 * batch wrote is never replaced or removed, even where its name is a metric's: it is named in a warning.
 */
export class Outputs {
  readonly #written: { metric: string; temporary: string | null; place: string }[] = [];
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

  /** Where a metric's CSV is written before it is published; removed at the run's end unless it was. A name of a file may be too long for more. */
  temporary(name: string): string {
    const folder = name === MARKET_SUMMARY ? this.paths.batchOutput : this.#metrics;
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `.tidemark-${this.#temporaries.length}.csv${TEMPORARY}`);
    this.#temporaries.push(path);
    return path;
  }

  /** Writes the rows, unless all of them are in the file already. Throws when that failed for lack of space. */
  write(result: MetricOutcome, started_us: number): void {
    const { name, error, columns, rows, truncated, csv: temporary, whole } = result;
    if (error !== null) return;
    const time = isoFromUs(started_us)
      .replace(/[-:]/g, "")
      .replace(/\.(\d{3}).*$/, "$1Z");
    const file = name === MARKET_SUMMARY ? summaryName(time) : `${name}.csv`;
    const written = { metric: name, temporary, place: join(dirname(temporary), file) };
    if (!truncated) writeNew(temporary, toCsv(columns, rows));
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

  /** Also removes the CSV of each metric of `gone`, and the oldest summaries of more than SUMMARY_FILES_MAX. */
  publish(gone: readonly string[]): void {
    for (const { metric, temporary, place } of this.#written.splice(0)) {
      // One that was refused leaves no older file, which would be taken for the newest.
      if (temporary === null) this.#remove(metric, place);
      else if (this.#mayReplace(metric, place)) publish(place, temporary);
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

  #remove(metric: string, place: string): void {
    if (this.results.owns(metric) && !hasLink(this.#metrics) && lstat(place)?.isFile()) rmSync(place);
  }

  #mayReplace(metric: string, place: string): boolean {
    const stat = lstat(place);
    const isOurs = stat === null || (stat.isFile() && (metric === MARKET_SUMMARY || this.results.owns(metric)));
    if (isOurs) this.results.own(metric);
    else
      this.logger.warn(
        `${place} was not written by a batch and is not replaced: move it away to get this metric's CSV.`,
      );
    return isOurs;
  }
}

function summaryName(time: string): string {
  return `market_summary_${time}.csv`;
}

/** Left by a run that was killed. */
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
    const bytes = Buffer.from(text);
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done);
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

/** A line per successful run: its seconds, two decimals. What is no regular file there gets none. */
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
