/** The price of lateness of one product and window size, read from windows.db. */
import type { Database } from "bun:sqlite";
import { formatDuration } from "../base/duration.ts";
import { TidemarkError } from "../base/errors.ts";
import { isoFromUs } from "../base/iso.ts";
import { LATENESS_WINDOWS_MAX } from "../base/limits.ts";
import { commonDivisor, grainUs, type OutOfOrderRow, type WindowSpec } from "../contract/window.ts";
import { formatShare, LatenessCurve, type LatenessPoint, type Share, type WholeWindow } from "./lateness-curve.ts";

/** Latenesses of the curve, besides the stream's own setting. */
const LATENESSES_US = [0, 1, 2, 5, 10, 30, 60, 120, 300].map((seconds) => seconds * 1_000_000);

export interface LatenessQuery {
  /** Null: the first product, and the first size that the stream keeps. */
  product: string | null;
  size_us: number | null;
  want: Share | null;
}

/** What `bun run lateness --json` and /api/lateness return; durations are microseconds. */
export interface LatenessAnswer {
  product: string;
  window: string;
  window_us: number;
  /** The stream's --lateness. */
  lateness_us: number;
  /** Start of the first window covered, ISO 8601; null: the stream has read nothing earlier. */
  since: string | null;
  since_reason: string | null;
  /** Rows that left beyond OUT_OF_ORDER_ROWS_MAX, of all products. */
  rows_dropped: number;
  curve: (LatenessPoint & { is_current: boolean })[];
  /** Why figures of windows are null, and what to do; null: they are known. */
  unknown_reason: string | null;
  /** The wanted share, such as 99.99%; null: none. */
  want: string | null;
  /** The smallest lateness for it; null without a share, or where none reaches it. */
  smallest: { ticks: Smallest | null; windows: Smallest | null };
}

interface Smallest {
  lateness_us: number;
  /** For --lateness: the next whole second. */
  setting: string;
}

/**
 * The answer from windows.db. Fails with NO_DATA (no such product), USAGE (a size of 0), or
 * SCHEMA_OLDER (no stream of this version has opened the file).
 */
export function latenessAnswer(db: Database, query: LatenessQuery): LatenessAnswer {
  // One transaction, so that ticks and windows are of one commit.
  return db.transaction(() => read(db, query)).deferred();
}

function read(db: Database, { product: wanted, size_us: size, want }: LatenessQuery): LatenessAnswer {
  if (db.query("SELECT 1 FROM sqlite_master WHERE name = 'out_of_order'").get() === null) {
    const hint = "Run stream of this version once: it migrates the file.";
    throw new TidemarkError("SCHEMA_OLDER", "windows.db does not keep ticks out of order yet.", hint);
  }
  const product = productOf(db, wanted);
  const { product_id, mark_us } = product;
  const windows: WindowSpec[] = JSON.parse(setting(db, "windows"));
  const sizes_us = windows.map(({ size_us }) => size_us);
  const size_us = size ?? sizes_us[0]!;
  const grain_us = grainUs(windows);
  if (size_us <= 0 || size_us % grain_us !== 0) {
    const why = `${formatDuration(size_us)} is not a valid window size: it must be a multiple of ${formatDuration(grain_us)}.`;
    throw new TidemarkError("USAGE", why, "The stream keeps ticks out of order by that grain.");
  }
  const whole_size_us = wholeSize(sizes_us, size_us);
  const cover = coverOf(db, product, size_us, whole_size_us);
  const spec = { size_us, from_us: cover.from_us, mark_us, whole_size_us };
  const curve = new LatenessCurve(
    outOfOrderRows(db, product_id),
    wholeWindows(db, product_id, whole_size_us, cover.from_us),
    spec,
  );
  const lateness_us = Number(setting(db, "lateness_us"));
  const all = [...new Set([...LATENESSES_US, lateness_us])].sort((a, b) => a - b);
  return {
    product: product_id,
    window: formatDuration(size_us),
    window_us: size_us,
    lateness_us,
    since: cover.reason === null ? null : isoFromUs(cover.from_us),
    since_reason: cover.reason,
    rows_dropped: counter(db, "out_of_order_dropped"),
    curve: all.map((one) => ({ ...curve.at(one), is_current: one === lateness_us })),
    unknown_reason: size_us % whole_size_us === 0 ? null : unknownReason(sizes_us, size_us),
    want: want === null ? null : formatShare(want),
    smallest: {
      ticks: want && smallest(curve.smallestForTicks(want)),
      windows: want && smallest(curve.smallestForWindows(want)),
    },
  };
}

function unknownReason(sizes_us: readonly number[], size_us: number): string {
  const [kept, size] = [sizes_us.map(formatDuration).join(", "), formatDuration(size_us)];
  return `the stream keeps windows of ${kept}, which don't add up to ${size}: add ${size} to its --window, with --rebuild`;
}

/** Windows that begin after `since_us` have all their rows in out_of_order; null: all windows have. */
interface ProductMark {
  product_id: string;
  mark_us: number;
  since_us: number | null;
}

function productOf(db: Database, wanted: string | null): ProductMark {
  const select = "SELECT * FROM product_marks WHERE ?1 IS NULL OR product_id = ?1 ORDER BY product_id LIMIT 1";
  const found = db.query<ProductMark, [string | null]>(select).get(wanted);
  if (found !== null) return found;
  const products = db.query<ProductMark, []>("SELECT * FROM product_marks ORDER BY product_id LIMIT 20").all();
  const names = products.map(({ product_id }) => product_id).join(", ");
  throw new TidemarkError(
    "NO_DATA",
    `The stream has not read a tick of ${wanted === null ? "any product" : JSON.stringify(wanted)} yet.`,
    names === "" ? "" : `Products with ticks: ${names}.`,
  );
}

/**
 * The largest size kept that divides the wanted one, whose windows then add up to the wanted ones;
 * without one the smallest, for the count of ticks.
 */
function wholeSize(sizes_us: readonly number[], size_us: number): number {
  const parts = sizes_us.filter((one) => size_us % one === 0);
  return parts.length > 0 ? Math.max(...parts) : Math.min(...sizes_us);
}

/** Where the windows covered begin, and why not earlier; without a reason all are covered. */
function coverOf(
  db: Database,
  { product_id, since_us }: ProductMark,
  size_us: number,
  whole_size_us: number,
): { from_us: number; reason: string | null } {
  const grid_us = leastCommonMultiple(size_us, whole_size_us);
  const oldest = db
    .query<{ start_us: number }, [string, number, number]>(
      `SELECT window_start_us AS start_us FROM windows WHERE product_id = ? AND size_us = ?
       ORDER BY window_start_us DESC LIMIT 1 OFFSET ?`,
    )
    .get(product_id, whole_size_us, LATENESS_WINDOWS_MAX);
  const covers = [
    { after_us: since_us, reason: "ticks out of order before then were not kept, or have left windows.db" },
    { after_us: oldest?.start_us ?? null, reason: `a curve covers the newest ${LATENESS_WINDOWS_MAX} windows` },
  ].flatMap(({ after_us, reason }) =>
    after_us === null ? [] : [{ from_us: (Math.floor(after_us / grid_us) + 1) * grid_us, reason }],
  );
  return covers.reduce<{ from_us: number; reason: string | null }>(
    (latest, one) => (one.from_us > latest.from_us ? one : latest),
    { from_us: Number.MIN_SAFE_INTEGER, reason: null },
  );
}

function outOfOrderRows(db: Database, product_id: string): Iterable<OutOfOrderRow> {
  const select = "SELECT * FROM out_of_order WHERE product_id = ?";
  return db.query<OutOfOrderRow, [string]>(select).iterate(product_id);
}

/** Each tumbling window with all its ticks: its last revision, or its row. */
function wholeWindows(db: Database, product_id: string, size_us: number, from_us: number): Iterable<WholeWindow> {
  const columns = "window_start_us AS start_us, trade_count AS ticks, total_volume, notional";
  const which = "product_id = $product_id AND size_us = $size_us AND window_start_us >= $from_us";
  const tumbling = "window_start_us % $size_us = 0";
  const parameters = { product_id, size_us, from_us };
  // All of them are kept below: one by one they would cost a fifth more.
  const rows = (sql: string) => db.query<WholeWindow, typeof parameters>(sql).all(parameters);
  const whole = new Map<number, WholeWindow>();
  for (const row of rows(`SELECT ${columns} FROM windows WHERE ${which} AND ${tumbling}`)) whole.set(row.start_us, row);
  // SQLite takes the other columns from the row that has the maximum.
  const revised = `SELECT ${columns}, max(revision) FROM window_revisions WHERE ${which} AND ${tumbling} GROUP BY start_us`;
  for (const row of rows(revised)) whole.set(row.start_us, row);
  return whole.values();
}

function smallest(lateness_us: number | null): Smallest | null {
  if (lateness_us === null) return null;
  return { lateness_us, setting: `${Math.ceil(lateness_us / 1e6)}s` };
}

function setting(db: Database, name: string): string {
  const row = db.query<{ value: string }, [string]>("SELECT value FROM settings WHERE name = ?").get(name);
  if (row === null) throw new TidemarkError("NO_DATA", "The stream has not run yet.", "Run it first: bun run stream.");
  return row.value;
}

function counter(db: Database, name: string): number {
  return db.query<{ value: number }, [string]>("SELECT value FROM counters WHERE name = ?").get(name)?.value ?? 0;
}

function leastCommonMultiple(a: number, b: number): number {
  return (a / commonDivisor(a, b)) * b;
}
