/** One batch run: collect into the archive, run every metric, keep the results. */
import { collect } from "../archive/collect.ts";
import { archiveBytes, type Manifest, type TickGroups } from "../archive/index.ts";
import { monotonicMs, nowUs } from "../base/clock.ts";
import { checkStored, type DataPaths } from "../base/data-dir.ts";
import { sentence } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { peakRssBytes } from "../base/memory.ts";
import { spaceError } from "../base/sqlite.ts";
import { onAbort } from "../base/wait.ts";
import type { RunSnapshot } from "../contract/measures.ts";
import { type Agreement, SAME_QUESTION } from "../contract/results.ts";
import type { RunSummary } from "../measure/run-stats.ts";
import {
  agreementOf,
  logRun,
  type MetricOutcome,
  Outputs,
  runMetric,
  runMetricsOnSpark,
  Sandbox,
} from "../metrics/index.ts";
import { type Metric, metricNames, misnamed, readMetric, readSource } from "../metrics/metric.ts";
import { type CollectedTicks, Results } from "../metrics/results-db.ts";
import { FeedClock } from "./feed-clock.ts";
import { RunCharge } from "./run-charge.ts";
import { runSnapshot } from "./run-snapshot.ts";

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
 * Runs one batch; the caller holds the batch's lock. A broken metric is in `failed`; NO_DATA before
 * ticks.db exists. Null if `signal` stopped the metrics: the archive is kept, the results stay.
 */
export async function runBatch(
  paths: DataPaths,
  options: BatchOptions,
  logger: Logger,
  signal: AbortSignal,
): Promise<BatchSummary | null> {
  const names = metricNames(options.sql).filter((name) => options.metric === undefined || name === options.metric);
  for (const file of misnamed(options.sql))
    logger.warn(
      `${options.sql}/${file} is not a valid metric file: a name has letters, digits and _ only, and ends in .sql.`,
    );
  checkStored(paths);
  const started_us = nowUs() - Math.round(monotonicMs() * 1000);
  const results = new Results(paths.results);
  // Before collecting, so that it loads DuckDB meanwhile.
  const sandbox = new Sandbox(paths.results);
  const batch = new Batch(paths, options, { results, sandbox, logger, signal, started_us });
  try {
    if (results.begin(started_us)) logger.warn("the last run was killed; this one repeats its work");
    return await batch.run(names);
  } catch (error) {
    const known = spaceError(error, paths.root);
    await batch.noteFailure(sentence(known));
    throw known;
  } finally {
    sandbox.close();
    results.close();
  }
}

interface Parts {
  results: Results;
  sandbox: Sandbox;
  logger: Logger;
  signal: AbortSignal;
  started_us: number;
}

class Batch {
  readonly #outputs: Outputs;
  readonly #failed: BatchSummary["failed"] = [];
  readonly #charge = new RunCharge();
  #agreement: Agreement | null = null;
  #collected: CollectedTicks = { ticks_new: null, history_new: null };
  #new_ticks: TickGroups | null = null;
  /** Whether it has a new result of SAME_QUESTION. */
  #answers = false;
  #metrics = 0;

  constructor(
    private readonly paths: DataPaths,
    private readonly options: BatchOptions,
    private readonly parts: Parts,
  ) {
    this.#outputs = new Outputs(paths, parts.results, parts.logger);
  }

  async run(names: string[]): Promise<BatchSummary | null> {
    const { paths, parts } = this;
    const collecting_ms = monotonicMs();
    const { manifest, ticks_new, history_new, new_ticks } = await collect(
      paths,
      parts.logger,
      parts.results.answered(),
    );
    this.#collected = { ticks_new, history_new };
    this.#new_ticks = new_ticks;
    const answering_ms = monotonicMs();
    try {
      await this.#runAll(manifest, names);
    } catch (error) {
      if (!parts.signal.aborted) throw error;
    }
    if (parts.signal.aborted) {
      this.#outputs.discard();
      await this.noteFailure("Stopped by a signal.");
      return null;
    }
    await parts.sandbox.end();
    return this.#finish(manifest, names, { ticks_new, history_new, collecting_ms, answering_ms });
  }

  /** Notes why the run failed; if that fails too, the run's own error counts. */
  async noteFailure(why: string): Promise<void> {
    const { results, sandbox, logger } = this.parts;
    await sandbox.end();
    try {
      results.fail(why, this.#collected, this.#costs());
    } catch (error) {
      logger.warn(`the run's end could not be noted in results.db: ${sentence(error)}`);
    }
  }

  /** Until now. The peak is a sum of two, which need not have been at one moment. */
  #costs() {
    const { cpu_us, peak_rss } = this.parts.sandbox.cost;
    return { ...this.#charge.costs(cpu_us), peak_rss_bytes: peakRssBytes() + peak_rss };
  }

  #finish(
    manifest: Manifest,
    names: string[],
    {
      ticks_new,
      history_new,
      collecting_ms,
      answering_ms,
    }: Record<"ticks_new" | "history_new" | "collecting_ms" | "answering_ms", number>,
  ): BatchSummary {
    const { paths, parts } = this;
    const { results, logger } = parts;
    const gone = this.options.metric === undefined ? results.gone(new Set(names)) : [];
    const done_ms = monotonicMs();
    const ticks_total = manifest.files.reduce((sum, file) => sum + file.rows, 0);
    const failed = this.#failed.sort((a, b) => (a.metric < b.metric ? -1 : 1));
    const figures = {
      collect_ms: answering_ms - collecting_ms,
      answer_ms: done_ms - answering_ms,
      seconds: done_ms / 1000,
      ticks_new,
      history_new,
      ticks_total,
      newest_time_us: manifest.files.reduce<number | null>(
        (max, { max_time_us: t }) => (max === null || t > max ? t : max),
        null,
      ),
      archive_bytes: archiveBytes(manifest),
      metrics: this.#metrics,
      failed: failed.length,
      error: failed[0]?.error ?? null,
    };
    const snapshot = (committed_us: number) => this.#snapshot(committed_us);
    results.finish(figures, this.#costs(), { agreement: this.#agreement, gone, snapshot });
    this.#outputs.publish(gone);
    if (failed.length === 0) logRun(paths, figures.seconds, logger);
    const costs = this.#costs();
    results.charge(costs);
    const seconds = monotonicMs() / 1000;
    return {
      records: ticks_new,
      seconds: Math.round(seconds * 1000) / 1000,
      records_per_second: Math.round(ticks_new / seconds),
      peak_rss_bytes: costs.peak_rss_bytes,
      metrics: this.#metrics,
      failed,
      ticks_new,
      ticks_total,
      reconciliation: this.#agreement,
    };
  }

  #snapshot(committed_us: number): RunSnapshot | null {
    if (!this.#answers || this.#new_ticks === null) return null;
    return runSnapshot(this.#new_ticks, committed_us, new FeedClock(this.paths.feed).at(committed_us));
  }

  /** One outcome at a time is in memory. Rejects when the signal comes meanwhile. */
  async #runAll(manifest: Manifest, names: string[]): Promise<void> {
    const { options, paths } = this;
    const { archive } = paths;
    const { sandbox, signal, logger } = this.parts;
    const { engine, master } = options;
    // The signal may have come while this process collected.
    if (signal.aborted) return;
    const forget = onAbort(signal, () => sandbox.close());
    const on_spark: Metric[] = [];
    try {
      const sql = names.length === 1 ? textOf(options.sql, names[0]!) : null;
      await sandbox.open({ archive, manifest, sql });
      for (const name of names) {
        const metric = engine === "spark" ? await forSpark(sandbox, options.sql, name) : null;
        if (metric !== null) on_spark.push(metric);
        else await this.#runOne(name);
        if (signal.aborted) return;
      }
    } finally {
      forget();
    }
    if (engine === "duckdb") return;
    logger.info(`${on_spark.length} metrics on Spark (${master}), ${this.#metrics} on DuckDB`);
    if (on_spark.length === 0) return;
    this.#charge.notSplit();
    const csv = (name: string) => this.#outputs.temporary(name);
    for await (const outcome of runMetricsOnSpark({ archive, manifest, metrics: on_spark, master, signal, csv }))
      this.#take(outcome);
  }

  async #runOne(name: string): Promise<void> {
    const { sandbox } = this.parts;
    const before_us = sandbox.cost.cpu_us;
    const outcome = await runMetric(sandbox, this.options.sql, name, this.#outputs.temporary(name));
    this.#charge.query(name, sandbox.cost.cpu_us - before_us);
    this.#take(outcome);
  }

  #take(outcome: MetricOutcome): void {
    const { signal, results, started_us } = this.parts;
    if (signal.aborted) return;
    this.#metrics++;
    this.#answers ||= outcome.name === SAME_QUESTION && outcome.error === null;
    if (outcome.error !== null) this.#failed.push({ metric: outcome.name, error: outcome.error });
    this.#agreement ??= agreementOf(outcome);
    results.keep(outcome);
    this.#outputs.write(outcome, started_us);
  }
}

/** Null when it can't be read, which `runMetric` reports. */
function textOf(dir: string, name: string): string | null {
  try {
    return readSource(dir, name).sql;
  } catch {
    return null;
  }
}

/**
 * The metric if Spark is to run it; null if it is not portable, or if DuckDB refuses it and reports
 * why.
 */
async function forSpark(sandbox: Sandbox, dir: string, name: string): Promise<Metric | null> {
  try {
    const metric = readMetric(dir, name);
    if (metric.only_duckdb !== null) return null;
    await sandbox.check(metric.sql);
    return metric;
  } catch {
    return null;
  }
}
