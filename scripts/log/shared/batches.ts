/** Parts of batches: a range of records, the newest record of each key, the newest append time. */
import type { LogBatch } from "../../contract/log.ts";

/** The records [from, to) of a batch, sharing its memory. */
export function sliceBatch(batch: LogBatch, from: number, to: number): LogBatch {
  if (from === 0 && to === batch.count) return batch;
  return {
    partition: batch.partition,
    count: to - from,
    buffer: (i) => batch.buffer(from + i),
    starts: batch.starts.subarray(from, to),
    ends: batch.ends.subarray(from, to),
    offsets: batch.offsets.subarray(from, to),
    appended_us: batch.appended_us.subarray(from, to),
    received_us: batch.received_us.subarray(from, to),
    key: (i) => batch.key(from + i),
  };
}

/** The newest append time so far: `seen_us`, or a later one of the batch, µs since 1970 UTC. */
export function newestTime({ count, appended_us }: LogBatch, seen_us: number): number {
  let newest_us = seen_us;
  for (let i = 0; i < count; i++) if (appended_us[i]! > newest_us) newest_us = appended_us[i]!;
  return newest_us;
}

/** The newest record of each key, as one batch per partition in offset order. */
export function newestPerKey(batches: LogBatch[]): LogBatch[] {
  const newest = new Map<number, Map<string, { batch: LogBatch; index: number }>>();
  for (const batch of batches) {
    const keys = newest.get(batch.partition) ?? new Map();
    newest.set(batch.partition, keys);
    for (let index = 0; index < batch.count; index++) keys.set(batch.key(index), { batch, index });
  }
  return [...newest].map(([partition, keys]) => {
    const picks = [...keys.values()].sort((a, b) => a.batch.offsets[a.index]! - b.batch.offsets[b.index]!);
    return {
      partition,
      count: picks.length,
      buffer: (i) => picks[i]!.batch.buffer(picks[i]!.index),
      starts: Uint32Array.from(picks, (pick) => pick.batch.starts[pick.index]!),
      ends: Uint32Array.from(picks, (pick) => pick.batch.ends[pick.index]!),
      offsets: Float64Array.from(picks, (pick) => pick.batch.offsets[pick.index]!),
      appended_us: Float64Array.from(picks, (pick) => pick.batch.appended_us[pick.index]!),
      received_us: Float64Array.from(picks, (pick) => pick.batch.received_us[pick.index]!),
      key: (i) => picks[i]!.batch.key(picks[i]!.index),
    };
  });
}
