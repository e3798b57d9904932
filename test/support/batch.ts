/** The batch as tests run it, its results and its archive. */
import { afterAll, beforeAll } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Manifest } from "../../scripts/archive/manifest-schema.ts";
import type { Agreement } from "../../scripts/contract/results.ts";
import { ROOT, type Row, sqlite, stored, tempDir } from "./data.ts";
import { run } from "./process.ts";

/** Without DuckDB's extension: the tail is read through bun:sqlite in a child. */
export const NO_EXTENSION = { TIDEMARK_SQLITE_EXTENSION: "none" };

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

/** The newest good rows of a metric. */
export function resultRows<T = Row>(data: string, metric: string): T[] {
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

/** A folder of some of the metrics that Tidemark has: a batch over all takes twice the CPU time. */
export const someMetrics = (...names: string[]) =>
  metricFolder(
    Object.fromEntries(names.map((name) => [name, readFileSync(join(ROOT, `sql/metrics/${name}.sql`), "utf8")])),
  );

/** As `stored()`, after one batch over these metric files. Throws if it or one of them fails. */
export async function batched(files: Record<string, string>): ReturnType<typeof stored> {
  const data = await stored();
  using folder = metricFolder(files);
  const { code, stderr, json } = await batch(data.path, ["--sql", folder.path]);
  if (code !== 0 || json.failed.length > 0) throw new Error(stderr || JSON.stringify(json.failed));
  return data;
}

/** Counts and sums that change when a tick is lost, doubled or altered. */
export const FINGERPRINT = `SELECT count(*) AS ticks, count(DISTINCT (product_id, trade_id)) AS ids, sum(price) AS prices,
  sum(last_size) AS sizes, sum(price * last_size) AS notional, sum(log_offset) AS offsets, count(DISTINCT insert_id) AS inserts FROM ticks`;

/** `batched` before the tests of a file, and a folder for what they write; both are removed after them. */
export function batchedBefore(files: Record<string, string>): { readonly path: string; readonly out: string } {
  let data: Awaited<ReturnType<typeof stored>>;
  const out = tempDir();
  beforeAll(async () => {
    data = await batched(files);
  });
  afterAll(() => {
    data[Symbol.dispose]();
    out[Symbol.dispose]();
  });
  return {
    get path() {
      return data.path;
    },
    out: out.path,
  };
}
