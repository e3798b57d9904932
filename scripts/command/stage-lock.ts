/** The lock of a stage on a data directory: an open SQLite transaction, which ends with its process. */
import { Database } from "bun:sqlite";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeAtomically } from "../base/atomic-file.ts";
import { monotonicMs } from "../base/clock.ts";
import type { DataPaths } from "../base/data-dir.ts";
import { systemCode, TidemarkError } from "../base/errors.ts";
import { LOCK_LOOK_MS } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import { holderOfRemoved, lives } from "../base/process.ts";
import { storeError } from "../base/sqlite.ts";
import { pause } from "../base/wait.ts";

/** Alone, or shared with others that share it. */
type Mode = "alone" | "shared";

/** A garbage-collected Database drops its lock: a reference is kept until the release. */
const held = new Set<Database>();

/** Takes the stage's lock or fails with STAGE_BUSY, naming a holder's pid. Returns the release. */
export function lockStage(paths: DataPaths, stage: string, mode: Mode = "alone"): () => void {
  const file = join(paths.locks, `${stage}.lock`);
  const pidFile = join(paths.locks, `${stage}.pid`);
  const holding = existsSync(file) ? null : holderOfRemoved(file);
  if (holding !== null) throw busy(paths, stage, `${holding}; its lock file was removed`);
  const db = openLock(file);
  try {
    // A process that is refused holds the lock for an instant, which must not refuse one that shares it.
    db.exec(`PRAGMA busy_timeout = ${mode === "alone" ? 0 : LOCK_LOOK_MS}`);
    if (mode === "alone") db.exec("BEGIN EXCLUSIVE");
    else db.exec("BEGIN; SELECT count(*) FROM sqlite_schema");
  } catch (error) {
    db.close();
    if (!/BUSY|LOCKED/.test(systemCode(error))) throw storeError(file, error);
    throw busy(paths, stage, holder(pidFile));
  }
  held.add(db);
  try {
    writeAtomically(pidFile, `${process.pid}\n`, { isDurable: false });
  } catch {
    // The pid only improves the sentence of a refusal.
  }
  return () => {
    held.delete(db);
    db.close();
  };
}

/** Interval at which a lock that another process holds is tried again. */
const FREE_LOOK_MS = 200;

/** The same, but waits while another process holds it, which a line reports; null after the signal. */
export async function lockStageOnceFree(
  paths: DataPaths,
  stage: string,
  { logger, signal }: { logger: Logger; signal: AbortSignal },
): Promise<(() => void) | null> {
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    try {
      return lockStage(paths, stage);
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== "STAGE_BUSY") throw error;
      if (isFirst) logger.info(`${error.message} Waiting for its end.`);
    }
    await pause(FREE_LOOK_MS, signal);
  }
  return null;
}

function busy(paths: DataPaths, stage: string, pid: string): TidemarkError {
  return new TidemarkError(
    "STAGE_BUSY",
    `Another ${stage} (pid ${pid}) already works on ${paths.root}.`,
    "Stop it first, or choose another data directory with --data DIR.",
  );
}

function openLock(file: string): Database {
  try {
    return new Database(file, { create: true });
  } catch (error) {
    throw storeError(file, error);
  }
}

/**
 * The lock of a stage that reads a log: alone on the embedded log and for a rebuild, shared on Kafka,
 * where the partitions are divided among processes.
 */
export function lockForLog(paths: DataPaths, stage: string, options: { log: string; rebuild?: boolean }): () => void {
  const shared = options.log.startsWith("kafka");
  return lockStage(paths, stage, shared && !options.rebuild ? "shared" : "alone");
}

/** The holder's pid. One that has just taken the lock may not have written it yet. */
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
