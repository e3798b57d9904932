/**
 * What many tests need: a data directory that goes away, the recorded hour, a log filled with it, a
 * command run as a process.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { openDataDir } from "../../scripts/base/data-dir.ts";
import { createLogger } from "../../scripts/base/logger.ts";
import { openLog } from "../../scripts/log/open.ts";

export const ROOT = join(import.meta.dir, "../..");
export const RECORDING = join(ROOT, "data/recordings/coinbase-btc-usd-2023-09-05T16.jsonl.gz");
export const quiet = createLogger("test", { verbose: false });
quiet.level = "silent";

/** A fresh directory; `using` removes it. */
export function tempDir(): { path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), "tidemark-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** The recorded hour's 13,197 messages. */
export function recordedLines(): string[] {
  return gunzipSync(readFileSync(RECORDING)).toString().trimEnd().split("\n");
}

/** Appends messages to the log of a data directory, `batch` records an append. */
export async function fillLog(
  data: string,
  lines: string[],
  options: { url?: string; batch?: number; partitions?: number } = {},
) {
  const partitions = options.partitions;
  const log = await openLog(options.url ?? "embedded:", openDataDir(data), {
    role: "writer",
    logger: quiet,
    partitions,
  });
  const encoder = new TextEncoder();
  const size = options.batch ?? 500;
  for (let i = 0; i < lines.length; i += size) {
    const records = lines.slice(i, i + size).map((line) => ({ key: keyOf(line), value: encoder.encode(line) }));
    await log.append(records);
  }
  await log.close();
}

function keyOf(line: string): string {
  return /"product_id":"([^"]*)"/.exec(line)?.[1] ?? "";
}

export interface Ran {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
  /** The object that `--json` ended with. */
  json: Record<string, number>;
}

/** Runs a command of the project to its end. */
export async function run(name: string, args: string[], env: Record<string, string> = {}): Promise<Ran> {
  const child = Bun.spawn([process.execPath, join(ROOT, "scripts", `${name}.ts`), ...args], {
    stdout: "pipe",
    stderr: "pipe",
    stdin: "ignore",
    env: { ...process.env, ...env },
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  let json = {};
  try {
    json = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}");
  } catch {}
  return { code: child.exitCode, signal: child.signalCode as string | null, stdout, stderr, json };
}
