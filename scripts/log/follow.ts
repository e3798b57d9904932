/** The loop of a job that reads the log: join, poll, handle, tell how far it is, until its end or a signal. */

import { monotonicMs } from "../base/clock.ts";
import { FencedError, OutOfOrderError, passes, sentence, TidemarkError } from "../base/errors.ts";
import { COLLECT_ABOVE_BYTES, MEMORY_LOOK_BYTES, READ_AGAIN_MAX } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import type { CommandSpec } from "../command/cli.ts";
import type { Log, LogBatch, LogPosition, LogReader } from "../contract/log.ts";

/** How long one poll waits, and how often the group's position is told to the log. */
const POLL_MS = 500;
const COMMIT_EVERY_MS = 1_000;
/** Between two tries of a commit that waits for room on the disk or for a lock. */
const RETRY_MS = 500;

/** What follows a log, with a checkpoint of its own. */
export interface LogJob {
  /** How far it is in each partition that it has; kept up to date by the methods below. */
  readonly positions: ReadonlyMap<number, LogPosition>;
  /** Where to begin in a partition that is its own from now on. */
  assign(partition: number): LogPosition;
  revoke(partitions: number[]): void;
  /** Every partition's committed position, whichever process keeps it. */
  allPositions(): ReadonlyMap<number, LogPosition>;
  /** Takes records and makes them durable, or changes nothing and throws. An empty array means that nothing came for a while. */
  handle(batches: LogBatch[]): void;
  /** The log does not answer, and why; null: it does. Called after each poll. */
  logAway?(why: string | null): void;
  /** Kafka only: whether this process holds all partitions from now on, or shares them; and whether a product is in several of them. */
  holds(all: boolean): void;
  isSpread(): boolean;
}

export interface FollowOptions {
  group: string;
  /** Stop at what was the end of the log at the start (design.md "--until-end"). */
  until_end: boolean;
  signal: AbortSignal;
  /** Records that one `handle` gets at most. */
  records_max: number;
  logger: Logger;
}

/** Follows the log. Resolves after the end was reached or the signal was given and what was read is handled. */
export async function follow(log: Log, job: LogJob, options: FollowOptions): Promise<void> {
  await log.verify(options.group, job.allPositions());
  const ends = options.until_end ? await endsOf(log) : null;
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
      // This process was given up (it slept, it was stopped): what it still held is another's, and it begins as a new member.
      if (!(error instanceof FencedError) || log.kind !== "kafka") throw error;
      options.logger.warn(`${sentence(error)} Joining the group again.`);
    } finally {
      await reader.close();
    }
    job.revoke([...job.positions.keys()]);
    if (options.signal.aborted) return;
  }
}

/**
 * A stage's command that runs again with `rebuild`, up to READ_AGAIN_MAX times, when a record came after ones that it belongs before: its
 * store is not the log's one answer then.
 */
export function readingAgain<O extends { rebuild?: boolean }>(spec: CommandSpec<O>): CommandSpec<O> {
  return {
    ...spec,
    async run(options, context) {
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
  const stop = () => reader.wake();
  signal.addEventListener("abort", stop);
  let told_ms = monotonicMs();
  let told = "";
  let read_bytes = 0;
  try {
    while (!signal.aborted && !reached(ends, job)) {
      const batches = await reader.poll({ records_max, timeout_ms: POLL_MS });
      job.logAway?.(reader.away?.() ?? null);
      await handle(log, job, ends ? cut(batches, ends, job) : batches, options);
      const isOver = ends !== null && batches.length === 0 && holdsAll(ends, job) && (await reader.dry?.());
      if (isOver) break;
      read_bytes += bytesOf(batches);
      if (read_bytes >= MEMORY_LOOK_BYTES) {
        read_bytes = 0;
        if (process.memoryUsage.rss() > COLLECT_ABOVE_BYTES) Bun.gc(true);
      }
      // A log with a backlog answers at once, again and again: signals and timers get their turn here.
      await new Promise<void>((next) => setImmediate(next));
      if (monotonicMs() - told_ms < COMMIT_EVERY_MS) continue;
      told_ms = monotonicMs();
      const positions = nexts(job.positions);
      if (JSON.stringify(positions) === told) continue;
      told = JSON.stringify(positions);
      await reader.commit(positions);
    }
    await reader.commit(nexts(job.positions));
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Waits where waiting helps: the log keeps what is not handled. A signal ends the waiting, and the next start reads the records again. */
async function handle(log: Log, job: LogJob, batches: LogBatch[], options: FollowOptions): Promise<void> {
  const { signal, logger } = options;
  for (let waited = false; ; waited = true) {
    try {
      job.handle(batches);
      if (waited) logger.info(`reading ${log.name} on`);
      return;
    } catch (error) {
      if (!passes(error)) throw error;
      if (signal.aborted) {
        logger.warn(`${error.message} The last ${countRecords(batches)} records are read again at the next start.`);
        return;
      }
      if (!waited) logger.warn(`${error.message} Waiting, and trying again until it works.`);
      await Bun.sleep(RETRY_MS);
    }
  }
}

/** Ends of the partitions that hold anything. */
async function endsOf(log: Log): Promise<Map<number, number>> {
  const spans = await log.spans();
  return new Map(spans.filter(({ start, end }) => end > start).map(({ partition, end }) => [partition, end]));
}

/** Other processes' partitions are asked for only once the own ones are at their ends. */
function reached(ends: ReadonlyMap<number, number> | null, job: LogJob): boolean {
  if (ends === null) return false;
  for (const [partition, end] of ends) if ((job.positions.get(partition)?.next ?? end) < end) return false;
  if (holdsAll(ends, job)) return true;
  const all = job.allPositions();
  return [...ends].every(([partition, end]) => (all.get(partition)?.next ?? 0) >= end);
}

function holdsAll(ends: ReadonlyMap<number, number>, job: LogJob): boolean {
  return [...ends.keys()].every((partition) => job.positions.has(partition));
}

/**
 * Leaves out what came after the ends that were noted at the start. Where all partitions are held their records are in one order, so what
 * is read is a part of it from the start: up to the record that completes the last partition.
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

/** The stage reads the log again where its beginning is still kept; else a person has to decide. */
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

/** The positions of the batches' partitions after these batches. */
export function after(positions: ReadonlyMap<number, LogPosition>, batches: LogBatch[]): Map<number, LogPosition> {
  const moved = new Map<number, LogPosition>();
  for (const { partition, count, offsets, appended_us } of batches) {
    let seen_us = (moved.get(partition) ?? positions.get(partition))?.seen_us ?? 0;
    for (let i = 0; i < count; i++) if (appended_us[i]! > seen_us) seen_us = appended_us[i]!;
    moved.set(partition, { next: offsets[count - 1]! + 1, seen_us });
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
