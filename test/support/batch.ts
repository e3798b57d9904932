/** For tests of the batch: a filled data directory, copied for each test, and its files as rows. */
import { Database } from "bun:sqlite";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Manifest } from "../../scripts/archive/manifest-schema.ts";
import type { Agreement } from "../../scripts/contract/results.ts";
import { fillLog, run, tempDir } from "./project.ts";
import { troubledLines } from "./served.ts";

/** Without DuckDB's extension: the tail is read through bun:sqlite in a child. */
export const NO_EXTENSION = { TIDEMARK_SQLITE_EXTENSION: "none" };

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

/** What `batch --json` prints. */
export interface BatchJson {
  records: number;
  metrics: number;
  ticks_new: number;
  ticks_total: number;
  failed: { metric: string; error: string }[];
  reconciliation: Agreement | null;
}

/** `batch --json`; its exit status is not checked. */
export async function batch(data: string, args: string[] = [], env: Record<string, string> = {}) {
  const ran = await run("batch", ["--data", data, "--json", ...args], env);
  return { ...ran, json: ran.json as unknown as BatchJson };
}

export const STORED_TICKS = 3_002;
let template: Promise<string> | undefined;

/**
 * A copy of a directory with 3,000 recorded ticks, a late one, a duplicate, rubbish and a second
 * product: 3,002 ticks stored, no batch yet.
 */
export async function stored(): Promise<{ path: string; [Symbol.dispose](): void }> {
  template ??= (async () => {
    const path = mkdtempSync(join(tmpdir(), "tidemark-"));
    process.on("exit", () => rmSync(path, { recursive: true, force: true }));
    await follow(path, troubledLines(3_000));
    return path;
  })();
  const dir = tempDir();
  cpSync(await template, dir.path, { recursive: true });
  return dir;
}

/** Runs SQL on one of the directory's SQLite files. DuckDB is never in this process, so it may. */
export function sqlite<T = Row>(data: string, file: string, sql: string): T[] {
  const db = new Database(join(data, file));
  try {
    db.run("PRAGMA busy_timeout = 10000");
    return db.query<T, []>(sql).all();
  } finally {
    db.close();
  }
}

export type Row = Record<string, string | number | null>;

/** The newest good rows of a metric. */
export function rowsOf<T = Row>(data: string, metric: string): T[] {
  const [found] = sqlite<{ rows: string }>(data, "results.db", `SELECT rows FROM results WHERE metric = '${metric}'`);
  if (!found) throw new Error(`no result of ${metric}`);
  return JSON.parse(found.rows) as T[];
}

export function manifestOf(data: string): Manifest {
  return JSON.parse(readFileSync(join(data, "archive/manifest.json"), "utf8")) as Manifest;
}

/** A folder of metric files. */
export function metricFolder(files: Record<string, string>): { path: string; [Symbol.dispose](): void } {
  const dir = tempDir();
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(dir.path, `${name}.sql`), sql);
  return dir;
}

/** Counts and sums that change when a tick is lost, doubled or altered. */
export const FINGERPRINT = `SELECT count(*) AS ticks, count(DISTINCT (product_id, trade_id)) AS ids, sum(price) AS prices,
  sum(last_size) AS sizes, sum(price * last_size) AS notional, sum(log_offset) AS offsets, count(DISTINCT insert_id) AS inserts FROM ticks`;

/** Every file below a folder, as text by relative path. */
export function filesBelow(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return Object.fromEntries(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, "latin1")]));
}
