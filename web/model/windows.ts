/** The stream's windows as shown: times in ISO 8601 UTC, decimals as text. */

import { formatDuration } from "../../scripts/base/duration.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import { API_COLUMNS, type StoredWindow } from "../../scripts/contract/window-columns.ts";
import CHANGED from "../../sql/page/changed.sql" with { type: "text" };
import WINDOWS from "../../sql/page/windows.sql" with { type: "text" };
import type { Selection } from "./selection.ts";
import type { Sources } from "./sources.ts";

type Computed = { window_size: string; late: number; missing: number; updated_at: string };
type Columns = Omit<StoredWindow, keyof Computed> & Computed;
/** What the queries add: `late` ticks of the last revision, and the ids that are missing still. */
type FoundWindow = StoredWindow & { late: number; missing_still: number };

/** One window as JSON: API_COLUMNS, in their order. */
export type ShownWindow = Pick<Columns, (typeof API_COLUMNS)[number]>;

/** Conditions on the window's start, `to_us` exclusive; null leaves one out. */
interface WindowQuery {
  product: string | null;
  size_us: number | null;
  from_us: number | null;
  to_us: number | null;
  limit: number;
}

/** What `windows.sql` has for one product and size, and what others need in its place. */
const ONE_KIND = "w.product_id = $product AND w.size_us = $size_us";
const FROM = "coalesce($from_us, -9223372036854775808)";
const TO = "coalesce($to_us, 9223372036854775807)";
/** One product's sizes, each found by a seek in the table's key; the last row has none. */
const SIZES = `SELECT $product, min(size_us) FROM windows WHERE product_id = $product
  UNION ALL
  SELECT k.product_id, (SELECT min(w.size_us) FROM windows w WHERE w.product_id = k.product_id AND w.size_us > k.size_us)
  FROM kinds k WHERE k.size_us IS NOT NULL`;
/** One size of each product; the last row has no product. */
const PRODUCTS = `SELECT min(product_id), $size_us FROM windows
  UNION ALL
  SELECT (SELECT min(w.product_id) FROM windows w WHERE w.product_id > k.product_id), k.size_us
  FROM kinds k WHERE k.product_id IS NOT NULL`;
/** The newest `limit` windows of each kind, between the times: the answer is among them. */
const among = (kinds: string) => `WITH RECURSIVE kinds (product_id, size_us) AS (
  ${kinds}
), newest AS MATERIALIZED (
  SELECT k.*, coalesce((
    SELECT w.window_start_us FROM windows w
    WHERE w.product_id = k.product_id AND w.size_us = k.size_us
      AND w.window_start_us >= ${FROM} AND w.window_start_us < ${TO}
    ORDER BY w.window_start_us DESC LIMIT 1 OFFSET $limit - 1), ${FROM}) AS from_us
  FROM kinds k
)
${WINDOWS.replace("FROM windows w", "FROM newest k CROSS JOIN windows w")
  .replace(ONE_KIND, "w.product_id = k.product_id AND w.size_us = k.size_us")
  .replace(FROM, "k.from_us")}`;
/** By whether a product and a size are given. */
const STATEMENTS = {
  "true true": WINDOWS,
  "true false": among(SIZES),
  "false true": among(PRODUCTS),
  "false false": WINDOWS.replace(ONE_KIND, "true"),
};

/** Newest first. Reads a number of rows that follows from `limit`, and not from how many there are. */
export function windows(sources: Sources, query: WindowQuery): ShownWindow[] {
  const { product, size_us } = query;
  const sql = STATEMENTS[`${product !== null} ${size_us !== null}`];
  return sources.windows.all<FoundWindow>(sql, { ...query }).map(shown);
}

/** The selection's newest windows, newest first. */
export function newestWindows(sources: Sources, { product, size }: Selection, limit: number): ShownWindow[] {
  return windows(sources, { product, size_us: size.us, from_us: null, to_us: null, limit });
}

/** Of the selection's newest `limit` windows those that changed after the commit `after`, oldest first. */
export function changedWindows(
  sources: Sources,
  { product, size }: Selection,
  after: number,
  limit: number,
): ShownWindow[] {
  return sources.windows.all<FoundWindow>(CHANGED, { product, size_us: size.us, after, limit }).map(shown);
}

function shown(w: FoundWindow): ShownWindow {
  const columns: Columns = {
    ...w,
    window_size: formatDuration(w.size_us),
    missing: w.missing_still,
    updated_at: isoFromUs(w.updated_at),
  };
  return Object.fromEntries(API_COLUMNS.map((name) => [name, columns[name]])) as ShownWindow;
}
