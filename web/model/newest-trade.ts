/** The newest trade of a product that is stored, and how many come per second. */
import type { Sources } from "./sources.ts";

export interface NewestTrade {
  /** Exact. */
  price: string;
  /** Event time, microseconds since 1970 UTC. */
  time_us: number;
  /** Trades per second of event time over the last minute; null with fewer than two. */
  per_second: number | null;
}

interface Trade {
  time_us: number;
  trade_id: number;
  price: string;
}

interface Until {
  /** The exchange's time up to which all trades are stored; null: that of the newest trade. */
  now_us: number | null;
  /** The product's high mark; null: not known. A trade beyond it is stamped too far ahead. */
  mark_us: number | null;
}

const MINUTE_US = 60_000_000;
/** Trades that are read; a minute with more is counted over the time that these take. */
const TRADES_READ = 600;
/** Of all products: a product without a trade among them is quiet, and its ids are in order. */
const INSERTED_READ = 2_000;
/** Ids need not rise with time, and late trades come last: among the newest inserted the times decide. */
const TRADES = `SELECT time_us, trade_id, price FROM (SELECT * FROM ticks ORDER BY insert_id DESC LIMIT ${INSERTED_READ})
  WHERE product_id = $product AND time_us <= coalesce($mark_us, time_us)`;
const QUIET = `SELECT time_us, trade_id, price FROM ticks
  WHERE product_id = $product AND time_us <= coalesce($mark_us, time_us) ORDER BY trade_id DESC LIMIT 1`;

/** Of ticks.db; null before the first. */
export function newestTrade(sources: Sources, product: string, { now_us, mark_us }: Until): NewestTrade | null {
  const read = (sql: string) => sources.ticks.all<Trade>(sql, { product, mark_us });
  const inserted = read(TRADES).sort((a, b) => b.time_us - a.time_us || b.trade_id - a.trade_id);
  const trades = inserted.length > 0 ? inserted.slice(0, TRADES_READ) : read(QUIET);
  const newest = trades[0];
  if (newest === undefined) return null;
  const to_us = Math.max(now_us ?? newest.time_us, newest.time_us);
  return { price: newest.price, time_us: newest.time_us, per_second: perSecond(trades, to_us) };
}

/** `trades`: the newest ones, newest first. */
function perSecond(trades: readonly Trade[], to_us: number): number | null {
  const recent = trades.filter(({ time_us }) => time_us > to_us - MINUTE_US && time_us <= to_us);
  // Older ones are known: the minute is whole.
  if (recent.length < trades.length) return recent.length / (MINUTE_US / 1e6);
  const oldest_us = Math.min(...recent.map(({ time_us }) => time_us));
  return recent.length < 2 || oldest_us === to_us ? null : ((recent.length - 1) * 1e6) / (to_us - oldest_us);
}
