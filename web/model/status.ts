/** How the path stands: each stage, offsets and lag, the watermark, and what was dropped, doubled or malformed. */
import { isoFromUs, nowUs } from "../../scripts/base/clock.ts";
import { STAGE_SILENCE_MS_MAX } from "../../scripts/base/limits.ts";
import type { PartitionSpan } from "../../scripts/contract/log.ts";
import RUNS from "../../sql/page/runs.sql" with { type: "text" };
import { problemLine, problemsOf, type StageProblem } from "./health.ts";
import type { Feed, Sources } from "./sources.ts";
import type { StoreFile } from "./store-file.ts";

export type StageState = "running" | "rest" | "silent" | "absent";

export interface Stage {
  name: "produce" | "stream" | "consume" | "batch";
  state: StageState;
  /** For people: why it isn't running, or what it does. */
  detail: string;
  /** Records in the log that it has not read; null when unknown or not a reader. */
  lag: number | null;
  /** Of the process that runs now, or ran last. */
  pid: number | null;
  records: number;
  cpu_seconds: number;
  peak_rss_bytes: number;
  /** What it keeps on disk. */
  bytes: number;
  /** Microseconds since 1970: when its process reported last, began, and stored records last; absent where it isn't known. */
  alive_us?: number;
  started_us?: number;
  progress_us?: number;
  /** Its process has said that it ends; it counts as running for some seconds more, in which another may take over. */
  ended?: boolean;
}

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

export interface Status {
  mode: "live" | "replay" | null;
  /** When this was asked, ISO 8601 UTC. */
  as_of: string;
  log: {
    name: string;
    partitions: { partition: number; start: number; end: number; stream_next: number; consume_next: number }[] | null;
    /** When the log gave these ends, ISO 8601 UTC; null before its first answer. */
    asked_at: string | null;
    /** Seconds since then. */
    age_s: number | null;
    /** Why it doesn't answer now. */
    error: string | null;
  };
  stages: Stage[];
  watermarks: { product_id: string; newest_event_time: string | null; watermark: string | null }[];
  counts: {
    ticks: number;
    duplicates: number;
    /** Repeated trade ids with another content, as consume found them; `duplicates` is the stream's count and includes them. */
    conflicts: number;
    late: number;
    skewed: number;
    dead_letters: number;
    revisions: number;
    outages: number;
    reconnects: number;
    incomplete: number;
  };
  last_run: Run | null;
  /** What stops the path, then what needs a look. */
  problems: StageProblem[];
}

/** The newest batch runs, newest first. */
export function runs(sources: Sources, limit: number): Run[] {
  return sources.results.all<Run>(RUNS, { limit });
}

/** The path's state now. Waits for the log at most LOG_REQUEST_WAIT_MS; what can't be read is empty, and a problem. */
export async function status(sources: Sources): Promise<Status> {
  await sources.log.refresh();
  return sources.leniently(() => statusNow(sources));
}

function statusNow(sources: Sources): Status {
  const feed = sources.feed();
  const { spans } = sources.log.last;
  const [stream, consume] = [sources.windows.counters(), sources.ticks.counters()];
  const last_run = runs(sources, 1)[0] ?? null;
  const stages = [
    produceStage(sources, feed),
    readerStage("stream", sources.windows, stream, spans),
    readerStage("consume", sources.ticks, consume, spans),
    batchStage(last_run),
  ];
  return {
    mode: sources.mode,
    as_of: isoFromUs(nowUs()),
    log: logState(sources),
    stages,
    watermarks: watermarks(sources),
    counts: {
      ticks: stream.ticks ?? 0,
      duplicates: stream.duplicates ?? 0,
      conflicts: consume.conflicts ?? 0,
      late: stream.late ?? 0,
      skewed: stream.skewed ?? 0,
      dead_letters: stream.malformed ?? 0,
      revisions: count(sources.windows, "window_revisions"),
      outages: count(sources.ticks, "outages"),
      reconnects: feed?.reconnects ?? 0,
      incomplete: feed?.incomplete ?? 0,
    },
    last_run,
    problems: problemsOf(sources, { stages, feed, last_run }),
  };
}

function watermarks(sources: Sources): Status["watermarks"] {
  const lateness_us = Number(sources.windows.setting("lateness_us") ?? 0);
  const iso = (us: number) => (us > Number.MIN_SAFE_INTEGER + lateness_us ? isoFromUs(us) : null);
  return sources.windows
    .all<{ product_id: string; max_time_us: number }>(
      "SELECT product_id, max_time_us FROM products ORDER BY product_id",
    )
    .map(({ product_id, max_time_us }) => ({
      product_id,
      newest_event_time: iso(max_time_us),
      watermark: iso(max_time_us - lateness_us),
    }));
}

function logState(sources: Sources): Status["log"] {
  const { spans, asked_us, error } = sources.log.last;
  return {
    name: sources.log.name,
    partitions: partitions(sources, spans),
    asked_at: asked_us === null ? null : isoFromUs(asked_us),
    age_s: asked_us === null ? null : Math.max(0, Math.round((nowUs() - asked_us) / 1e6)),
    error,
  };
}

/** Why the path is not healthy, as sentences; [] when every stage makes progress or rests for a stated reason. */
export function complaints(state: Status): string[] {
  return state.problems.filter(({ stops }) => stops).map(problemLine);
}

/** What needs a look although the path makes progress. */
export function notes(state: Status): string[] {
  return state.problems.filter(({ stops }) => !stops).map(problemLine);
}

/** Nothing is ever deleted from these tables, so the last row's number is their count, without reading them all. */
function count(file: StoreFile, table: "window_revisions" | "outages"): number {
  return file.get<{ n: number | null }>(`SELECT max(rowid) AS n FROM ${table}`)?.n ?? 0;
}

function offsets(file: StoreFile): Map<number, number> {
  const rows = file.all<{ log_partition: number; next_offset: number }>(
    "SELECT log_partition, next_offset FROM offsets",
  );
  return new Map(rows.map(({ log_partition, next_offset }) => [log_partition, next_offset]));
}

function partitions(sources: Sources, spans: PartitionSpan[] | null): Status["log"]["partitions"] {
  if (spans === null) return null;
  const [stream, consume] = [offsets(sources.windows), offsets(sources.ticks)];
  return spans.map((span) => ({
    ...span,
    stream_next: stream.get(span.partition) ?? 0,
    consume_next: consume.get(span.partition) ?? 0,
  }));
}

function produceStage(sources: Sources, feed: Feed | null): Stage {
  const base = { name: "produce" as const, lag: null, bytes: 0 };
  if (feed === null)
    return {
      ...base,
      state: "absent",
      detail: "nothing has been produced yet",
      pid: null,
      records: 0,
      cpu_seconds: 0,
      peak_rss_bytes: 0,
    };
  const { run_pid: pid, run_records: records, run_peak_rss_bytes: peak_rss_bytes } = feed;
  const figures = { ...base, pid, records, cpu_seconds: feed.run_cpu_us / 1e6, peak_rss_bytes };
  if (feed.state === "ended")
    return {
      ...figures,
      state: "rest",
      detail: sources.mode === "replay" ? "the recording has ended" : "the feed has ended",
    };
  if (!isFresh(feed.as_of_us)) return { ...figures, state: "silent", detail: notHeard(feed.as_of_us) };
  const running = feed.state === "connected";
  const why = feed.state === "waiting" ? `waiting for the log: ${feed.waiting_for}` : `${feed.state} to the feed`;
  return { ...figures, state: running ? "running" : "silent", detail: running ? `${feed.channel} channel` : why };
}

function readerStage(
  name: "stream" | "consume",
  file: StoreFile,
  counters: Record<string, number>,
  spans: PartitionSpan[] | null,
): Stage {
  if (file.db === null)
    return {
      name,
      state: "absent",
      detail: "it has not run yet",
      lag: null,
      pid: null,
      records: 0,
      cpu_seconds: 0,
      peak_rss_bytes: 0,
      bytes: 0,
    };
  const next = offsets(file);
  const lag =
    spans?.reduce(
      (sum, { partition, start, end }) => sum + Math.max(0, end - Math.max(start, next.get(partition) ?? 0)),
      0,
    ) ?? null;
  const alive = isFresh(counters.run_alive_us ?? 0);
  return {
    name,
    state: alive ? "running" : "silent",
    detail: alive ? "reading the log" : notHeard(counters.run_alive_us ?? 0),
    lag,
    pid: counters.run_pid ?? null,
    records: counters.run_records ?? 0,
    cpu_seconds: (counters.run_cpu_us ?? 0) / 1e6,
    peak_rss_bytes: counters.run_peak_rss_bytes ?? 0,
    bytes: file.bytes,
    alive_us: counters.run_alive_us,
    started_us: counters.run_started_us,
    progress_us: counters.run_progress_us,
    ended: counters.run_ended === 1,
  };
}

function batchStage(run: Run | null): Stage {
  const base = { name: "batch" as const, lag: null, pid: null };
  if (run === null)
    return {
      ...base,
      state: "rest",
      detail: "it has not run yet",
      records: 0,
      cpu_seconds: 0,
      peak_rss_bytes: 0,
      bytes: 0,
    };
  const figures = {
    records: run.ticks_total ?? 0,
    cpu_seconds: run.cpu_seconds ?? 0,
    peak_rss_bytes: run.peak_rss_bytes ?? 0,
    bytes: run.archive_bytes ?? 0,
  };
  if (run.state === "failed" || run.state === "died")
    return {
      ...base,
      ...figures,
      state: "silent",
      detail:
        run.state === "died" ? "the last run was killed" : `the last run failed: ${run.error ?? "no reason was noted"}`,
    };
  return {
    ...base,
    ...figures,
    state: run.state === "running" ? "running" : "rest",
    detail: run.state === "running" ? "a run is under way" : "between two runs",
  };
}

/** A time far ahead is no sign of life either: the clock was set back since. */
function isFresh(us: number): boolean {
  return Math.abs(nowUs() - us) < STAGE_SILENCE_MS_MAX * 1_000;
}

function notHeard(us: number): string {
  return us === 0 ? "it has not run yet" : `not heard of since ${isoFromUs(us).slice(0, 19)}Z`;
}
