/** Data directories of tests: the recorded hour, logs and stores filled with it, and their rows. */
import { Database } from "bun:sqlite";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { openDataDir } from "../../scripts/base/data-dir.ts";
import { createLogger } from "../../scripts/base/logger.ts";
import { runProgram } from "../../scripts/base/process.ts";
import type { Histograms } from "../../scripts/contract/measures.ts";
import { openLog } from "../../scripts/log/open.ts";
import { run } from "./process.ts";

export const ROOT = join(import.meta.dir, "../..");
export const RECORDING = join(ROOT, "data/recordings/coinbase-btc-usd-2023-09-05T16.jsonl.gz");
export const quiet = createLogger("test", { verbose: false });
quiet.level = "silent";

/** A fresh directory; `using` removes it. */
export function tempDir(): { path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), "tidemark-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** The page size in a SQLite file's header (sqlite.org/fileformat2.html). */
export function pageBytesOf(file: Buffer): number {
  return file.readUInt16BE(16);
}

/** A recording's messages; the recorded hour has 13,197. */
export function recordedLines(file = RECORDING): string[] {
  return gunzipSync(readFileSync(file)).toString().trimEnd().split("\n");
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

/** Unpacks a .tar.gz of the repository into a folder. */
export function unpackInto(folder: string, archive: string): void {
  const { code, stderr } = runProgram(["tar", "-xzf", archive, "-C", folder]);
  if (code !== 0) throw new Error(stderr);
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

/** Appends `lines` to the log, and the named stages read it to its end; `flags` are the stream's. */
export async function follow(
  data: string,
  lines: string[],
  stages: ("stream" | "consume")[] = ["stream", "consume"],
  flags: string[] = [],
): Promise<void> {
  await fillLog(data, lines);
  for (const stage of stages) {
    const more = stage === "stream" ? flags : [];
    const { code, stderr } = await run(stage, ["--data", data, "--until-end", ...more]);
    if (code !== 0) throw new Error(stderr);
  }
}

/** As `follow`, and then one batch over `sql`, the folder of metrics; its exit status is not checked. */
export async function runPath(data: string, lines: string[], sql?: string): Promise<void> {
  await follow(data, lines);
  await run("batch", ["--data", data, ...(sql ? ["--sql", sql] : [])]);
}

export const STORED_TICKS = 3_002;
const templates = new Map<string, Promise<string>>();

/**
 * A copy of a directory that `fill` fills once per test process: what several tests begin with. Its
 * times are as old as the first copy.
 */
export async function copyOf(
  name: string,
  fill: (data: string) => Promise<unknown>,
): Promise<{ path: string; [Symbol.dispose](): void }> {
  const template = templates.getOrInsertComputed(name, async () => {
    const path = mkdtempSync(join(tmpdir(), "tidemark-"));
    process.on("exit", () => rmSync(path, { recursive: true, force: true }));
    await fill(path);
    return path;
  });
  const dir = tempDir();
  cpSync(await template, dir.path, { recursive: true });
  return dir;
}

/**
 * A copy of a directory with 3,000 recorded ticks, a late one, a duplicate, rubbish and a second
 * product: 3,002 ticks stored, no batch yet.
 */
export const stored = () => copyOf("stored", (data) => follow(data, troubledLines(3_000)));

export type Row = Record<string, string | number | null>;

/** Runs SQL on one of a directory's SQLite files. DuckDB is never in a test's process. */
export function sqlite<T = Row>(data: string, file: string, sql: string): T[] {
  const db = new Database(join(data, file));
  try {
    db.run("PRAGMA busy_timeout = 10000");
    return db.query<T, []>(sql).all();
  } finally {
    db.close();
  }
}

/** One query over a file that a stage may not have created yet: [] until then. */
export function rowsOf<T>(data: string, file: string, sql: string): T[] {
  if (!existsSync(join(data, file))) return [];
  try {
    return sqlite<T>(data, file, sql);
  } catch (error) {
    if (String(error).includes("no such table")) return [];
    throw error;
  }
}

/** How many records a stage has committed, over all partitions. */
export function committedRecords(data: string, file: string): number {
  return rowsOf<{ n: number }>(data, file, "SELECT coalesce(sum(next_offset), 0) AS n FROM offsets")[0]?.n ?? 0;
}

/** What stream has counted since it began; {} before its first commit. */
export function histogramsOf(data: string): Histograms {
  const sql = "SELECT histograms FROM measure_slices WHERE slice_us = 0";
  return JSON.parse(rowsOf<{ histograms: string }>(data, "windows.db", sql)[0]?.histograms ?? "{}");
}

/** Every file below a folder, as text by relative path. */
export function filesBelow(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return Object.fromEntries(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, "latin1")]));
}
