/** Where each product stood when the log was written last: read from the log itself, so that there is nothing beside it to be wrong. */
import { FEED_LOOK_RECORDS_MAX, FEED_TAIL_RECORDS, POLL_RECORDS_MAX } from "../common/limits.ts";
import type { Log, LogBatch } from "../common/log.ts";
import { readFrame, readOutage } from "./frame.ts";

export interface Stand {
  product_id: string;
  trade_id: number;
  time_us: number;
}

/** Ids `lo` to `hi` are noted as an outage already. */
export interface Noted {
  product_id: string;
  lo: number;
  hi: number;
}

/** The newest trade of each product near the log's end. Cheap; misses a product whose newest record is no trade. */
export async function newestTrades(log: Log): Promise<Stand[]> {
  return (await log.tail(FEED_TAIL_RECORDS)).flatMap((batch) => [...trades(batch)]);
}

/** All trades of the log's tail, in order: shows the gaps that a killed process left. `noted` takes what is known to be one for good. */
export async function recentTrades(log: Log, noted: Noted[] = []): Promise<Stand[]> {
  const found: Stand[] = [];
  await readTail(log, FEED_TAIL_RECORDS, (batch) => found.push(...trades(batch, { noted })));
  return found;
}

/** The newest trade of those quiet products that `recent` does not show: further back, but not in the whole of a large log. */
export async function olderTrades(log: Log, products: string[], recent: Stand[]): Promise<Stand[]> {
  const wanted = new Set(products);
  for (const { product_id } of recent) wanted.delete(product_id);
  if (wanted.size === 0) return [];
  const newest = new Map<string, Stand>();
  await readTail(log, FEED_LOOK_RECORDS_MAX, (batch) => {
    for (const trade of trades(batch, { wanted })) newest.set(trade.product_id, trade);
  });
  return [...newest.values()];
}

/** Reads the last `records` records of each partition, up to its present end. */
async function readTail(log: Log, records: number, take: (batch: LogBatch) => void): Promise<void> {
  const spans = (await log.spans()).filter((span) => span.end > span.start);
  if (spans.length === 0) return;
  const from = new Map(spans.map(({ partition, start, end }) => [partition, Math.max(start, end - records)]));
  const left = new Map(spans.map(({ partition, end }) => [partition, end]));
  const reader = await log.reader({ group: "tidemark-produce", position: (partition) => from.get(partition) ?? 0 });
  try {
    while (left.size > 0) {
      const batches = await reader.poll({ records_max: POLL_RECORDS_MAX, timeout_ms: 1_000 });
      for (const batch of batches) {
        take(batch);
        if (batch.count > 0 && batch.offsets[batch.count - 1]! + 1 >= (left.get(batch.partition) ?? 0))
          left.delete(batch.partition);
      }
    }
  } finally {
    await reader.close();
  }
}

function* trades(batch: LogBatch, { noted, wanted }: { noted?: Noted[]; wanted?: ReadonlySet<string> } = {}) {
  for (let i = 0; i < batch.count; i++) {
    if (wanted !== undefined && !wanted.has(batch.key(i))) continue;
    const bytes = batch.buffer(i);
    const record = Buffer.from(bytes.buffer, bytes.byteOffset + batch.starts[i]!, batch.ends[i]! - batch.starts[i]!);
    const frame = readFrame(record);
    const outage = frame.kind === "other" ? readOutage(record) : null;
    if (outage !== null && outage.last_trade_id !== null && outage.first_trade_id !== null)
      noted?.push({ product_id: outage.product_id, lo: outage.last_trade_id + 1, hi: outage.first_trade_id - 1 });
    if (frame.kind !== "tick" || !Number.isFinite(frame.trade_id + frame.time_us)) continue;
    yield { product_id: frame.product_id, trade_id: frame.trade_id, time_us: frame.time_us } satisfies Stand;
  }
}
