/** `serve` as a process of its own, over a data directory that the whole path has filled. */
import { join } from "node:path";
import { ROOT, runPath, tempDir } from "./data.ts";

export interface Served {
  url: string;
  data: string;
  /** What it printed on stderr so far. */
  said(): string;
  /** Stops serve and starts it again on the same port. */
  restart(pause_ms?: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
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
