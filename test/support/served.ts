/** A data directory that the whole path has filled, and `serve` over it as a process of its own. */
import { join } from "node:path";
import { fillLog, ROOT, recordedLines, run, tempDir } from "./project.ts";

export interface Served {
  url: string;
  data: string;
  /** What it printed on stderr so far. */
  said(): string;
  /** Stops serve and starts it again on the same port. */
  restart(pause_ms?: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A product's name as an attacker would choose it. */
export const EVIL = '"><img src=x onerror=alert(1)>';

/**
 * The recorded hour's beginning with a duplicate, a late tick, rubbish, and another product with an
 * evil name.
 */
export function troubledLines(count: number): string[] {
  const lines = recordedLines().slice(0, count);
  const late = lines[10]!.replace('"trade_id":11,', '"trade_id":900011,');
  const evil = lines[20]!.replace('"product_id":"BTC-USD"', `"product_id":${JSON.stringify(EVIL)}`);
  return [...lines, lines[3]!, "rubbish <b>", late, evil];
}

/** Appends the lines and runs stream, consume and batch to the log's end. */
export async function runPath(data: string, lines: string[], sql?: string): Promise<void> {
  await fillLog(data, lines);
  for (const name of ["stream", "consume"]) {
    const { code, stderr } = await run(name, ["--data", data, "--until-end"]);
    if (code !== 0) throw new Error(stderr);
  }
  await run("batch", ["--data", data, ...(sql ? ["--sql", sql] : [])]);
}

export async function startServe(
  data: string,
  port = 0,
  env: Record<string, string> = {},
  more: string[] = [],
): Promise<{ url: string; child: Bun.Subprocess; said(): string }> {
  const command = [process.execPath, join(ROOT, "scripts/serve.ts"), "--data", data, "--port", String(port), ...more];
  const child = Bun.spawn(command, {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...env },
  });
  let said = "";
  void (async () => {
    for await (const chunk of child.stderr) said += new TextDecoder().decode(chunk);
  })();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  const url = new TextDecoder().decode(value).trim();
  if (!url.startsWith("http")) throw new Error(`serve printed ${url} ${said}`);
  return { url: url.replace(/\/$/, ""), child, said: () => said };
}

/** serve over a directory that is filled with `lines`; with none it is empty. */
export async function served(lines: string[], sql?: string): Promise<Served> {
  const dir = tempDir();
  if (lines.length > 0) await runPath(dir.path, lines, sql);
  let now = await startServe(dir.path);
  const stop = async () => {
    now.child.kill("SIGTERM");
    await now.child.exited;
  };
  return {
    url: now.url,
    data: dir.path,
    said: () => now.said(),
    async restart(pause_ms = 0) {
      const port = Number(new URL(now.url).port);
      await stop();
      await Bun.sleep(pause_ms);
      now = await startServe(dir.path, port);
    },
    async [Symbol.asyncDispose]() {
      await stop();
      dir[Symbol.dispose]();
    },
  };
}
