/** What is done to a path, each as a function of it; `hold` waits for the length of the fault. */
import { Database } from "bun:sqlite";
import { existsSync, statSync } from "node:fs";
import { spawnProgram } from "../base/process.ts";
import { pause } from "../base/wait.ts";
import type { TruthName } from "./cell-judge.ts";
import { cpuUse } from "./machine-use.ts";
import type { RealPath } from "./real-path.ts";

/** Resolves with what else is known of the fault. */
type Injection = (path: RealPath, hold: () => Promise<void>) => Promise<Partial<Record<TruthName, number>>>;

/** A run that is stopped this long after its start is in the middle of its work. */
const RUN_MS = 350;
/** A busy process that uses only what the others leave, and ends with its parent. */
const BURN = "while kill -0 $PPID; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; done";

const stopped =
  (name: "stream" | "consume"): Injection =>
  async (path, hold) => {
    path.signal(name, "SIGSTOP");
    await hold().finally(() => path.signal(name, "SIGCONT"));
    return {};
  };

export const INJECTIONS = {
  nothing: async (_, hold) => {
    await hold();
    return {};
  },

  /** The write lock of log.db is held: produce can append nothing. */
  "log stalled": async (path, hold) => {
    using db = new Database(path.paths.log);
    db.exec("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE");
    await hold();
    db.exec("ROLLBACK");
    return {};
  },

  "stream stopped": stopped("stream"),
  "consume stopped": stopped("consume"),

  "stream killed": async (path, hold) => {
    path.signal("stream", "SIGKILL");
    await path.ended("stream");
    await hold();
    path.launch("stream");
    return {};
  },

  "run in progress": async (path, hold) => {
    await path.idle;
    const run = path.runBatch();
    await Promise.race([pause(RUN_MS), run]);
    path.signal("batch", "SIGSTOP");
    await hold().finally(() => path.signal("batch", "SIGCONT"));
    await run;
    return {};
  },

  "feed ended": async (path, hold) => {
    await path.ended("produce");
    await hold();
    return {};
  },

  /** The snapshot keeps the WAL from being reused; the burner runs at the lowest priority. */
  "machine used": async (path, hold) => {
    using db = new Database(path.paths.windows, { readonly: true });
    db.exec("BEGIN");
    db.query("SELECT count(*) FROM settings").get();
    const burner = spawnProgram(["nice", "-n", "19", "sh", "-c", BURN], {});
    const before = cpuUse(path.pids);
    await hold();
    const after = cpuUse(path.pids);
    const disk_bytes = bytesOf(path.paths.windows);
    await burner.stop(0);
    db.exec("ROLLBACK");
    if (before === null || after === null) return { disk_bytes };
    return { disk_bytes, unattributed_cores: (after.others_s - before.others_s) / (after.at_s - before.at_s) };
  },

  /** A tick that consume has stored is deleted, before a run has read it. */
  "stored tick deleted": async (path, hold) => {
    using db = new Database(path.paths.ticks);
    db.exec("PRAGMA busy_timeout = 5000");
    db.exec("DELETE FROM ticks WHERE trade_id = (SELECT min(trade_id) FROM ticks) AND product_id = 'TRUE-USD'");
    await hold();
    return { dropped: 1 };
  },
} satisfies Record<string, Injection>;

export type InjectionName = keyof typeof INJECTIONS;

/** Of a database and its WAL. */
function bytesOf(path: string): number {
  return [path, `${path}-wal`].reduce((sum, file) => sum + (existsSync(file) ? statSync(file).size : 0), 0);
}
