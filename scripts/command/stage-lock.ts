/** Who works on a data directory: a SQLite file held in a transaction, so that the lock dies with its process whatever kills it. */
import { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { writeOwn } from "../base/atomic-file.ts";
import { monotonicMs } from "../base/clock.ts";
import type { DataPaths } from "../base/data-dir.ts";
import { systemCode, TidemarkError } from "../base/errors.ts";
import { LOCK_LOOK_MS } from "../base/limits.ts";
import { lives } from "../base/process.ts";
import { storeError } from "../base/sqlite.ts";

/** A lock lets one process in; a shared one several of its kind, but none that wants it alone. */
type Mode = "alone" | "shared";

/** What the garbage collector closes is unlocked: these are kept until they are released, whoever forgets the release. */
const held = new Set<Database>();

/** Takes the stage's lock or fails with STAGE_BUSY, naming a holder's pid. Returns the release. */
export function lockStage(paths: DataPaths, stage: string, mode: Mode = "alone"): () => void {
  const file = join(paths.locks, `${stage}.lock`);
  const pidFile = join(paths.locks, `${stage}.pid`);
  const db = openLock(file);
  try {
    // One that looks in vain holds the lock for an instant, which must not turn away one that shares it.
    db.exec(`PRAGMA busy_timeout = ${mode === "alone" ? 0 : LOCK_LOOK_MS}`);
    if (mode === "alone") db.exec("BEGIN EXCLUSIVE");
    else db.exec("BEGIN; SELECT count(*) FROM sqlite_schema");
  } catch (error) {
    db.close();
    if (!/BUSY|LOCKED/.test(systemCode(error))) throw storeError(file, error);
    throw new TidemarkError(
      "STAGE_BUSY",
      `Another ${stage} (pid ${holder(pidFile)}) already works on ${paths.root}.`,
      "Stop it first, or choose another data directory with --data DIR.",
    );
  }
  held.add(db);
  try {
    writeOwn(pidFile, `${process.pid}\n`);
  } catch {
    // It only makes a refusal's sentence better.
  }
  return () => {
    held.delete(db);
    db.close();
  };
}

function openLock(file: string): Database {
  try {
    return new Database(file, { create: true });
  } catch (error) {
    throw storeError(file, error);
  }
}

/**
 * The lock of a stage that reads a log: one process on the embedded log; on Kafka as many as there are partitions, besides one that
 * makes the stage's file anew, which needs it for itself.
 */
export function lockForLog(paths: DataPaths, stage: string, options: { log: string; rebuild?: boolean }): () => void {
  const shared = options.log.startsWith("kafka");
  return lockStage(paths, stage, shared && !options.rebuild ? "shared" : "alone");
}

/** The pid that the winner wrote; one that won just now writes it in a moment, over that of one that is gone. */
function holder(pidFile: string): string {
  const until = monotonicMs() + LOCK_LOOK_MS;
  for (;;) {
    const pid = read(pidFile);
    if (lives(pid)) return pid;
    if (monotonicMs() > until) return pid || "unknown";
    Bun.sleepSync(10);
  }
}

function read(pidFile: string): string {
  try {
    return readFileSync(pidFile, "utf8").trim();
  } catch {
    return "";
  }
}
