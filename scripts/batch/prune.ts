/** Takes archived ticks out of ticks.db, in short transactions beside consume; what was there stays known, so no duplicate comes back. Never in a process with DuckDB (faults.md 1.1). */
import type { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { join } from "node:path";
import { nowUs } from "../common/clock.ts";
import { diePoint } from "../common/die-point.ts";
import { TidemarkError } from "../common/errors.ts";
import { PRUNE_SLICE_ROWS, SEEN_LIST_IDS_MAX, STAMP_AHEAD_US_MAX } from "../common/limits.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import schema from "./pruned.sql" with { type: "text" };

const BLOCK_IDS = 4_096;
const ALL = "F".repeat(BLOCK_IDS / 4);
const NONE = "0".repeat(BLOCK_IDS / 4);

export interface PruneOptions {
  archive: string;
  /** Ticks that the log took before this (microseconds since 1970) go, in the order in which they were stored, up to the first that is newer. */
  before_us: number;
  signal: AbortSignal;
}

/** Gives the number of ticks taken out. NO_DATA without an archive; STORE_CORRUPT when the archive isn't whole: then nothing is deleted. */
export function prune(db: Database, { archive, before_us, signal }: PruneOptions): number {
  const collected_to = archivedTo(db, archive);
  db.exec(schema);
  let pruned = 0;
  while (!signal.aborted) {
    const rows = pruneSlice(db, collected_to, before_us);
    pruned += rows;
    if (rows < PRUNE_SLICE_ROWS) break;
  }
  return pruned;
}

/** The last insert_id that may go: all up to it are in files that are there, and that were synced before the manifest named them. */
function archivedTo(db: Database, archive: string): number {
  const manifest = readManifest(archive);
  if (manifest === null) {
    throw new TidemarkError("NO_DATA", `There is no archive in ${archive} yet.`, "Run `bun run batch` first.");
  }
  const created = db.query<{ value: string }, []>("SELECT value FROM settings WHERE name = 'created'").get()?.value;
  if (created !== manifest.store_created) {
    throw new TidemarkError("NO_DATA", `${archive} was made from another ticks.db.`, "Run `bun run batch` first.");
  }
  checkFiles(archive, manifest);
  return manifest.collected_to;
}

function checkFiles(archive: string, manifest: Manifest): void {
  for (const file of manifest.files) {
    const path = join(archive, file.path);
    if (statSync(path, { throwIfNoEntry: false })?.size === file.bytes) continue;
    throw new TidemarkError(
      "STORE_CORRUPT",
      `${path} is missing or not as long as it was, so nothing was pruned.`,
      "Move the archive folder away: the next batch builds it again from ticks.db.",
    );
  }
}

interface Stored {
  insert_id: number;
  product_id: string;
  trade_id: number;
  appended_us: number;
}

/** One short transaction; consume waits for it at most as for any lock. The newest row always stays: insertion numbers go on from it. */
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

/** An append time ahead of now was written by a wrong clock, and would keep all ticks after it for years; every tick here is archived. */
function isOld(appended_us: number, before_us: number): boolean {
  return appended_us < before_us || appended_us > nowUs() + STAMP_AHEAD_US_MAX;
}

/** Notes ids as pruned: in a list while a block has few of them, then as digits. */
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
  const blocks = Map.groupBy(rows, (row) => `${Math.floor(row.trade_id / BLOCK_IDS)} ${row.product_id}`);
  for (const inBlock of blocks.values()) {
    const { product_id, trade_id } = inBlock[0]!;
    const block = Math.floor(trade_id / BLOCK_IDS);
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
    const at = Math.floor((id % BLOCK_IDS) / 4);
    digits[at] = (Number.parseInt(digits[at]!, 16) | (1 << (id % 4))).toString(16).toUpperCase();
  }
  return digits.join("");
}
