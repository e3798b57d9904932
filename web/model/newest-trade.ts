/** The newest trade of a product that is stored, and how many come per second. */
import { APPEND_EARLIEST_US, STAMP_AHEAD_US_MAX } from "../../scripts/base/limits.ts";
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
  /** The product's high mark; null: not known, or the stream is behind. */
  mark_us: number | null;
}

const MINUTE_US = 60_000_000;
/** Trades that are read; a minute with more is counted over the time that these take. */
const TRADES_READ = 600;
/** Of all products: a product without a trade among them is quiet. */
const INSERTED_READ = 2_000;
/** Of a quiet product, those with the highest ids. */
const QUIET_READ = 100;
/** Skew is judged as the stream does (docs/semantics.md "Skew"), which may not have read the tick yet. */
const NOT_AHEAD = `time_us <= coalesce($mark_us, time_us)
  AND (time_us - appended_us <= $max_skew_us OR appended_us < ${APPEND_EARLIEST_US})`;
const TRADES = `SELECT time_us, trade_id, price, appended_us
  FROM (SELECT * FROM ticks ORDER BY insert_id DESC LIMIT ${INSERTED_READ})
  WHERE product_id = $product AND source <> 'backfill'`;
const QUIET = `SELECT time_us, trade_id, price FROM (SELECT * FROM ticks WHERE product_id = $product
    ORDER BY trade_id DESC LIMIT ${QUIET_READ})
  WHERE ${NOT_AHEAD} ORDER BY time_us DESC, trade_id DESC LIMIT 1`;
/** The first of as many that is not history; no row when there are fewer. */
const OLDEST = `SELECT time_us FROM ticks
  WHERE insert_id >= (SELECT insert_id FROM ticks ORDER BY insert_id DESC LIMIT 1 OFFSET ${INSERTED_READ - 1})
    AND source <> 'backfill'
  ORDER BY insert_id LIMIT 1`;

/** Of ticks.db; null before the first. */
export function newestTrade(sources: Sources, product: string, { now_us, mark_us }: Until): NewestTrade | null {
  const max_skew_us = Number(sources.windows.setting("max_skew_us") ?? STAMP_AHEAD_US_MAX);
  const inserted = newestInserted(sources, product)
    .filter(({ time_us }) => time_us <= (mark_us ?? time_us))
    .filter(({ time_us, appended_us }) => time_us - appended_us <= max_skew_us || appended_us < APPEND_EARLIEST_US);
  const trades =
    inserted.length > 0
      ? inserted.slice(0, TRADES_READ)
      : sources.ticks.all<Trade>(QUIET, { product, mark_us, max_skew_us });
  const newest = trades[0];
  if (newest === undefined) return null;
  const to_us = Math.max(now_us ?? newest.time_us, newest.time_us);
  const oldest_us =
    sources.onceOfTicks("oldest inserted", () => sources.ticks.get<{ time_us: number }>(OLDEST)?.time_us) ?? null;
  const known = { trades, reachesBack: oldest_us === null || oldest_us <= to_us - MINUTE_US };
  return { price: newest.price, time_us: newest.time_us, per_second: perSecond(known, to_us) };
}

/**
 * Newest first. Ids need not rise with time, and late trades come last: among the newest inserted the
 * times decide.
 */
function newestInserted(sources: Sources, product: string): (Trade & { appended_us: number })[] {
  return sources.onceOfTicks(`newest ${product}`, () =>
    sources.ticks
      .all<Trade & { appended_us: number }>(TRADES, { product })
      .sort((a, b) => b.time_us - a.time_us || b.trade_id - a.trade_id),
  );
}

/** `trades`: newest first. `reachesBack`: what was read is older than a minute, or is all. */
function perSecond(
  { trades, reachesBack }: { trades: readonly Trade[]; reachesBack: boolean },
  to_us: number,
): number | null {
  const recent = trades.filter(({ time_us }) => time_us > to_us - MINUTE_US && time_us <= to_us);
  if (recent.length === 0) return 0;
  // A late trade among them is old, too: alone it does not make the minute whole.
  if (reachesBack && recent.length < trades.length) return recent.length / (MINUTE_US / 1e6);
  const oldest_us = Math.min(...recent.map(({ time_us }) => time_us));
  return recent.length < 2 || oldest_us === to_us ? null : ((recent.length - 1) * 1e6) / (to_us - oldest_us);
}
