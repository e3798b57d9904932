/** A store's WAL is moved into its file in time, and a new file has small pages. */
import type { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../../scripts/base/sqlite.ts";
import { syncWal, syncWalSoon, walBytes } from "../../scripts/base/wal.ts";
import { WalRelief } from "../../scripts/store/wal-relief.ts";
import { tempDir } from "../support/data.ts";
import { until } from "../support/process.ts";

const SCHEMA = { create: "CREATE TABLE t (a BLOB)", version: 1, page_bytes: 1_024 };

function fill(db: Database, bytes: number): void {
  db.query("INSERT INTO t VALUES (zeroblob(?))").run(bytes);
}

test("a WAL is moved once it is large and synced; without a turn of the event loop at a larger bound", async () => {
  using dir = tempDir();
  const path = join(dir.path, "ticks.db");
  const db = openDatabase(path, SCHEMA, "NORMAL", 0);
  const relief = new WalRelief(db, path);
  fill(db, 3_000_000);
  relief.step();
  await Bun.sleep(100);
  relief.step();
  expect(walBytes(db)).toBeGreaterThan(3_000_000);
  fill(db, 3_000_000);
  await until("the WAL is in the file", () => {
    relief.step();
    return walBytes(db) === 0;
  });
  for (let i = 0; i < 40; i++) {
    fill(db, 1_000_000);
    relief.step();
  }
  expect(walBytes(db)).toBeLessThan(33_000_000);
  db.close();
});

test("a reader that keeps an older state bounds what can be moved; the rest follows when it has ended", async () => {
  using dir = tempDir();
  const path = join(dir.path, "ticks.db");
  const db = openDatabase(path, SCHEMA, "NORMAL", 0);
  const reader = openDatabase(path, SCHEMA, "NORMAL");
  reader.exec("BEGIN; SELECT count(*) FROM t");
  const relief = new WalRelief(db, path);
  for (let i = 0; i < 12; i++) {
    fill(db, 1_000_000);
    relief.step();
    await Bun.sleep(20);
  }
  expect(walBytes(db)).toBeGreaterThan(11_000_000);
  reader.exec("ROLLBACK");
  await until("the WAL is in the file", () => {
    fill(db, 500_000);
    relief.step();
    return walBytes(db) < 1_000_000;
  });
  reader.close();
  db.close();
});

test("a store is not moved to the disk while its log can't be synced", async () => {
  using dir = tempDir();
  const path = join(dir.path, "ticks.db");
  // The kernel refuses to sync a file of /proc.
  symlinkSync("/proc/self/status", join(dir.path, "log.db-wal"));
  writeFileSync(join(dir.path, "log.db"), "");
  const db = openDatabase(path, SCHEMA, "NORMAL", 0);
  const relief = new WalRelief(db, path);
  fill(db, 5_000_000);
  relief.step();
  await until("the sync failed", () => {
    try {
      relief.step();
      return false;
    } catch (error) {
      return String(error).includes("EINVAL");
    }
  });
  expect(walBytes(db)).toBeGreaterThan(4_000_000);
  expect(() => relief.end()).toThrow("EINVAL");
  db.close();
});

test("the log that is synced is the one that a link leads to", async () => {
  using dir = tempDir();
  mkdirSync(join(dir.path, "large"));
  writeFileSync(join(dir.path, "large/log.db"), "");
  symlinkSync(join(dir.path, "large/log.db"), join(dir.path, "log.db"));
  symlinkSync("/proc/self/status", join(dir.path, "large/log.db-wal"));
  expect(() => syncWal(join(dir.path, "log.db"))).toThrow("EINVAL");
  expect(syncWalSoon(join(dir.path, "log.db"))).rejects.toThrow("EINVAL");
});

test("a new file has the schema's page size, an older one keeps its own", () => {
  using dir = tempDir();
  const [older, younger] = [join(dir.path, "older.db"), join(dir.path, "younger.db")];
  const sizeOf = (db: Database) => db.query<{ page_size: number }, []>("PRAGMA page_size").get()!.page_size;
  openDatabase(older, { ...SCHEMA, page_bytes: undefined }, "NORMAL").close();
  const sizes = [older, younger].map((path) => {
    const db = openDatabase(path, SCHEMA, "NORMAL");
    fill(db, 10_000);
    const size = sizeOf(db);
    db.close();
    return size;
  });
  expect(sizes).toEqual([4_096, 1_024]);
});
