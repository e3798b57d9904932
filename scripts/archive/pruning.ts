/** Removes archived ticks from ticks.db, in short transactions, without DuckDB (docs/faults.md 26). */
import type { Database } from "bun:sqlite";
import { join } from "node:path";
import { nowUs } from "../base/clock.ts";
import { parseUnits } from "../base/decimal.ts";
import { diePoint } from "../base/die-point.ts";
import { TidemarkError } from "../base/errors.ts";
import {
  PRICE_SCALE_MAX,
  PRUNE_SLICE_ROWS,
  SEEN_LIST_IDS_MAX,
  SIZE_SCALE_MAX,
  STAMP_AHEAD_US_MAX,
  SUM_MODULUS,
} from "../base/limits.ts";
import { SEEN_BLOCK_IDS } from "../contract/window.ts";
import { readManifest } from "./manifest.ts";
import type { TickFile } from "./manifest-schema.ts";
import { whereStaged } from "./own-files.ts";
import schema from "./pruned.sql" with { type: "text" };
import { repair, verifyArchive } from "./verify.ts";

/** A block's digits, four ids each: all ids were there, or none (pruned.sql). */
const ALL = "F".repeat(SEEN_BLOCK_IDS / 4);
const NONE = "0".repeat(SEEN_BLOCK_IDS / 4);

interface PruneOptions {
  archive: string;
  /**
   * Ticks appended before this (microseconds since 1970) are removed, in stored order up to the first
   * newer one.
   */
  before_us: number;
  signal: AbortSignal;
  /** Called after each transaction: bounds the WAL. */
  relieve?: () => void;
}

/**
 * Returns the number of removed ticks. Throws NO_DATA without an archive, STORE_CORRUPT if it isn't
 * whole.
 */
export function prune(db: Database, { archive, before_us, signal, relieve }: PruneOptions): number {
  const files = verifiedFiles(db, archive);
  db.exec(schema);
  let pruned = 0;
  // File after file, in the order of their rows: none loses a row before it was compared with all of its
  // rows.
  for (const file of files) {
    if (signal.aborted || !hasOlder(db, file, before_us)) break;
    compare(db, archive, file);
    for (let rows = PRUNE_SLICE_ROWS; rows === PRUNE_SLICE_ROWS && !signal.aborted; pruned += rows) {
      rows = pruneSlice(db, file.last_insert_id, before_us);
      relieve?.();
    }
  }
  return pruned;
}

/** The archive's tick files; each has just been compared with its checksum. */
function verifiedFiles(db: Database, archive: string): TickFile[] {
  const manifest = readManifest(archive);
  if (manifest === null) {
    throw new TidemarkError("NO_DATA", `There is no archive in ${archive} yet.`, "Run `bun run batch` first.");
  }
  if (setting(db, "created") !== manifest.store_created) {
    throw new TidemarkError("NO_DATA", `${archive} was made from another ticks.db.`, "Run `bun run batch` first.");
  }
  if (manifest.version === 1) {
    throw new TidemarkError("NO_DATA", `${archive} has no checksums yet.`, "Run `bun run batch` first: it adds them.");
  }
  const pruned = Number(setting(db, "pruned_to") ?? 0) > 0;
  return verifyArchive(archive, whereStaged(archive, manifest), "all", pruned).files;
}

function setting(db: Database, name: string): string | undefined {
  return db.query<{ value: string }, [string]>("SELECT value FROM settings WHERE name = ?").get(name)?.value;
}

function hasOlder(db: Database, { last_insert_id }: TickFile, before_us: number): boolean {
  const first = db
    .query<{ appended_us: number }, [number]>(
      "SELECT appended_us FROM ticks WHERE insert_id <= ? ORDER BY insert_id LIMIT 1",
    )
    .get(last_insert_id);
  return first !== null && isOld(first.appended_us, before_us);
}

/**
 * Compares a file's rows and sums with ticks.db; if rows are pruned, that was done before the first
 * was.
 */
function compare(db: Database, archive: string, file: TickFile): void {
  const { first_insert_id, last_insert_id } = file;
  if (Number(setting(db, "pruned_to") ?? 0) >= first_insert_id || holdsRowsOf(db, file)) return;
  throw new TidemarkError(
    "STORE_CORRUPT",
    `${join(archive, file.path)} does not hold what ${db.filename} has from insert_id ${first_insert_id} to ${last_insert_id}, so nothing more was pruned.`,
    repair(file.path, first_insert_id > 1 && setting(db, "pruned_to") !== undefined),
  );
}

/** A text such as " .5" is a difference, although a parser makes a number of it. */
function holdsRowsOf(db: Database, file: TickFile): boolean {
  try {
    return sumsOf(db, file) === JSON.stringify({ rows: file.rows, ...file.sums });
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Throws RangeError for a price or size that is not a valid decimal. */
function sumsOf(db: Database, { first_insert_id, last_insert_id }: TickFile): string {
  const stored = { rows: 0, ids: 0, times: 0, price: 0n, size: 0n };
  const rows = db.query<{ trade_id: number; time_us: number; price: string; last_size: string }, [number, number]>(
    "SELECT trade_id, time_us, price, last_size FROM ticks WHERE insert_id BETWEEN ? AND ?",
  );
  for (const row of rows.iterate(first_insert_id, last_insert_id)) {
    stored.rows += 1;
    stored.ids += row.trade_id % SUM_MODULUS;
    stored.times += row.time_us % SUM_MODULUS;
    stored.price += parseUnits(row.price, PRICE_SCALE_MAX);
    stored.size += parseUnits(row.last_size, SIZE_SCALE_MAX);
  }
  const { rows: count, ids, times, price, size } = stored;
  return JSON.stringify({
    rows: count,
    price: String(price),
    size: String(size),
    trade_ids: String(ids),
    times: String(times),
  });
}

interface Stored {
  insert_id: number;
  product_id: string;
  trade_id: number;
  appended_us: number;
}

/**
 * One short transaction, so that consume hardly waits. The newest row stays: insertion numbers
 * continue there.
 */
function pruneSlice(db: Database, collected_to: number, before_us: number): number {
  return db
    .transaction(() => {
      const rows = db
        .query<Stored, [number, number]>(
          "SELECT insert_id, product_id, trade_id, appended_us FROM ticks WHERE insert_id <= ? AND insert_id < (SELECT max(insert_id) FROM ticks) ORDER BY insert_id LIMIT ?",
        )
        .all(collected_to, PRUNE_SLICE_ROWS);
      const newer = rows.findIndex((row) => !isOld(row.appended_us, before_us));
      const old = newer < 0 ? rows : rows.slice(0, newer);
      const last = old.at(-1);
      if (!last) return 0;
      mark(db, old);
      diePoint("prune-marked");
      db.query("DELETE FROM ticks WHERE insert_id <= ?").run(last.insert_id);
      db.query("INSERT OR REPLACE INTO settings VALUES ('pruned_to', ?)").run(String(last.insert_id));
      diePoint("prune-deleted");
      return old.length;
    })
    .immediate();
}

/** An append time in the future is a wrong clock's, and would keep all later ticks for years. */
function isOld(appended_us: number, before_us: number): boolean {
  return appended_us < before_us || appended_us > nowUs() + STAMP_AHEAD_US_MAX;
}

/**
 * Notes ids as pruned, so that no duplicate is stored again: as rows while a block has few, then as
 * digits.
 */
function mark(db: Database, rows: readonly Stored[]): void {
  const get = db.query<{ digits: string | null }, [string, number]>(
    "SELECT digits FROM pruned_ids WHERE product_id = ? AND block = ?",
  );
  const few = db.query<{ trade_id: number }, [string, number]>(
    "SELECT trade_id FROM pruned_few WHERE product_id = ? AND block = ?",
  );
  const put = db.query("INSERT OR REPLACE INTO pruned_ids VALUES (?, ?, ?)");
  const putFew = db.query("INSERT OR IGNORE INTO pruned_few VALUES (?, ?, ?)");
  const dropFew = db.query("DELETE FROM pruned_few WHERE product_id = ? AND block = ?");
  const blocks = Map.groupBy(rows, (row) => `${Math.floor(row.trade_id / SEEN_BLOCK_IDS)} ${row.product_id}`);
  for (const inBlock of blocks.values()) {
    const { product_id, trade_id } = inBlock[0]!;
    const block = Math.floor(trade_id / SEEN_BLOCK_IDS);
    const before = get.get(product_id, block);
    const listed = before === null ? few.all(product_id, block) : [];
    const ids = [...listed, ...inBlock].map((row) => row.trade_id);
    if (before === null && ids.length <= SEEN_LIST_IDS_MAX) {
      for (const id of ids) putFew.run(product_id, block, id);
      continue;
    }
    if (listed.length > 0) dropFew.run(product_id, block);
    const text = withIds(before ? (before.digits ?? ALL) : NONE, ids);
    put.run(product_id, block, text === ALL ? null : text);
  }
}

/** A block's digits with these ids marked too. */
function withIds(before: string, ids: readonly number[]): string {
  const digits = [...before];
  for (const id of ids) {
    const at = Math.floor((id % SEEN_BLOCK_IDS) / 4);
    digits[at] = (Number.parseInt(digits[at]!, 16) | (1 << (id % 4))).toString(16).toUpperCase();
  }
  return digits.join("");
}
