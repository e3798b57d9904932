/** The stream's windows as shown: times in ISO 8601 UTC, decimals as text. */

import { formatDuration } from "../../scripts/base/duration.ts";
import { TidemarkError } from "../../scripts/base/errors.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import { API_ROWS_MAX } from "../../scripts/base/limits.ts";
import { API_COLUMNS, type StoredWindow } from "../../scripts/contract/window-columns.ts";
import WINDOWS from "../../sql/page/windows.sql" with { type: "text" };
import { type FoundWindow, summedWindow } from "./derived-windows.ts";
import { startOf } from "./kept-bars.ts";
import { choices, type Selection, summedFrom } from "./selection.ts";
import type { Sources } from "./sources.ts";

type Computed = { window_size: string; late: number; missing: number; updated_at: string };
type Columns = Omit<StoredWindow, keyof Computed> & Computed;

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
const STORED = "SELECT 1 AS one FROM windows WHERE product_id = $product AND size_us = $size_us LIMIT 1";
/** By whether a product and a size are given. */
const STATEMENTS = {
  "true true": WINDOWS,
  "true false": among(SIZES),
  "false true": among(PRODUCTS),
  "false false": WINDOWS.replace(ONE_KIND, "true"),
};

/**
 * Newest first. Reads a number of rows that follows from `limit`, and not from how many there are. A
 * size of which no window is stored is summed, of at most API_ROWS_MAX stored ones per product: fails
 * with USAGE if there are more of those that `limit` needs.
 */
export function windows(sources: Sources, query: WindowQuery): ShownWindow[] {
  const { product, size_us } = query;
  const from_us = size_us === null ? undefined : summedFrom(sources, size_us);
  if (from_us !== undefined && size_us !== null) {
    const products = product === null ? choices(sources).products : [product];
    const isStored = products.some((one) => sources.windows.get(STORED, { product: one, size_us }) !== null);
    if (!isStored) return summedWindows(sources, products, { ...query, size_us }, from_us);
  }
  const sql = STATEMENTS[`${product !== null} ${size_us !== null}`];
  return sources.windows.all<FoundWindow>(sql, { ...query }).map(shown);
}

/** The selection's newest windows, newest first; closed ones are the same objects until one changes. */
export function newestWindows(sources: Sources, { product, size }: Selection, limit: number): ShownWindow[] {
  const of = { product, size_us: size.us, limit };
  if (size.from_us !== undefined)
    return summedWindows(sources, [product], { ...of, from_us: null, to_us: null }, size.from_us);
  return sources.closed.rows("windows", of, (asked) =>
    sources.windows.all<FoundWindow>(WINDOWS, { ...asked }).map(shown),
  );
}

/** Windows of a size that is summed from the stored one of `part_us`; closed ones are summed once. */
function summedWindows(
  sources: Sources,
  products: readonly string[],
  { size_us, limit, ...times }: WindowQuery & { size_us: number },
  part_us: number,
): ShownWindow[] {
  // A condition on a window's start is one on those of its parts.
  const up = (us: number | null, otherwise: number) => (us === null ? otherwise : -startOf(size_us, -us));
  const span = {
    from_us: up(times.from_us, Number.MIN_SAFE_INTEGER),
    to_us: up(times.to_us, Number.MAX_SAFE_INTEGER),
  };
  const parts_max = Math.min(API_ROWS_MAX, (limit + 1) * (size_us / part_us));
  const found = products.flatMap((product) => {
    // Only tumbling windows are summed.
    const kind = { product, size_us: part_us, every_us: part_us };
    const parts = sources.bars.rows(kind, span, parts_max);
    const closed_us = sources.bars.closedUntil(product, part_us);
    const wholeFrom_us = parts.length < parts_max ? Number.MIN_SAFE_INTEGER : parts[0]!.window_start_us;
    const starts = new Set(parts.map(({ window_start_us }) => startOf(size_us, window_start_us)));
    const whole = [...starts].filter((start_us) => start_us >= wholeFrom_us).slice(-limit);
    if (parts.length === API_ROWS_MAX && whole.length < limit) throw tooMany(size_us, part_us, limit);
    const end_us = (whole.at(-1) ?? 0) + size_us;
    let read: Map<number, FoundWindow[]> | null = null;
    return whole.flatMap((start_us) => {
      // The first one that is not kept reads what all after it need.
      const sum = () => {
        read ??= partsByStart(sources, { product, size_us: part_us, from_us: start_us, to_us: end_us }, size_us);
        const own = read.get(start_us);
        return own === undefined ? null : summedWindow(own, { start_us, size_us, closed_us });
      };
      const isClosed = start_us + size_us <= closed_us;
      return (isClosed ? sources.bars.summed(kind, start_us, `row ${size_us} ${start_us}`, sum) : sum()) ?? [];
    });
  });
  const newest = found.sort((a, b) => b.window_start_us - a.window_start_us || (a.product_id < b.product_id ? -1 : 1));
  return newest.slice(0, limit).map(shown);
}

function tooMany(size_us: number, part_us: number, limit: number): TidemarkError {
  const most = Math.floor(API_ROWS_MAX / (size_us / part_us)) - 1;
  const [name, parts] = [formatDuration(size_us), formatDuration(part_us)];
  const say = `limit is "${limit}", and at most ${most} windows of ${name} are summed from ${parts} at once.`;
  return new TidemarkError("USAGE", say, "Ask for a part of the time with from and to.");
}

/** The stored windows in each of the windows of `size_us`, by start. What can't be read is missing. */
function partsByStart(
  { windows }: Sources,
  span: { product: string; size_us: number; from_us: number; to_us: number },
  size_us: number,
): Map<number, FoundWindow[]> {
  const parts = windows.all<FoundWindow>(WINDOWS, { ...span, limit: API_ROWS_MAX }).reverse();
  return Map.groupBy(parts, ({ window_start_us }) => startOf(size_us, window_start_us));
}

function shown(w: FoundWindow): ShownWindow {
  const columns: Columns = {
    ...w,
    window_size: formatDuration(w.size_us),
    missing: w.missing_still,
    unissued: w.unissued_still,
    updated_at: isoFromUs(w.updated_at),
  };
  return Object.fromEntries(API_COLUMNS.map((name) => [name, columns[name]])) as ShownWindow;
}
