/** results.db: what each run did, and the newest result of each metric; DuckDB never attaches it. */
import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { nowUs } from "../base/clock.ts";
import { shortened } from "../base/errors.ts";
import { RESULTS_WAL_BYTES_MAX, RUNS_KEPT_MAX } from "../base/limits.ts";
import { PROJECT_ROOT } from "../base/project.ts";
import { openDatabase } from "../base/sqlite.ts";
import { parseRunSnapshot } from "../contract/measure-texts.ts";
import type { Answered, RunSnapshot } from "../contract/measures.ts";
import {
  AGREEMENT_COLUMNS,
  type Agreement,
  type AgreementRow,
  RESULT_COLUMNS,
  type ResultRow,
  type RunRow,
  type RunState,
  resultToRow,
  SAME_QUESTION,
  type StoredRun,
} from "../contract/results.ts";
import { SCHEMA_VERSIONS } from "../contract/schema-versions.ts";
import schema from "./results.sql" with { type: "text" };
import type { MetricOutcome } from "./run.ts";

/** Version 1 took every file in batch_output/metrics for ours; those of a metric that worked were. */
const FROM_1 = `CREATE TABLE outputs (metric TEXT PRIMARY KEY) STRICT;
  INSERT INTO outputs SELECT metric FROM results WHERE columns <> '[]'`;
const FROM_2 = `ALTER TABLE runs ADD COLUMN read_bytes INTEGER; ALTER TABLE runs ADD COLUMN written_bytes INTEGER;
  ALTER TABLE runs ADD COLUMN queries_cpu_seconds REAL; ALTER TABLE runs ADD COLUMN windows_cpu_seconds REAL`;
const FROM_3 = `ALTER TABLE runs ADD COLUMN snapshot TEXT;
  CREATE INDEX runs_with_snapshot ON runs (run_id) WHERE snapshot IS NOT NULL`;
const FROM_4 = `CREATE INDEX runs_done ON runs (run_id) WHERE state = 'done';
  CREATE INDEX runs_begun ON runs (run_id) WHERE state <> 'missed'`;
const FROM_5 = "ALTER TABLE runs ADD COLUMN history_new INTEGER";
/** Runs that keep their snapshot, about 3 kB each: a day at one run per minute. */
const SNAPSHOTS_KEPT_MAX = 1_440;
const NEWEST_ANSWERED = "SELECT max(run_id) FROM runs WHERE snapshot IS NOT NULL";
/** Held by a run's row for a moment, so that file and WAL have room for its end on a full disk. */
const ROOM = "x".repeat(65_536);

/** What a run that ended with results notes of itself; `error` is the first metric's. */
type RunFigures = Pick<RunRow, "newest_time_us" | "error"> &
  Record<
    | "collect_ms"
    | "answer_ms"
    | "seconds"
    | "ticks_total"
    | "archive_bytes"
    | "metrics"
    | "failed"
    | keyof CollectedTicks,
    number
  >;

/** What a run has collected, of which `history_new` was loaded by `backfill`. */
export type CollectedTicks = Pick<StoredRun, "ticks_new" | "history_new">;

/** What a run leaves beside its figures. */
interface Outcome {
  agreement: Agreement | null;
  /** Metrics whose results are removed. */
  gone: readonly string[];
  /** What the run's answers contain if they are committed at `committed_us`; null: it has not answered. */
  snapshot(committed_us: number): RunSnapshot | null;
}

/** What a run is charged when it ends. */
type Costs = Pick<
  RunRow,
  "cpu_seconds" | "read_bytes" | "written_bytes" | "queries_cpu_seconds" | "windows_cpu_seconds" | "peak_rss_bytes"
>;

/** Writes results.db: the runs of the batch, and the due times that the schedule missed. */
export class Results {
  readonly #db: Database;
  #run_id = 0;

  constructor(path: string) {
    const migrations = { 1: FROM_1, 2: FROM_2, 3: FROM_3, 4: FROM_4, 5: FROM_5 };
    this.#db = openDatabase(path, { create: schema, version: SCHEMA_VERSIONS["results.db"], migrations }, "NORMAL");
    this.#db.exec(`PRAGMA journal_size_limit = ${RESULTS_WAL_BYTES_MAX}`);
  }

  /**
   * Notes a new run, begun at `started_us`, and returns whether the last one was killed. The caller
   * holds the batch's lock, so a run that is still `running` has died.
   */
  begin(started_us: number): boolean {
    this.noteDied();
    const last = "SELECT state FROM runs WHERE state <> 'missed' ORDER BY run_id DESC LIMIT 1";
    const died = this.#db.query<Pick<RunRow, "state">, []>(last).get()?.state === "died";
    const insert = this.#db.query("INSERT INTO runs (state, pid, started_us, error) VALUES ('running', ?, ?, ?)");
    this.#run_id = Number(insert.run(process.pid, started_us, ROOM).lastInsertRowid);
    this.#forgetOld();
    this.#db.query("UPDATE runs SET error = NULL WHERE run_id = ?").run(this.#run_id);
    // From here on SQLite writes over the WAL from its beginning.
    this.#db.query("PRAGMA wal_checkpoint(RESTART)").all();
    return died;
  }

  /**
   * Notes runs that are still `running` as died, only of the process `pid` if given; returns their
   * number.
   */
  noteDied(pid: number | null = null): number {
    return this.#db
      .query("UPDATE runs SET state = 'died', ended_us = ? WHERE state = 'running' AND pid = coalesce(?, pid)")
      .run(nowUs(), pid).changes;
  }

  /** Notes due times (microseconds since 1970) at which no run began, each as a run of state `missed`. */
  noteMissed(due_us: readonly number[], why: string): void {
    const insert = this.#db.query(
      "INSERT INTO runs (state, pid, started_us, ended_us, error) VALUES ('missed', ?, ?, ?, ?)",
    );
    this.#db.transaction(() => {
      for (const us of due_us) insert.run(process.pid, us, us, why);
    })();
  }

  /** Stores one result for `finish`: until then readers see the results of the run before. */
  keep(outcome: MetricOutcome): void {
    if (!this.#db.inTransaction) this.#db.exec("BEGIN IMMEDIATE");
    this.#keep(rowOf(outcome, this.#run_id));
  }

  /** Metrics with a result whose SQL file was removed; those of another folder (`--sql`) stay. */
  gone(names: ReadonlySet<string>): string[] {
    const stored = this.#db.query<Pick<ResultRow, "metric" | "file">, []>("SELECT metric, file FROM results").all();
    const isGone = (file: string) => file === "" || !existsSync(resolve(PROJECT_ROOT, file));
    return stored.filter(({ metric, file }) => !names.has(metric) && isGone(file)).map(({ metric }) => metric);
  }

  /** Whether batch_output/metrics/METRIC.csv is a file that a batch wrote. */
  owns(metric: string): boolean {
    return this.#db.query("SELECT 1 FROM outputs WHERE metric = ?").get(metric) !== null;
  }

  /** Notes that METRIC.csv is ours; before it is written, so that a run that dies leaves no unknown file. */
  own(metric: string): void {
    this.#db.query("INSERT OR IGNORE INTO outputs VALUES (?)").run(metric);
  }

  /** Forgets METRIC.csv, after it was removed. */
  disown(metric: string): void {
    this.#db.query("DELETE FROM outputs WHERE metric = ?").run(metric);
  }

  /** What the newest run that has answered contains. */
  answered(): Answered {
    const newest = `SELECT snapshot FROM runs WHERE run_id = (${NEWEST_ANSWERED})`;
    const text = this.#db.query<Pick<StoredRun, "snapshot">, []>(newest).get()?.snapshot;
    if (text) return parseRunSnapshot(text) ?? "unknown";
    const good = "SELECT 1 FROM results WHERE metric = ? AND columns <> '[]'";
    return this.#db.query(good).get(SAME_QUESTION) === null ? "nothing" : "unknown";
  }

  /** Commits all results of the run at once. */
  finish(figures: RunFigures, costs: Costs, { agreement, gone, snapshot }: Outcome): void {
    if (!this.#db.inTransaction) this.#db.exec("BEGIN IMMEDIATE");
    for (const metric of gone) this.#db.query("DELETE FROM results WHERE metric = ?").run(metric);
    if (agreement !== null) {
      const row: AgreementRow = { run_id: this.#run_id, ...agreement };
      this.#insert("reconciliation", ["run_id", ...AGREEMENT_COLUMNS], row);
    }
    const ended_us = nowUs();
    const contains = snapshot(ended_us);
    this.#end("done", { ...figures, ended_us, snapshot: contains && JSON.stringify(contains) }, costs);
    this.#db.exec("COMMIT");
  }

  /** Notes that the run ended without results, and why. Throws what SQLite throws. */
  fail(error: string, collected: CollectedTicks, costs: Costs): void {
    if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
    this.#end("failed", { error: shortened(error), ...collected, ended_us: nowUs() }, costs);
  }

  close(): void {
    this.#db.close();
  }

  /** Replaces the ended run's costs: its end is a part of them. */
  charge(costs: Costs): void {
    this.#update({ ...costs });
  }

  /**
   * Notes what a run's parent was charged for its process (wait4), which includes its end. A run of
   * `pid` that noted more keeps that.
   */
  chargeEnded(pid: number, cpu_seconds: number): void {
    this.#db
      .query(
        `UPDATE runs SET cpu_seconds = max(coalesce(cpu_seconds, 0), ?)
         WHERE run_id = (SELECT max(run_id) FROM runs WHERE pid = ? AND state IN ('done', 'failed', 'died'))`,
      )
      .run(cpu_seconds, pid);
  }

  #end(state: RunState, columns: Partial<StoredRun> & Pick<RunRow, "ended_us">, costs: Costs): void {
    this.#update({ ...columns, ...costs, state });
  }

  /** The newest run that has answered stays: it is what the next one adds to. */
  #forgetOld(): void {
    const oldest = this.#run_id - RUNS_KEPT_MAX;
    this.#db.query(`DELETE FROM runs WHERE run_id <= ? AND run_id IS NOT (${NEWEST_ANSWERED})`).run(oldest);
    this.#db.query("DELETE FROM reconciliation WHERE run_id <= ?").run(oldest);
    const kept = `SELECT run_id FROM runs WHERE snapshot IS NOT NULL ORDER BY run_id DESC LIMIT ${SNAPSHOTS_KEPT_MAX}`;
    this.#db.exec(
      `UPDATE runs SET snapshot = NULL WHERE snapshot IS NOT NULL AND run_id < (SELECT min(run_id) FROM (${kept}))`,
    );
  }

  #update(row: Partial<StoredRun>): void {
    const names = Object.keys(row);
    this.#db
      .query(`UPDATE runs SET ${names.map((name) => `${name} = ?`).join(", ")} WHERE run_id = ?`)
      .run(...Object.values(row), this.#run_id);
  }

  /**
   * A failing metric keeps its last good rows, marked stale, beside the new error. A good result has
   * columns.
   */
  #keep(row: ResultRow): void {
    if (row.ok === 0) {
      const stale =
        "UPDATE results SET ok = 0, stale = (columns <> '[]'), error = ?, file = ?, sql = ?, file_hash = ? WHERE metric = ?";
      const { changes } = this.#db.query(stale).run(row.error, row.file, row.sql, row.file_hash, row.metric);
      if (changes > 0) return;
    }
    this.#insert("results", RESULT_COLUMNS, row);
  }

  #insert<Name extends string>(
    table: string,
    columns: readonly Name[],
    row: Record<NoInfer<Name>, string | number | null>,
  ): void {
    const marks = columns.map(() => "?").join(", ");
    this.#db
      .query(`INSERT OR REPLACE INTO ${table} (${columns.join(", ")}) VALUES (${marks})`)
      .run(...columns.map((name) => row[name]));
  }
}

function rowOf({ name, metric, source, error, ...found }: MetricOutcome, run_id: number): ResultRow {
  return resultToRow({
    name,
    run_id,
    row_count: found.rows.length,
    title: metric?.title ?? name,
    description: metric?.description ?? "",
    file: source.file,
    sql: source.sql,
    file_hash: source.hash,
    elapsed_ms: found.elapsed_ms,
    finished_us: found.finished_us,
    chart: metric?.chart ?? { type: "table", y: [] },
    group: metric?.group ?? "",
    order: metric?.order ?? null,
    columns: found.columns,
    rows: found.rows,
    ok: error === null,
    error,
    stale: false,
    truncated: found.truncated,
  });
}
