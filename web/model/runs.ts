/** Runs of the batch, and what the newest reconciliation counted. */
import RUNS from "../../sql/page/runs.sql" with { type: "text" };
import type { Sources } from "./sources.ts";

/** One run; what it had not measured when it ended, or has not yet, is null. */
export interface Run {
  run_id: number;
  pid: number;
  state: "running" | "done" | "failed" | "died";
  started_us: number;
  ended_us: number | null;
  collect_ms: number | null;
  answer_ms: number | null;
  seconds: number | null;
  ticks_new: number | null;
  ticks_total: number | null;
  newest_time_us: number | null;
  metrics: number | null;
  failed: number | null;
  peak_rss_bytes: number | null;
  archive_bytes: number | null;
  cpu_seconds: number | null;
  error: string | null;
}

/** Windows by outcome, of the run that compared last. */
export interface Agreement {
  run_id: number;
  compared: number;
  equal: number;
  explained: number;
  unexplained: number;
  pending: number;
}

/** The newest runs, newest first. */
export function runs(sources: Sources, limit: number): Run[] {
  return sources.results.all<Run>(RUNS, { limit });
}

/** The newest run that succeeded; null before the first. */
export function lastDone(sources: Sources): Run | null {
  return sources.results.get<Run>("SELECT * FROM runs WHERE state = 'done' ORDER BY run_id DESC LIMIT 1");
}

/** Due times at which no run began. */
export function missedRuns(sources: Sources): number {
  return sources.results.get<{ n: number }>("SELECT count(*) AS n FROM runs WHERE state = 'missed'")?.n ?? 0;
}

/** Null before the first reconciliation. */
export function agreement(sources: Sources): Agreement | null {
  return sources.results.get<Agreement>("SELECT * FROM reconciliation ORDER BY run_id DESC LIMIT 1");
}
