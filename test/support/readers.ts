/** Other programs that read the archive: Python with pandas, pyarrow, polars, duckdb (.cache/readers). */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./data.ts";

/** TIDEMARK_READERS_PYTHON names another Python that has them. */
export const READERS_PYTHON = process.env.TIDEMARK_READERS_PYTHON ?? join(ROOT, ".cache/readers/bin/python");

/** Why they can't run here; null in CI, where they must, and where they can. */
export function readersMissing(): string | null {
  if (process.env.CI || existsSync(READERS_PYTHON)) return null;
  return "no Python with pandas, pyarrow, polars and duckdb in .cache/readers";
}

/** What each reader counts or reports, once. */
export async function countTicks(data: string): Promise<Record<string, number | string>> {
  const child = Bun.spawn([READERS_PYTHON, join(ROOT, "test/support/readers.py"), join(data, "archive/ticks"), "1"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [text, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if (text === "") throw new Error(error);
  return JSON.parse(text) as Record<string, number | string>;
}

/** Counts again and again until `over`; returns each round. */
export async function countBeside(data: string, over: () => Promise<void>): Promise<Record<string, number | string>[]> {
  const child = Bun.spawn([READERS_PYTHON, join(ROOT, "test/support/readers.py"), join(data, "archive/ticks"), "0"], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  await over();
  child.stdin.end();
  const text = await new Response(child.stdout).text();
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}
