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
  price: string;
}

const MINUTE_US = 60_000_000;
/** Trades that are read; a minute with more is counted over the time that these take. */
const TRADES_READ = 600;
const TRADES = "SELECT time_us, price FROM ticks WHERE product_id = $product ORDER BY trade_id DESC LIMIT $limit";

/**
 * Of ticks.db; null before the first. `now_us`: the exchange's time up to which all trades are stored;
 * null: that of the newest trade.
 */
export function newestTrade(sources: Sources, product: string, now_us: number | null): NewestTrade | null {
  const trades = sources.ticks.all<Trade>(TRADES, { product, limit: TRADES_READ });
  const newest = trades[0];
  if (newest === undefined) return null;
  const to_us = Math.max(now_us ?? newest.time_us, newest.time_us);
  return { ...newest, per_second: perSecond(trades, to_us) };
}

/** `trades`: the newest ones, newest first. */
function perSecond(trades: readonly Trade[], to_us: number): number | null {
  const recent = trades.filter(({ time_us }) => time_us > to_us - MINUTE_US && time_us <= to_us);
  // Older ones are known: the minute is whole.
  if (recent.length < trades.length) return recent.length / (MINUTE_US / 1e6);
  const oldest_us = Math.min(...recent.map(({ time_us }) => time_us));
  return recent.length < 2 || oldest_us === to_us ? null : ((recent.length - 1) * 1e6) / (to_us - oldest_us);
}
