/** The stream's windows as the page and the API show them: the reference's columns first, times in ISO 8601 UTC, decimals as exact text. */
import { isoFromUs } from "../../scripts/base/clock.ts";
import { formatDuration } from "../../scripts/base/duration.ts";
import type { WindowRow } from "../../scripts/contract/window.ts";
import CHANGED from "../../sql/page/changed.sql" with { type: "text" };
import WINDOWS from "../../sql/page/windows.sql" with { type: "text" };
import type { Sources } from "./sources.ts";

type StoredWindow = WindowRow & { updated_at: number; change_id: number; late: number; missing_still: number };

/** One window as JSON. Columns of docs/http.md. */
export type ShownWindow = ReturnType<typeof shown>;

export interface WindowQuery {
  product: string | null;
  size_us: number | null;
  from_us: number | null;
  to_us: number | null;
  limit: number;
}

/** Newest first. */
export function windows(sources: Sources, query: WindowQuery): ShownWindow[] {
  return sources.windows.all<StoredWindow>(WINDOWS, { ...query }).map(shown);
}

/** Windows that changed after the commit `after`, oldest first. */
export function changedWindows(
  sources: Sources,
  product: string,
  size_us: number,
  after: number,
  limit: number,
): ShownWindow[] {
  return sources.windows.all<StoredWindow>(CHANGED, { product, size_us, after, limit }).map(shown);
}

/** Columns in their order, for exports. */
export const WINDOW_COLUMNS = [
  "window_start", "window_end", "avg_price", "max_price", "min_price", "price_range", "volatility_flag", "total_volume", "trade_count",
  "buy_sell_ratio", "market_sentiment", "volume_spike", "product_id", "window_size", "buy_count", "sell_count", "open_price", "close_price",
  "price_sum", "notional", "vwap", "first_trade_id", "last_trade_id", "missing", "skewed", "late", "final", "updated_at",
] as const satisfies (keyof ShownWindow)[]; // biome-ignore format: one line a group is easier to compare with reference.md

function shown(w: StoredWindow) {
  return {
    window_start: w.window_start,
    window_end: w.window_end,
    avg_price: w.avg_price,
    max_price: w.max_price,
    min_price: w.min_price,
    price_range: w.price_range,
    volatility_flag: w.volatility_flag,
    total_volume: w.total_volume,
    trade_count: w.trade_count,
    buy_sell_ratio: w.buy_sell_ratio,
    market_sentiment: w.market_sentiment,
    volume_spike: w.volume_spike,
    product_id: w.product_id,
    window_size: formatDuration(w.size_us),
    buy_count: w.buy_count,
    sell_count: w.sell_count,
    open_price: w.open_price,
    close_price: w.close_price,
    price_sum: w.price_sum,
    notional: w.notional,
    vwap: w.vwap,
    first_trade_id: w.first_trade_id,
    last_trade_id: w.last_trade_id,
    missing: w.missing_still,
    skewed: w.skewed,
    late: w.late,
    final: w.final,
    updated_at: isoFromUs(w.updated_at),
  };
}
