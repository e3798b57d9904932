/** Windows that the watermark has closed in a step, with the times of the records that closed them. */
import type { LogBatch } from "../contract/log.ts";
import type { Closing } from "../contract/measures.ts";
import type { WindowRow } from "../contract/window.ts";
import { canMeasure } from "../measure/latency-buckets.ts";
import type { ReadEvent } from "./store-job.ts";

/** A closing before its commit. */
type NewClosing = Omit<Closing, "committed_us">;

type ClosedBy = Pick<NewClosing, "closed_time_us" | "received_us" | "is_appended">;

/**
 * In the order of closing; windows closed by --flush are not among them.
 */
export function closingsOf(
  closed: readonly WindowRow[],
  batches: readonly LogBatch[],
  event: ReadEvent,
  now_us: number,
): NewClosing[] {
  // One record closes the windows of all sizes that end there.
  const known = new Map<string, ClosedBy | null>();
  return closed.flatMap((row) => {
    const { product_id, size_us, window_start_us, window_end_us } = row;
    const { closed_partition: log_partition, closed_offset: log_offset } = row;
    if (log_partition === null || log_offset === null) return [];
    const at = `${log_partition} ${log_offset}`;
    const by = known.get(at) ?? closedBy(log_partition, log_offset, batches, event, now_us);
    known.set(at, by);
    return by === null
      ? []
      : [{ product_id, size_us, window_start_us, window_end_us, log_partition, log_offset, ...by }];
  });
}

function closedBy(
  partition: number,
  offset: number,
  batches: readonly LogBatch[],
  event: ReadEvent,
  now_us: number,
): ClosedBy | null {
  for (const batch of batches) {
    const i = batch.partition === partition ? indexOf(batch, offset) : -1;
    if (i < 0) continue;
    const closed_time_us = event(batch, i)?.time_us;
    const received_us = batch.received_us[i]!;
    if (closed_time_us === undefined) return null;
    if (canMeasure(received_us, now_us)) return { closed_time_us, received_us, is_appended: 0 };
    return { closed_time_us, received_us: batch.appended_us[i]!, is_appended: 1 };
  }
  return null;
}

/** Where a batch has an offset; -1 if it hasn't. */
function indexOf({ offsets, count }: LogBatch, offset: number): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[middle]! < offset) low = middle + 1;
    else high = middle;
  }
  return low < count && offsets[low] === offset ? low : -1;
}
