/** The state of the whole path: stages, offsets and lag, watermarks, counts, problems. */
import { nowUs } from "../../scripts/base/clock.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import type { KnownFeedStatus } from "../../scripts/contract/feed-status.ts";
import type { PartitionSpan } from "../../scripts/contract/log.ts";
import type { RunRow } from "../../scripts/contract/results.ts";
import { problemLine, problemsOf, type StageProblem } from "./health.ts";
import { runs } from "./runs.ts";
import type { Sources } from "./sources.ts";
import { offsets, type Stage, stageStates } from "./stage-states.ts";
import type { StoreFile } from "./store-file.ts";

export interface Status {
  mode: "live" | "replay" | null;
  /** When this was asked, ISO 8601 UTC. */
  as_of: string;
  log: {
    name: string;
    partitions: { partition: number; start: number; end: number; stream_next: number; consume_next: number }[] | null;
    /** When the log reported these ends, ISO 8601 UTC; null before its first answer. */
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
    /** Stored trades that `backfill` has loaded; not among `ticks`. */
    history: number;
    duplicates: number;
    /** Repeated ids with another content, by consume; the stream's `duplicates` includes them. */
    conflicts: number;
    late: number;
    skewed: number;
    dead_letters: number;
    revisions: number;
    outages: number;
    reconnects: number;
    incomplete: number;
  };
  last_run: RunRow | null;
  feed: KnownFeedStatus | null;
  /** What stops the path, then what needs attention. */
  problems: StageProblem[];
}

/** Counted by consume; of a file that no consume of this version has opened, at most 10,000. */
const OUTAGES = `SELECT coalesce((SELECT value FROM counters WHERE name = 'outages'),
  (SELECT count(*) FROM (SELECT 1 FROM outages LIMIT 10000))) AS n`;

/**
 * The path's state now. Waits for the log at most LOG_REQUEST_WAIT_MS; what can't be read is empty
 * and listed as a problem.
 */
export async function status(sources: Sources): Promise<Status> {
  await sources.log.refresh();
  return sources.leniently(() => statusNow(sources));
}

/** The same with what is known of the log. Call it leniently. */
export function statusNow(sources: Sources): Status {
  const feed = sources.feed();
  const [stream, consume] = [sources.windows.counters(), sources.ticks.counters()];
  const last_run = runs(sources, 1)[0] ?? null;
  const stages = stageStates(sources, feed, last_run);
  return {
    mode: sources.mode,
    as_of: isoFromUs(nowUs()),
    log: logState(sources),
    stages,
    watermarks: watermarks(sources),
    counts: {
      ticks: stream.ticks ?? 0,
      history: consume.history ?? 0,
      duplicates: stream.duplicates ?? 0,
      conflicts: consume.conflicts ?? 0,
      late: stream.late ?? 0,
      skewed: stream.skewed ?? 0,
      dead_letters: stream.malformed ?? 0,
      revisions: revisions(sources.windows),
      outages: sources.ticks.get<{ n: number }>(OUTAGES)?.n ?? 0,
      reconnects: feed?.reconnects ?? 0,
      incomplete: feed?.incomplete ?? 0,
    },
    last_run,
    feed,
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

/** Why the path is not healthy, as sentences; [] when it is. */
export function complaints(state: Status): string[] {
  return state.problems.filter(({ stops }) => stops).map(problemLine);
}

/** What needs attention although the path makes progress. */
export function notes(state: Status): string[] {
  return state.problems.filter(({ stops }) => !stops).map(problemLine);
}

/** Nothing is deleted from this table, so the last row's number is its count. */
function revisions(file: StoreFile): number {
  return file.get<{ n: number | null }>("SELECT max(rowid) AS n FROM window_revisions")?.n ?? 0;
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
