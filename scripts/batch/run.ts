/** One batch: collect, answer, keep the results. The caller holds the batch's lock. */
import { monotonicMs, nowUs } from "../common/clock.ts";
import { sentence } from "../common/errors.ts";
import type { Logger } from "../common/logger.ts";
import { peakRssBytes, type RunSummary } from "../common/run-stats.ts";
import type { DataPaths } from "../common/settings.ts";
import { type Agreement, agreementOf, answer, type MetricResult } from "./answer.ts";
import { checkStored, collect } from "./archive.ts";
import { LockedDatabase } from "./locked.ts";
import { archiveBytes, type Manifest } from "./manifest.ts";
import { type Metric, metricNames, misnamed, readMetric, readSource } from "./metric.ts";
import { logRun, writeOutputs } from "./output.ts";
import { Results } from "./results.ts";
import { answerOnSpark } from "./spark.ts";

export interface BatchOptions {
  /** Folder of metric files. */
  sql: string;
  /** Only this metric. */
  metric?: string;
  /** What computes the portable metrics; DuckDB always collects, and computes the others. */
  engine: "duckdb" | "spark";
  /** Where Spark runs: `local[*]` or `spark://host:port`. */
  master: string;
}

/** What `batch --json` prints (docs/json.md). */
export interface BatchSummary extends RunSummary {
  metrics: number;
  failed: { metric: string; error: string }[];
  ticks_new: number;
  ticks_total: number;
  reconciliation: Agreement | null;
}

/**
 * Runs one batch. Rejects with NO_DATA before ticks.db exists; a broken metric is in `failed`, not an error. Null when `signal` came before the
 * answers were there: what was collected is kept, the results stay as they were.
 */
export async function runBatch(
  paths: DataPaths,
  options: BatchOptions,
  logger: Logger,
  signal: AbortSignal,
): Promise<BatchSummary | null> {
  const names = metricNames(options.sql).filter((name) => options.metric === undefined || name === options.metric);
  for (const file of misnamed(options.sql))
    logger.warn(`${options.sql}/${file} is no metric: a name has letters, digits and _ only, and ends in .sql.`);
  checkStored(paths);
  const started_us = nowUs() - Math.round(monotonicMs() * 1000);
  const results = new Results(paths.results);
  try {
    const died = results.begin(started_us);
    if (died > 0) logger.warn("the last run was killed; this one takes over where it stopped");
    const collecting_ms = monotonicMs();
    const { manifest, ticks_new } = await collect(paths, logger);
    const answering_ms = monotonicMs();
    const answers = await answerAll(paths, manifest, options, names, { logger, signal });
    if (signal.aborted) {
      results.fail("Stopped by a signal.");
      return null;
    }
    writeOutputs(paths, answers, { started_us, all: options.metric === undefined });
    const done_ms = monotonicMs();
    const agreement = agreementOf(answers);
    const ticks_total = manifest.files.reduce((sum, file) => sum + file.rows, 0);
    const record = {
      collect_ms: answering_ms - collecting_ms,
      answer_ms: done_ms - answering_ms,
      seconds: done_ms / 1000,
      ticks_new,
      ticks_total,
      newest_time_us: manifest.files.reduce<number | null>(
        (max, { max_time_us: t }) => (max === null || t > max ? t : max),
        null,
      ),
      archive_bytes: archiveBytes(manifest),
    };
    results.finish(record, answers, agreement, options.metric === undefined);
    const failed = answers.flatMap(({ name, error }) => (error === null ? [] : [{ metric: name, error }]));
    if (failed.length === 0) logRun(paths, record.seconds);
    return summarise(ticks_new, ticks_total, answers.length, failed, agreement);
  } catch (error) {
    results.fail(sentence(error));
    throw error;
  } finally {
    results.close();
  }
}

async function answerAll(
  { archive }: DataPaths,
  manifest: Manifest,
  { sql, engine, master }: BatchOptions,
  names: string[],
  { logger, signal }: { logger: Logger; signal: AbortSignal },
): Promise<MetricResult[]> {
  const only = names.length === 1 ? textOf(sql, names[0]!) : null;
  const database = await LockedDatabase.open(archive, manifest, only);
  const stop = () => database.interrupt();
  signal.addEventListener("abort", stop, { once: true });
  const answers: MetricResult[] = [];
  const on_spark: Metric[] = [];
  try {
    for (const name of names) {
      if (signal.aborted) return answers;
      const metric = engine === "spark" ? await forSpark(database, sql, name) : null;
      if (metric === null) answers.push(await answer(database, sql, name));
      else on_spark.push(metric);
    }
  } finally {
    signal.removeEventListener("abort", stop);
    database.close();
  }
  if (engine === "duckdb") return answers;
  logger.info(`${on_spark.length} metrics on Spark (${master}), ${answers.length} on DuckDB`);
  if (on_spark.length > 0)
    answers.push(...(await answerOnSpark({ archive, manifest, metrics: on_spark, master, signal })));
  return answers.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Null when it can't be read: `answer` says so. */
function textOf(dir: string, name: string): string | null {
  try {
    return readSource(dir, name).sql;
  } catch {
    return null;
  }
}

/** The metric when it is Spark's; null when it says that it isn't portable, and when DuckDB refuses it, which is then told by DuckDB. */
async function forSpark(database: LockedDatabase, dir: string, name: string): Promise<Metric | null> {
  try {
    const metric = readMetric(dir, name);
    if (metric.only_duckdb !== null) return null;
    await database.check(metric.sql);
    return metric;
  } catch {
    return null;
  }
}

function summarise(
  ticks_new: number,
  ticks_total: number,
  metrics: number,
  failed: BatchSummary["failed"],
  reconciliation: Agreement | null,
): BatchSummary {
  const seconds = monotonicMs() / 1000;
  return {
    records: ticks_new,
    seconds: Math.round(seconds * 1000) / 1000,
    records_per_second: Math.round(ticks_new / seconds),
    peak_rss_bytes: peakRssBytes(),
    metrics,
    failed,
    ticks_new,
    ticks_total,
    reconciliation,
  };
}
