/** One process a stage: a SQLite file held in an exclusive transaction, so that the lock dies with its process whatever kills it. */
import { Database } from "bun:sqlite";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TidemarkError } from "./errors.ts";
import type { DataPaths } from "./settings.ts";

/** Takes the stage's lock or fails with STAGE_BUSY, naming the holder's pid. Returns the release. */
export function lockStage(paths: DataPaths, stage: string): () => void {
  const file = join(paths.locks, `${stage}.lock`);
  const pidFile = join(paths.locks, `${stage}.pid`);
  const db = new Database(file, { create: true });
  try {
    db.exec("PRAGMA busy_timeout = 0");
    db.exec("PRAGMA locking_mode = EXCLUSIVE");
    db.exec("BEGIN EXCLUSIVE");
  } catch {
    db.close();
    throw new TidemarkError(
      "STAGE_BUSY",
      `Another ${stage} (pid ${holder(pidFile)}) already works on ${paths.root}.`,
      "Stop it first, or choose another data directory with --data DIR.",
    );
  }
  writeFileSync(pidFile, `${process.pid}\n`);
  return () => db.close();
}

function holder(pidFile: string): string {
  try {
    return readFileSync(pidFile, "utf8").trim();
  } catch {
    return "unknown";
  }
}
