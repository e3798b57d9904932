/** Other programs that read the archive: Python with pandas, pyarrow, polars, duckdb (.cache/readers). */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./data.ts";
import { runToEnd, startProgram } from "./process.ts";

/** TIDEMARK_READERS_PYTHON names another Python that has them. */
export const READERS_PYTHON = process.env.TIDEMARK_READERS_PYTHON ?? join(ROOT, ".cache/readers/bin/python");

/** Why they can't run here; null in CI, where they must, and where they can. */
export function readersMissing(): string | null {
  if (process.env.CI || existsSync(READERS_PYTHON)) return null;
  return "no Python with pandas, pyarrow, polars and duckdb in .cache/readers";
}

const command = (data: string, rounds: "1" | "0") => [
  READERS_PYTHON,
  join(ROOT, "test/support/readers.py"),
  join(data, "archive/ticks"),
  rounds,
];

/** What each reader counts or reports, once. */
export async function countTicks(data: string): Promise<Record<string, number | string>> {
  const { stdout, stderr } = await runToEnd(command(data, "1"));
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as Record<string, number | string>;
}

/** Counts again and again until `over`; returns each round. */
export async function countBeside(data: string, over: () => Promise<void>): Promise<Record<string, number | string>[]> {
  const child = startProgram(command(data, "0"), { stdin: "pipe" });
  await over();
  child.stdin.end();
  await child.ended;
  const text = child.printed();
  if (text === "") throw new Error(child.said());
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}
