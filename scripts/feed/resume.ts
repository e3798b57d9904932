/** The newest trades and open gaps of each product, read from the log's end. */
import { FEED_LOOK_RECORDS_MAX, FEED_TAIL_RECORDS } from "../base/limits.ts";
import type { Log, LogBatch } from "../contract/log.ts";
import type { GapNote } from "../contract/tick.ts";
import { Extractor, endsAsHistory, parsedAt } from "../message/index.ts";

/** An accepted trade of the feed, as far as a start needs it. */
interface SeenTrade {
  product_id: string;
  trade_id: number;
  time_us: number;
}

/**
 * One entry of the log's end. `noted`: ids that were filled from REST, or are noted as an outage or as
 * never issued.
 */
export type Trace =
  | ({ kind: "trade" } & SeenTrade)
  | { kind: "noted"; product_id: string; lo: number; hi: number }
  | { kind: "gap"; gap: GapNote };

/**
 * The newest trade per product near the log's end. Cheap; misses products whose newest record is not a
 * trade.
 */
export async function newestTrades(log: Log): Promise<SeenTrade[]> {
  const found = (await log.tail(FEED_TAIL_RECORDS)).flatMap((batch) => [...traces(batch)]);
  // History hides the feed's records before it.
  return tradesOf(found.some(({ kind }) => kind === "history") ? await recentTraces(log) : found);
}

/** All trades of the log's last FEED_TAIL_RECORDS, in order. */
export async function recentTrades(log: Log): Promise<SeenTrade[]> {
  return tradesOf(await recentTraces(log));
}

/** All traces of the same records, in order: they show the gaps that a killed process left. */
export async function recentTraces(log: Log): Promise<Trace[]> {
  let found: Trace[] = [];
  await readFeed(log, FEED_TAIL_RECORDS, {
    begin: () => {
      found = [];
    },
    take: (trace) => found.push(trace),
  });
  return found;
}

/** The newest trades of products that `recent` lacks, at most FEED_LOOK_RECORDS_MAX back. */
export async function olderTrades(log: Log, products: string[], recent: SeenTrade[]): Promise<SeenTrade[]> {
  return tradesOf(await olderTraces(log, products, recent));
}

/** The same with notes of open gaps: a quiet product may have left one. */
export async function olderTraces(log: Log, products: string[], recent: SeenTrade[]): Promise<Trace[]> {
  const wanted = new Set(products);
  for (const { product_id } of recent) wanted.delete(product_id);
  if (wanted.size === 0) return [];
  const newest = new Map<string, Trace>();
  const gaps = new Map<string, Trace>();
  await readFeed(log, FEED_LOOK_RECORDS_MAX, {
    wanted,
    begin: () => {
      newest.clear();
      gaps.clear();
    },
    take: (trace) => {
      if (trace.kind === "trade") newest.set(trace.product_id, trace);
      if (trace.kind !== "gap") return;
      const { product_id, last_trade_id, first_trade_id, state } = trace.gap;
      const name = `${last_trade_id} ${first_trade_id} ${product_id}`;
      if (state === "opened") gaps.set(name, trace);
      else gaps.delete(name);
    },
  });
  return [...newest.values(), ...gaps.values()];
}

interface FeedReader {
  wanted?: ReadonlySet<string>;
  /** The records are read from their start, perhaps not for the first time. */
  begin(): void;
  take(trace: Trace): void;
}

/**
 * The traces of the log's last records: at least `records` per partition without history, of which
 * `backfill` may have appended any number after the feed's.
 */
async function readFeed(log: Log, records: number, { wanted, begin, take }: FeedReader): Promise<void> {
  for (let asked = records; ; ) {
    begin();
    let history = 0;
    for await (const batch of log.readLast(asked)) {
      for (const trace of traces(batch, wanted)) {
        if (trace.kind === "history") history++;
        else take(trace);
      }
    }
    if (asked >= records + history) return;
    asked = records + 2 * history;
  }
}

export function tradesOf(found: readonly (Trace | History)[]): SeenTrade[] {
  return found.flatMap((trace) => (trace.kind === "trade" ? [trace] : []));
}

interface History {
  kind: "history";
}

function* traces(batch: LogBatch, wanted?: ReadonlySet<string>): Generator<Trace | History> {
  const extractor = new Extractor({ quotes: false });
  for (let i = 0; i < batch.count; i++) {
    if (wanted !== undefined && !wanted.has(batch.key(i))) continue;
    const [bytes, start, end] = [batch.buffer(i), batch.starts[i]!, batch.ends[i]!];
    // There may be far more of these than of all others.
    if (endsAsHistory(bytes, start, end)) {
      yield { kind: "history" };
      continue;
    }
    const parsed = parsedAt(extractor, bytes, start, end);
    if (parsed.kind === "walked") yield { kind: "history" };
    if (parsed.kind === "gap") yield { kind: "gap", gap: parsed.gap };
    if (parsed.kind === "outage") {
      const { product_id, last_trade_id, first_trade_id } = parsed.outage;
      const isSpan = last_trade_id !== null && first_trade_id !== null && last_trade_id + 1 < first_trade_id;
      if (isSpan) yield { kind: "noted", product_id, lo: last_trade_id + 1, hi: first_trade_id - 1 };
    }
    if (parsed.kind === "unissued") {
      const { product_id, first_trade_id, last_trade_id, source } = parsed.unissued;
      if (source === "backfill") yield { kind: "history" };
      else yield { kind: "noted", product_id, lo: first_trade_id, hi: last_trade_id };
    }
    if (parsed.kind !== "tick") continue;
    const { product_id, trade_id, time_us, source } = parsed.tick;
    // Only the feed's own order shows gaps: a trade from REST is older than the trades around it.
    if (source === "backfill") yield { kind: "history" };
    else if (source === "feed") yield { kind: "trade", product_id, trade_id, time_us };
    else yield { kind: "noted", product_id, lo: trade_id, hi: trade_id };
  }
}
