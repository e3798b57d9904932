/** results.db: what each run did and the newest result of each metric. Written by batch, and by schedule what it missed; never attached by DuckDB. */
import type { Database } from "bun:sqlite";
import { nowUs } from "../common/clock.ts";
import { RUNS_KEPT_MAX } from "../common/limits.ts";
import { peakRssBytes } from "../common/run-stats.ts";
import { openDatabase } from "../common/sqlite.ts";
import type { Agreement, MetricResult } from "./answer.ts";
import schema from "./results.sql" with { type: "text" };

export interface RunRecord {
  collect_ms: number;
  answer_ms: number;
  seconds: number;
  ticks_new: number;
  ticks_total: number;
  newest_time_us: number | null;
  archive_bytes: number;
}

export class Results {
  readonly #db: Database;
  #run_id = 0;

  constructor(path: string) {
    this.#db = openDatabase(path, { create: schema, version: 1 }, "NORMAL");
  }

  /** Notes a new run. The caller holds the batch's lock, so a run that is still `running` has died. Returns how many had. */
  begin(started_us: number): number {
    const died = this.#db
      .query("UPDATE runs SET state = 'died', ended_us = ? WHERE state = 'running'")
      .run(nowUs()).changes;
    const insert = this.#db.query("INSERT INTO runs (state, pid, started_us) VALUES ('running', ?, ?)");
    this.#run_id = Number(insert.run(process.pid, started_us).lastInsertRowid);
    for (const table of ["runs", "reconciliation"])
      this.#db.query(`DELETE FROM ${table} WHERE run_id <= ?`).run(this.#run_id - RUNS_KEPT_MAX);
    return died;
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

  /** Commits all results of the run at once. `all`: results of files that are gone are removed. */
  finish(run: RunRecord, results: readonly MetricResult[], agreement: Agreement | null, all: boolean): void {
    this.#db.transaction(() => {
      for (const result of results) this.#keep(result);
      if (all) {
        const names = new Set(results.map((result) => result.name));
        for (const { metric } of this.#db.query<{ metric: string }, []>("SELECT metric FROM results").all()) {
          if (!names.has(metric)) this.#db.query("DELETE FROM results WHERE metric = ?").run(metric);
        }
      }
      if (agreement) {
        const { compared, equal, explained, unexplained, pending } = agreement;
        this.#db
          .query("INSERT INTO reconciliation VALUES (?, ?, ?, ?, ?, ?)")
          .run(this.#run_id, compared, equal, explained, unexplained, pending);
      }
      const failed = results.filter((result) => result.error !== null);
      this.#end("done", { ...run, metrics: results.length, failed: failed.length, error: failed[0]?.error ?? null });
    })();
  }

  /** Notes that the run ended without results. */
  fail(error: string): void {
    this.#end("failed", { error });
  }

  close(): void {
    this.#db.close();
  }

  #end(state: string, columns: Record<string, number | string | null>): void {
    const { user, system } = process.cpuUsage();
    const row: Record<string, number | string | null> = {
      ...columns,
      state,
      ended_us: nowUs(),
      peak_rss_bytes: peakRssBytes(),
      cpu_seconds: (user + system) / 1e6,
    };
    const names = Object.keys(row);
    this.#db
      .query(`UPDATE runs SET ${names.map((name) => `${name} = ?`).join(", ")} WHERE run_id = ?`)
      .run(...Object.values(row), this.#run_id);
  }

  /** A failing metric keeps its last good rows, marked stale, beside the new error. A good result has columns. */
  #keep(result: MetricResult): void {
    const { name, metric, source, error } = result;
    const about = [
      metric?.title ?? name,
      metric?.description ?? "",
      JSON.stringify(metric?.chart ?? { type: "table", y: [] }),
    ];
    const file = [source?.file ?? "", source?.sql ?? "", source?.hash ?? ""];
    if (error !== null) {
      const changed = this.#db
        .query(
          "UPDATE results SET ok = 0, stale = (columns <> '[]'), error = ?, file = ?, sql = ?, file_hash = ? WHERE metric = ?",
        )
        .run(error, ...file, name).changes;
      if (changed > 0) return;
    }
    this.#db
      .query(
        "INSERT OR REPLACE INTO results (metric, run_id, ok, error, stale, title, description, chart, file, sql, file_hash, columns, rows, row_count, truncated, elapsed_ms, finished_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      )
      .run(
        name,
        this.#run_id,
        error === null ? 1 : 0,
        error,
        0,
        ...about,
        ...file,
        JSON.stringify(result.columns),
        JSON.stringify(result.rows),
        result.rows.length,
        result.truncated ? 1 : 0,
        result.elapsed_ms,
        result.finished_us,
      );
  }
}
