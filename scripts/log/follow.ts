/** The loop of a job that reads the log: join, poll, handle, commit, until the end or a signal. */
import { monotonicMs } from "../base/clock.ts";
import { FencedError, OutOfOrderError, passes, sentence, TidemarkError } from "../base/errors.ts";
import { COLLECT_ABOVE_BYTES, MEMORY_CHECK_BYTES, READ_AGAIN_MAX } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import { onAbort, pause } from "../base/wait.ts";
import type { Log, LogBatch, LogPosition, LogReader } from "../contract/log.ts";
import { newestTime } from "./shared/batches.ts";
import { endsOf, polls } from "./shared/read-to-end.ts";

/** The longest wait of a poll, and how often the group's positions are committed to the log. */
const POLL_MS = 500;
const COMMIT_EVERY_MS = 1_000;
/** A commit of more records costs little more per record than a larger one. */
const GATHER_RECORDS = 500;
/** Between two tries of `handle` while the disk is full or a lock is held. */
const RETRY_MS = 500;

/** A reader of the log with a checkpoint of its own: a stage. */
export interface LogJob {
  /** Its position in each partition that it has; the methods below keep it up to date. */
  readonly positions: ReadonlyMap<number, LogPosition>;
  /** Takes a partition, and returns where to begin in it. */
  assign(partition: number): LogPosition;
  revoke(partitions: number[]): void;
  /** The checkpoint: every partition's position, those of other processes included. */
  allPositions(): ReadonlyMap<number, LogPosition>;
  /**
   * Takes records and makes them durable, or throws and changes nothing; [] for a poll without
   * records.
   */
  handle(batches: LogBatch[]): void;
  /** Called after each poll: why the log does not respond, as a sentence; null while it does. */
  logAway?(why: string | null): void;
  /** Kafka only: as in ReaderOptions.merge. */
  holds(all: boolean): void;
  isSpread(): boolean;
}

interface FollowOptions {
  group: string;
  /** Stop at the current end of the log. */
  until_end: boolean;
  signal: AbortSignal;
  /** Records per `handle`. */
  records_max: number;
  /** Wait between two commits without a backlog, for a job that promises no latency. */
  gather_ms?: number;
  logger: Logger;
}

/**
 * Follows the log until its end or the signal; resolves when all records read are handled. Fails as
 * the log and the job do.
 */
export async function follow(log: Log, job: LogJob, options: FollowOptions): Promise<void> {
  await log.verify(options.group, job.allPositions());
  const ends = options.until_end ? endsOf(await log.spans()) : null;
  for (;;) {
    const reader = await log.reader({
      group: options.group,
      until_end: options.until_end,
      position: (partition) => job.assign(partition),
      onRevoked: (partitions) => job.revoke(partitions),
      merge: { isSpread: () => job.isSpread(), onHolds: (all) => job.holds(all) },
    });
    try {
      return await readOn(log, reader, job, ends, options);
    } catch (error) {
      if (error instanceof OutOfOrderError) throw await repairable(log, error);
      // The group has dropped this process (it slept, it was stopped): it joins as a new member.
      if (!(error instanceof FencedError) || log.kind !== "kafka") throw error;
      options.logger.warn(`${sentence(error)} Joining the group again.`);
    } finally {
      await reader.close();
    }
    job.revoke([...job.positions.keys()]);
    if (options.signal.aborted) return;
  }
}

/** The part of a command that `readingAgain` repeats. */
interface Rebuilding<O, C> {
  run(options: O, context: C): Promise<number | undefined>;
}

/**
 * A stage's command that runs again with `rebuild`, READ_AGAIN_MAX times at most, after a record
 * out of order: its store would depend on the order of arrival.
 */
export function readingAgain<O extends { rebuild?: boolean }, C extends { logger: Logger }, S extends Rebuilding<O, C>>(
  spec: S & Rebuilding<O, C>,
): S {
  return {
    ...spec,
    async run(options: O, context: C) {
      for (let again = 0; ; again++) {
        try {
          return await spec.run(again > 0 ? { ...options, rebuild: true } : options, context);
        } catch (error) {
          if (!(error instanceof OutOfOrderError) || again === READ_AGAIN_MAX) throw error;
          context.logger.warn(`${error.message} Reading the log again from its start, in the order of append times.`);
        }
      }
    },
  };
}

async function readOn(
  log: Log,
  reader: LogReader,
  job: LogJob,
  ends: ReadonlyMap<number, number> | null,
  options: FollowOptions,
): Promise<void> {
  const { signal, records_max } = options;
  const forget = onAbort(signal, () => reader.wake());
  const end = ends && { reached: () => reached(ends, job), holdsAll: () => holdsAll(ends, job) };
  let committed_ms = monotonicMs();
  let committed = "";
  let read_bytes = 0;
  try {
    for await (const batches of polls(reader, { records_max, timeout_ms: POLL_MS }, { end, signal })) {
      job.logAway?.(reader.away?.() ?? null);
      await handle(log, job, ends ? cut(batches, ends, job) : batches, options);
      read_bytes += bytesOf(batches);
      if (read_bytes >= MEMORY_CHECK_BYTES) {
        read_bytes = 0;
        if (process.memoryUsage.rss() > COLLECT_ABOVE_BYTES) Bun.gc(true);
      }
      // Polls of a log with a backlog resolve without a turn of the event loop, which signals and
      // timers need.
      await new Promise<void>((next) => setImmediate(next));
      await gather(batches, options);
      if (monotonicMs() - committed_ms < COMMIT_EVERY_MS) continue;
      committed_ms = monotonicMs();
      const positions = nexts(job.positions);
      const text = JSON.stringify(positions);
      if (text === committed) continue;
      committed = text;
      await reader.commit(positions);
    }
    await reader.commit(nexts(job.positions));
  } finally {
    forget();
  }
}

/** Lets records gather for the next commit: each writes whole pages, however few rows it has. */
async function gather(batches: LogBatch[], { records_max, gather_ms = 0, until_end, signal }: FollowOptions) {
  if (gather_ms === 0 || until_end || batches.length === 0) return;
  if (countRecords(batches) < Math.min(records_max, GATHER_RECORDS)) await pause(gather_ms, signal);
}

/**
 * Retries transient failures: the log keeps the records. A signal ends this, and the next start
 * reads them again.
 */
async function handle(log: Log, job: LogJob, batches: LogBatch[], options: FollowOptions): Promise<void> {
  const { signal, logger } = options;
  for (let waited = false; ; waited = true) {
    try {
      job.handle(batches);
      if (waited) logger.info(`reading ${log.name} again`);
      return;
    } catch (error) {
      if (!passes(error)) throw error;
      if (signal.aborted) {
        logger.warn(`${error.message} The last ${countRecords(batches)} records are read again at the next start.`);
        return;
      }
      if (!waited) logger.warn(`${error.message} Retrying until it works.`);
      await pause(RETRY_MS, signal);
    }
  }
}

/** The checkpoint of other processes is read only once the own partitions are at their ends. */
function reached(ends: ReadonlyMap<number, number>, job: LogJob): boolean {
  for (const [partition, end] of ends) if ((job.positions.get(partition)?.next ?? end) < end) return false;
  if (holdsAll(ends, job)) return true;
  const all = job.allPositions();
  return [...ends].every(([partition, end]) => (all.get(partition)?.next ?? 0) >= end);
}

function holdsAll(ends: ReadonlyMap<number, number>, job: LogJob): boolean {
  return [...ends.keys()].every((partition) => job.positions.has(partition));
}

/**
 * Drops records after the ends of the start. With all partitions, their records are in one order,
 * which is read up to the record that completes the last partition.
 */
function cut(batches: LogBatch[], ends: ReadonlyMap<number, number>, job: LogJob): LogBatch[] {
  const isMerged = holdsAll(ends, job);
  const open = new Set([...ends].filter(([p, end]) => (job.positions.get(p)?.next ?? 0) < end).map(([p]) => p));
  const kept: LogBatch[] = [];
  for (const batch of batches) {
    const end = ends.get(batch.partition) ?? 0;
    let count = batch.count;
    while (count > 0 && batch.offsets[count - 1]! >= end) count--;
    if (count < batch.count || batch.offsets[count - 1]! + 1 === end) open.delete(batch.partition);
    if (isMerged && open.size > 0) count = batch.count;
    if (count > 0) kept.push(count === batch.count ? batch : { ...batch, count });
    if (isMerged && open.size === 0) break;
  }
  return kept;
}

/**
 * OutOfOrderError makes the stage read the log again, which needs the log's beginning; else a
 * person decides.
 */
async function repairable(log: Log, error: OutOfOrderError): Promise<TidemarkError> {
  const isWhole = (await log.spans()).every(({ start }) => start === 0);
  if (isWhole) return error;
  const message = `${error.message} ${log.name} no longer keeps its beginning, so reading it again changes older windows.`;
  return new TidemarkError(error.code, message, error.hint, { cause: error });
}

function nexts(positions: ReadonlyMap<number, LogPosition>): { partition: number; next: number }[] {
  return [...positions].map(([partition, { next }]) => ({ partition, next }));
}

export function countRecords(batches: LogBatch[]): number {
  return batches.reduce((sum, batch) => sum + batch.count, 0);
}

/** The positions in the batches' partitions after these batches. */
export function after(positions: ReadonlyMap<number, LogPosition>, batches: LogBatch[]): Map<number, LogPosition> {
  const moved = new Map<number, LogPosition>();
  for (const batch of batches) {
    const { partition, count, offsets } = batch;
    const seen_us = (moved.get(partition) ?? positions.get(partition))?.seen_us ?? 0;
    moved.set(partition, { next: offsets[count - 1]! + 1, seen_us: newestTime(batch, seen_us) });
  }
  return moved;
}

/** The first offset of each of the batches' partitions. */
export function firstOffsets(batches: readonly LogBatch[]): Map<number, number> {
  const firsts = new Map<number, number>();
  for (const { partition, count, offsets } of batches) {
    if (count > 0 && !firsts.has(partition)) firsts.set(partition, offsets[0]!);
  }
  return firsts;
}

function bytesOf(batches: readonly LogBatch[]): number {
  return batches.reduce((sum, { starts, ends, count }) => sum + (count === 0 ? 0 : ends[count - 1]! - starts[0]!), 0);
}
