/**
 * Reads a log up to its end, also where the last offsets hold no record or partitions are empty.
 */
import { POLL_RECORDS_MAX } from "../../base/limits.ts";
import type { Log, LogBatch, LogReader, PartitionSpan } from "../../contract/log.ts";

const POLL_MS = 1_000;

interface ReadToEndOptions {
  /** A group of its own: a group that another process uses would share the partitions with it. */
  group: string;
  /** The first offset to read of a partition; default: its start. */
  from?(span: PartitionSpan): number;
  /** Records per poll; default: POLL_RECORDS_MAX. */
  records_max?: number;
}

/**
 * The records from `from` up to the ends at the call, and those that a poll returns with them.
 * Fails as spans and polls do.
 */
export async function* readToEnd(log: Log, options: ReadToEndOptions): AsyncGenerator<LogBatch> {
  const { group, from = ({ start }) => start, records_max = POLL_RECORDS_MAX } = options;
  const spans = await log.spans();
  const positions = new Map(spans.map((span) => [span.partition, from(span)]));
  const left = endsOf(spans.filter(({ partition, end }) => positions.get(partition)! < end));
  if (left.size === 0) return;
  const reader = await log.reader({ group, until_end: true, position: (partition) => positions.get(partition) ?? 0 });
  const end: LogEnd = { reached: () => left.size === 0, holdsAll: () => true };
  try {
    for await (const batches of polls(reader, { records_max, timeout_ms: POLL_MS }, { end })) {
      for (const batch of batches) {
        const next = batch.offsets[batch.count - 1]! + 1;
        if (next >= (left.get(batch.partition) ?? 0)) left.delete(batch.partition);
        // A member that the group has dropped joins again, and is asked where to begin.
        positions.set(batch.partition, next);
        yield batch;
      }
    }
  } finally {
    await reader.close();
  }
}

/** The last `records` records of each partition. */
export function readLast(log: Log, records: number, group: string): AsyncGenerator<LogBatch> {
  return readToEnd(log, { group, from: ({ start, end }) => Math.max(start, end - records) });
}

/** Where a reader stops. */
interface LogEnd {
  /** True if the positions are at the ends. */
  reached(): boolean;
  /**
   * True if this reader has every partition that holds records: what it doesn't get, no other
   * member gets.
   */
  holdsAll(): boolean;
}

/**
 * The batches of each poll, [] for a poll without records. Ends once `end` is reached or no record
 * is left before it (transaction markers and lost records have offsets too), or when `signal` is
 * aborted; without both never.
 */
export async function* polls(
  reader: LogReader,
  limits: { records_max: number; timeout_ms: number },
  { end, signal }: { end: LogEnd | null; signal?: AbortSignal },
): AsyncGenerator<LogBatch[]> {
  while (!signal?.aborted && !end?.reached()) {
    const batches = await reader.poll(limits);
    yield batches;
    if (batches.length === 0 && end?.holdsAll() && (await reader.dry?.())) return;
  }
}

/** End offsets of the partitions that hold records. */
export function endsOf(spans: PartitionSpan[]): Map<number, number> {
  return new Map(spans.filter(({ start, end }) => end > start).map(({ partition, end }) => [partition, end]));
}
