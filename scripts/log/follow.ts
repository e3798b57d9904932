/** The loop of a job that reads the log: poll, handle, tell how far it is, until its end or a signal. */
import { monotonicMs } from "../common/clock.ts";
import type { Log, LogBatch, LogReader } from "../common/log.ts";

/** How long one poll waits, and how often the group's position is told to the log. */
const POLL_MS = 500;
const COMMIT_EVERY_MS = 1_000;

export interface FollowOptions {
  /** Stop at what was the end of the log at the start (design.md "--until-end"). */
  until_end: boolean;
  signal: AbortSignal;
  /** Records that one `handle` gets at most. */
  records_max: number;
  /** First unread offset by partition, kept up to date by `handle`; partitions appear as they are assigned. */
  positions: ReadonlyMap<number, number>;
  /** Takes records and makes them durable before it returns. An empty array means that nothing came for a while. */
  handle(batches: LogBatch[]): void | Promise<void>;
}

/** Follows the log. Resolves after the end was reached or the signal was given and what was read is handled. */
export async function follow(log: Log, reader: LogReader, options: FollowOptions): Promise<void> {
  const ends = options.until_end ? new Map((await log.spans()).map((span) => [span.partition, span.end])) : null;
  const stop = () => reader.wake();
  options.signal.addEventListener("abort", stop);
  let told_ms = monotonicMs();
  try {
    while (!options.signal.aborted && !reached(ends, options.positions)) {
      const batches = await reader.poll({ records_max: options.records_max, timeout_ms: POLL_MS });
      await options.handle(ends ? cut(batches, ends) : batches);
      if (monotonicMs() - told_ms < COMMIT_EVERY_MS) continue;
      told_ms = monotonicMs();
      await reader.commit(entries(options.positions));
    }
    await reader.commit(entries(options.positions));
  } finally {
    options.signal.removeEventListener("abort", stop);
  }
}

function reached(ends: Map<number, number> | null, positions: ReadonlyMap<number, number>): boolean {
  if (ends === null) return false;
  for (const [partition, end] of ends) if (end > 0 && (positions.get(partition) ?? 0) < end) return false;
  return true;
}

/** Leaves out what came after the end that was noted at the start. */
function cut(batches: LogBatch[], ends: Map<number, number>): LogBatch[] {
  const kept: LogBatch[] = [];
  for (const batch of batches) {
    const end = ends.get(batch.partition) ?? 0;
    let count = batch.count;
    while (count > 0 && batch.offsets[count - 1]! >= end) count--;
    if (count > 0) kept.push(count === batch.count ? batch : { ...batch, count });
  }
  return kept;
}

function entries(positions: ReadonlyMap<number, number>): { partition: number; next: number }[] {
  return [...positions].map(([partition, next]) => ({ partition, next }));
}
