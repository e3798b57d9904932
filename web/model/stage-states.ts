/** What each stage reports of itself: whether it runs, how far it has read, what it has used. */
import { nowUs } from "../../scripts/base/clock.ts";
import { clockFromUs } from "../../scripts/base/iso.ts";
import { STAGE_SILENCE_MS_MAX } from "../../scripts/base/limits.ts";
import type { KnownFeedStatus } from "../../scripts/contract/feed-status.ts";
import type { PartitionSpan } from "../../scripts/contract/log.ts";
import type { RunRow } from "../../scripts/contract/results.ts";
import { processState } from "./process-state.ts";
import { runs } from "./runs.ts";
import type { Sources } from "./sources.ts";
import type { StoreFile } from "./store-file.ts";

type StageState = "running" | "rest" | "silent" | "absent";

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
  /** When its process reported last, microseconds since 1970; this and below absent if unknown. */
  alive_us?: number;
  /** When its process began. */
  started_us?: number;
  /** When it stored records last. */
  progress_us?: number;
  /** Its process has reported its end; it still counts as running for some seconds. */
  ended?: boolean;
}

/** A reader reports once per second: a stopped one is noticed before its figures mislead. */
const READER_SILENCE_MS_MAX = 3_000;
const NEVER = "it has not run yet";
const UNUSED = { records: 0, cpu_seconds: 0, peak_rss_bytes: 0 };

/** The four stages in the order of the path. */
export function stageStates(sources: Sources, feed: KnownFeedStatus | null, last_run: RunRow | null): Stage[] {
  const log = { spans: sources.log.last.spans, hasEnded: feed?.state === "ended" };
  return [
    produceStage(sources, feed),
    readerStage("stream", sources.windows, log),
    readerStage("consume", sources.ticks, log),
    batchStage(last_run, last_run?.state === "running" ? (runs(sources, 2)[1] ?? null) : last_run),
  ];
}

/** The next offset that a stage reads, per partition; none before its first commit. */
export function offsets(file: StoreFile): Map<number, number> {
  const rows = file.all<{ log_partition: number; next_offset: number }>(
    "SELECT log_partition, next_offset FROM offsets",
  );
  return new Map(rows.map(({ log_partition, next_offset }) => [log_partition, next_offset]));
}

function produceStage(sources: Sources, feed: KnownFeedStatus | null): Stage {
  const base = { name: "produce" as const, lag: null, bytes: 0 };
  if (feed === null) return { ...base, state: "absent", detail: "nothing has been produced yet", pid: null, ...UNUSED };
  const { run_pid: pid, run_records: records, run_peak_rss_bytes: peak_rss_bytes } = feed;
  const figures = { ...base, pid, records, cpu_seconds: feed.run_cpu_us / 1e6, peak_rss_bytes };
  if (feed.state === "ended")
    return {
      ...figures,
      state: "rest",
      detail:
        feed.stopped === true ? "was stopped" : `the ${sources.mode === "replay" ? "recording" : "feed"} has ended`,
    };
  // A large feed.json is written every few seconds only.
  const limit_ms = processState(pid, "produce") === "stopped" ? READER_SILENCE_MS_MAX : STAGE_SILENCE_MS_MAX;
  if (!isFresh(feed.as_of_us, limit_ms)) return { ...figures, state: "silent", detail: notHeard(feed.as_of_us) };
  const running = feed.state === "connected";
  const why = feed.state === "waiting" ? `waiting for the log: ${feed.waiting_for}` : `${feed.state} to the feed`;
  return { ...figures, state: running ? "running" : "silent", detail: running ? `${feed.channel} channel` : why };
}

function readerStage(
  name: "stream" | "consume",
  file: StoreFile,
  { spans, hasEnded }: { spans: PartitionSpan[] | null; hasEnded: boolean },
): Stage {
  if (file.db === null) return { name, state: "absent", detail: NEVER, lag: null, pid: null, ...UNUSED, bytes: 0 };
  const [counters, next] = [file.counters(), offsets(file)];
  const lag =
    spans?.reduce(
      (sum, { partition, start, end }) => sum + Math.max(0, end - Math.max(start, next.get(partition) ?? 0)),
      0,
    ) ?? null;
  const alive_us = counters.run_alive_us ?? 0;
  const isAlive = isFresh(alive_us, READER_SILENCE_MS_MAX);
  const isDone = hasEnded && lag === 0 && counters.run_ended === 1;
  return {
    name,
    state: isDone ? "rest" : isAlive ? "running" : "silent",
    detail: isDone ? "has read everything and ended" : isAlive ? "reading the log" : notHeard(alive_us),
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

/** `ended`: the newest run that is not in progress, whose figures are known. */
function batchStage(run: RunRow | null, ended: RunRow | null): Stage {
  const base = { name: "batch" as const, lag: null, pid: null };
  if (run === null) return { ...base, state: "rest", detail: NEVER, ...UNUSED, bytes: 0 };
  const figures = {
    records: ended?.ticks_total ?? 0,
    cpu_seconds: ended?.cpu_seconds ?? 0,
    peak_rss_bytes: ended?.peak_rss_bytes ?? 0,
    bytes: ended?.archive_bytes ?? 0,
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

/** A time far ahead doesn't count either: the clock was set back since. */
function isFresh(us: number, limit_ms: number): boolean {
  const age_us = nowUs() - us;
  return age_us < limit_ms * 1_000 && age_us > -STAGE_SILENCE_MS_MAX * 1_000;
}

function notHeard(us: number): string {
  return us === 0 ? NEVER : `not heard of since ${clockFromUs(us, nowUs())}`;
}
