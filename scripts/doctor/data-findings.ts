/** What `doctor` finds in the data directory: its rights, its databases and its archive. */
import type { Database } from "bun:sqlite";
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { basename } from "node:path";
import { archiveState } from "../archive/index.ts";
import { type DataPaths, kindDamage, readKind } from "../base/data-dir.ts";
import { sentence, TidemarkError } from "../base/errors.ts";
import { damageWithIndexes, openReadOnly, storeError } from "../base/sqlite.ts";
import type { Finding } from "./finding.ts";

/** A WAL above this size is not reset, because a reader holds on to an old state. */
const WAL_BYTES_MAX = 256e6;

/** `deep`: also verify every page of the databases and every checksum of the archive (seconds per GB). */
export function dataFindings(paths: DataPaths, deep: boolean): Finding[] {
  const databases = [paths.log, paths.ticks, paths.windows, paths.results].filter(existsSync);
  const archive = archiveState(paths.archive, deep);
  return [
    directory(paths),
    ...databases.map((path) => database(path, deep)),
    ...betweenHistoryAndFeed(paths.ticks),
    ...(archive === null ? [] : [{ what: "archive", ...archive }]),
  ];
}

function directory(paths: DataPaths): Finding {
  const what = "data directory";
  const fine = (found: string): Finding => ({ what, found, ok: true, advice: "" });
  if (!existsSync(paths.root)) return fine(`${paths.root}: not created yet`);
  try {
    accessSync(paths.root, constants.R_OK | constants.X_OK);
    const damage = kindDamage(paths);
    if (damage !== null) return { what, found: damage.message, ok: false, advice: damage.hint };
    const kind = readKind(paths) ?? "no feed yet";
    const rights = isWritable(paths.root)
      ? ""
      : ", read only: serve, query and doctor work, the stages can't store here";
    return fine(`${paths.root} (${kind}${rights})`);
  } catch (error) {
    const advice = "Change its permissions, or choose another with --data DIR.";
    return { what, found: sentence(error), ok: false, advice };
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function database(path: string, deep: boolean): Finding {
  const wal_bytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  const fault = faultIn(path, deep);
  const sizes = `${megabytes(statSync(path).size)}, WAL ${megabytes(wal_bytes)}`;
  const pages = fault?.found ?? (deep ? "every page is valid" : null);
  const found = pages === null ? sizes : `${sizes}, ${pages}`;
  const ok = wal_bytes < WAL_BYTES_MAX && fault === null;
  const reader = "A long reader keeps the WAL from being reset: end it.";
  return { what: basename(path), found, ok, advice: fault?.advice ?? reader };
}

const HAS_HISTORY = "SELECT 1 FROM sqlite_schema WHERE name = 'walked'";
const BETWEEN = `SELECT product_id, max(last_trade_id) + 1 AS lo, feed_begins.trade_id - 1 AS hi
  FROM walked JOIN feed_begins USING (product_id) GROUP BY product_id HAVING lo <= hi ORDER BY product_id`;

/** History was loaded before the feed began, and not again since: nothing has the trades between. */
function betweenHistoryAndFeed(ticks: string): Finding[] {
  let db: Database | null = null;
  try {
    db = openReadOnly(ticks);
    if (db === null || db.query(HAS_HISTORY).get() === null) return [];
    const gaps = db.query<{ product_id: string; lo: number; hi: number }, []>(BETWEEN).all();
    return gaps.map(({ product_id, lo, hi }) => {
      const found = `${product_id}: ids ${lo} to ${hi}, between history and the feed's first trade, are not loaded; run backfill again`;
      return { what: "history", found, ok: true, advice: "" };
    });
  } catch {
    // A damaged file is a finding of its own.
    return [];
  } finally {
    db?.close();
  }
}

/** Why it can't be read; null if it can, as far as it was read. */
function faultIn(path: string, deep: boolean): Pick<Finding, "found" | "advice"> | null {
  const corrupt = "See TIDEMARK_STORE_CORRUPT in docs/errors.md.";
  let db: Database | null = null;
  try {
    db = openReadOnly(path);
    const damage = db === null || !deep ? null : damageWithIndexes(db);
    return damage === null ? null : { found: damage, advice: corrupt };
  } catch (error) {
    const known = storeError(path, error);
    return { found: sentence(known), advice: known instanceof TidemarkError ? known.hint : corrupt };
  } finally {
    db?.close();
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
