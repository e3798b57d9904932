/** `serve` as a process of its own, over a data directory that the whole path has filled. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, runPath, tempDir } from "./data.ts";
import { commandOf, type Stage, startProgram, until } from "./process.ts";

export interface Served {
  url: string;
  data: string;
  /** What it printed on stderr so far. */
  said(): string;
  signal: Stage["signal"];
  /** More messages, and another batch over the same metrics. */
  play(lines: string[]): Promise<void>;
  /** Stops serve and starts it again on the port that it was started with; `meanwhile` it is away. */
  restart(meanwhile?: () => Promise<unknown>): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startServe(
  data: string,
  port = 0,
  env: Record<string, string> = {},
  more: string[] = [],
): Promise<{ url: string; child: Stage; said(): string }> {
  const child = startProgram(commandOf("serve", ["--data", data, "--port", String(port), ...more]), { env });
  return { url: await addressOf(child), child, said: child.said };
}

/** The address that a starting serve prints, without the / at its end. */
export async function addressOf(child: Stage): Promise<string> {
  await until("serve's address", () => child.printed().includes("\n") || !child.isRunning(), { said: child.said });
  const url = child.printed().trim();
  if (!url.startsWith("http")) throw new Error(`serve printed ${url} ${child.said()}`);
  return url.replace(/\/$/, "");
}

/** A folder with the metrics of which charts and verdicts are made: a batch is faster, a page smaller. */
export function chartMetrics(): string {
  const sql = mkdtempSync(join(tmpdir(), "tidemark-sql-"));
  process.on("exit", () => rmSync(sql, { recursive: true, force: true }));
  for (const name of ["reconciliation", "summary_by_product", "windows_by_minute"])
    cpSync(join(ROOT, "sql/metrics", `${name}.sql`), join(sql, `${name}.sql`));
  return sql;
}

/**
 * serve over a directory that is filled with `lines`; with none it is empty. Who restarts it passes a
 * port that no other process is given meanwhile.
 */
export async function served(lines: string[], sql?: string, port = 0): Promise<Served> {
  const dir = tempDir();
  if (lines.length > 0) await runPath(dir.path, lines, sql);
  let now = await startServe(dir.path, port);
  return {
    url: now.url,
    data: dir.path,
    said: () => now.said(),
    play: (lines) => runPath(dir.path, lines, sql),
    signal: (name) => now.child.signal(name),
    async restart(meanwhile = async () => {}) {
      if (port === 0) throw new Error("any port may be another process's meanwhile");
      await now.child.stop();
      await meanwhile();
      now = await startServe(dir.path, port);
    },
    async [Symbol.asyncDispose]() {
      await now.child.stop();
      dir[Symbol.dispose]();
    },
  };
}
