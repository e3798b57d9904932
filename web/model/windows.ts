/** The stream's windows as shown: times in ISO 8601 UTC, decimals as text. */
import { isoFromUs } from "../../scripts/base/clock.ts";
import { formatDuration } from "../../scripts/base/duration.ts";
import type { WindowRow } from "../../scripts/contract/window.ts";
import CHANGED from "../../sql/page/changed.sql" with { type: "text" };
import WINDOWS from "../../sql/page/windows.sql" with { type: "text" };
import type { Selection } from "./selection.ts";
import type { Sources } from "./sources.ts";

/** Columns in the order of the API and of exports: the replaced pipeline's twelve, then ours. */
// biome-ignore format: one line per group is easier to compare with docs/http.md
export const WINDOW_COLUMNS = [
  "window_start", "window_end", "avg_price", "max_price", "min_price", "price_range", "volatility_flag", "total_volume", "trade_count",
  "buy_sell_ratio", "market_sentiment", "volume_spike",
  "product_id", "window_size", "buy_count", "sell_count", "open_price", "close_price",
  "price_sum", "notional", "vwap", "first_trade_id", "last_trade_id", "missing", "skewed", "late", "final", "updated_at",
] as const;

type StoredWindow = WindowRow & { updated_at: number; late: number; missing_still: number };
type Columns = Omit<StoredWindow, "updated_at"> & { window_size: string; updated_at: string };

/** One window as JSON: the columns above. */
export type ShownWindow = Pick<Columns, (typeof WINDOW_COLUMNS)[number]>;

/** Conditions on the window's start, `to_us` exclusive; null leaves one out. */
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

/** The selection's newest windows, newest first. */
export function newestWindows(sources: Sources, { product, size }: Selection, limit: number): ShownWindow[] {
  return windows(sources, { product, size_us: size.us, from_us: null, to_us: null, limit });
}

/** The selection's windows that changed after the commit `after`, oldest first. */
export function changedWindows(
  sources: Sources,
  { product, size }: Selection,
  after: number,
  limit: number,
): ShownWindow[] {
  return sources.windows.all<StoredWindow>(CHANGED, { product, size_us: size.us, after, limit }).map(shown);
}

function shown(w: StoredWindow): ShownWindow {
  const columns: Columns = {
    ...w,
    window_size: formatDuration(w.size_us),
    missing: w.missing_still,
    updated_at: isoFromUs(w.updated_at),
  };
  return Object.fromEntries(WINDOW_COLUMNS.map((name) => [name, columns[name]])) as ShownWindow;
}
