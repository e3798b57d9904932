/** Stages as processes that run until they get a signal, and what they stored. */
import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./project.ts";
import { until as look } from "./until.ts";

export interface Stage {
  readonly pid: number;
  /** What it said so far. */
  said(): string;
  signal(name: NodeJS.Signals): void;
  /** The exit status, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** Of the present test. */
const started = new Set<Stage>();

/** For afterEach: a test that failed leaves no process behind, not even a sleeping one. */
export function killStages(): void {
  for (const stage of started) stage.signal("SIGKILL");
  started.clear();
}

/** Starts a command that follows a log. */
export function startStage(name: string, args: string[], env: Record<string, string> = {}): Stage {
  const child = Bun.spawn([process.execPath, join(ROOT, "scripts", `${name}.ts`), ...args], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { ...process.env, ...env },
  });
  let said = "";
  const reading = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) said += text;
  })();
  const stage: Stage = {
    pid: child.pid,
    said: () => said,
    signal: (signal) => child.kill(signal),
    ended: Promise.all([child.exited, reading]).then(() => child.signalCode ?? child.exitCode ?? -1),
  };
  started.add(stage);
  return stage;
}

/** Waits until something holds; fails with `what`, and with what the stages said. */
export function until(what: string, holds: () => boolean | Promise<boolean>): Promise<boolean> {
  return look(what, holds, { said: () => [...started].map((stage) => stage.said()).join("\n") });
}

/** One query over a stage's file; [] while the file isn't there. */
export function rowsOf<T>(data: string, file: string, sql: string): T[] {
  const path = join(data, file);
  if (!existsSync(path)) return [];
  const db = new Database(path, { readonly: true });
  try {
    db.exec("PRAGMA busy_timeout = 5000");
    return db.query<T, []>(sql).all();
  } catch (error) {
    if (String(error).includes("no such table")) return [];
    throw error;
  } finally {
    db.close();
  }
}

/** How many records a stage has committed, over all partitions. */
export function committedRecords(data: string, file: string): number {
  return rowsOf<{ n: number }>(data, file, "SELECT coalesce(sum(next_offset), 0) AS n FROM offsets")[0]?.n ?? 0;
}
