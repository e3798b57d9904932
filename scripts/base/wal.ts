/** The WAL of a SQLite file: how much of it is not in the file yet, and when it is on the disk. */
import type { Database } from "bun:sqlite";
import { close, closeSync, fdatasync, fdatasyncSync, open, openSync, realpathSync } from "node:fs";
import { promisify } from "node:util";
import { systemCode } from "./errors.ts";
import { pageBytes, showsWal } from "./sqlite.ts";

/** Bytes of WAL that a checkpoint would move into the file; 0 where SQLite moves them itself. */
export function walBytes(db: Database): number {
  if (!showsWal(db)) return 0;
  const wal = db.query<{ log: number; checkpointed: number }, []>("PRAGMA wal_checkpoint(NOOP)").get()!;
  return (wal.log - wal.checkpointed) * pageBytes(db);
}

/**
 * Moves the WAL into the file, as far as no reader needs the older state, and waits for the disk.
 * Throws as SQLite does.
 */
export function checkpoint(db: Database): void {
  db.query("PRAGMA wal_checkpoint(PASSIVE)").get();
}

/**
 * Waits until all that was committed to the SQLite file at `path` survives a loss of power; without
 * a WAL it does. SQLite's locks are not on the WAL, so closing it here drops none. Throws as the
 * system does.
 */
export function syncWal(path: string): void {
  let file: number;
  try {
    file = openWal(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw error;
  }
  try {
    fdatasyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** The WAL as an open file, which its owner closes; ENOENT if there is none. Throws as the system does. */
export function openWal(path: string): number {
  return openSync(walOf(path), "r");
}

/** Waits, while this process continues, until what was written to an open file is on the disk. */
export async function syncFile(file: number): Promise<void> {
  await promisify(fdatasync)(file);
}

/** As `syncWal`, while this process continues. */
export async function syncWalSoon(path: string): Promise<void> {
  let file: number;
  try {
    file = await promisify(open)(walOf(path), "r");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw error;
  }
  try {
    await syncFile(file);
  } finally {
    await promisify(close)(file);
  }
}

/** Beside the file itself: `path` may be a link. */
function walOf(path: string): string {
  return `${realpathSync(path)}-wal`;
}
