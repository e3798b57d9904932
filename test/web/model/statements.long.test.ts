/** Answers do not grow with history: every statement of the page reads a bounded number of rows. */

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { logEnds } from "../../../scripts/log/ends.ts";
import { AskedLog } from "../../../web/model/log-view.ts";
import { Sources } from "../../../web/model/sources.ts";
import { StoreFile } from "../../../web/model/store-file.ts";
import { type ShownWindow, windows } from "../../../web/model/windows.ts";
import { serve } from "../../../web/server.ts";
import { quiet, ROOT, runPath, sqlite, tempDir, troubledLines } from "../../support/data.ts";
import { addHistory, LARGE_TABLES } from "../../support/long-history.ts";

setDefaultTimeout(120_000);

/** More than 720 windows of the widest kind, or 1,500 runs; each large table has twice that, or more. */
const BYTES_MAX = 2_000_000;
/** Statements that read a whole table, and why they may. */
const WHOLE: Record<string, string> = {};

interface Executed {
  sql: string;
  path: string;
  /** Most bytes that one execution of the second round read from files. */
  bytes: number;
}
const executed = new Map<string, Executed>();
let round = 0;

/** Bytes that this process has read, from SQLite's files above all. */
const bytesRead = () => Number(/^rchar: (\d+)/.exec(readFileSync("/proc/self/io", "utf8"))![1]);
const plain = { all: StoreFile.prototype.all, get: StoreFile.prototype.get };

/** Notes what each statement that goes through StoreFile reads. */
function watch(): void {
  for (const name of ["all", "get"] as const) {
    const noted = function (this: StoreFile, sql: string, parameters?: never) {
      const before = bytesRead();
      try {
        return (plain[name] as (sql: string, parameters?: never) => unknown).call(this, sql, parameters);
      } finally {
        const bytes = round === 2 ? bytesRead() - before : 0;
        const known = executed.get(sql)?.bytes ?? 0;
        executed.set(sql, { sql, path: this.path, bytes: Math.max(known, bytes) });
      }
    };
    StoreFile.prototype[name] = noted as never;
  }
}

const data = tempDir();
const paths = dataPaths(data.path);
const log = new AskedLog("embedded:", logEnds("embedded:", paths, quiet), quiet);
let served: ReturnType<typeof serve>;

const PATHS = [
  "/",
  "/?product=ETH-USD",
  "/?product=NONE",
  "/healthz",
  "/metrics",
  "/api/status",
  "/api/comparison",
  "/api/reconciliation",
  "/api/metrics/vwap",
  "/window/BTC-USD@2023-09-05T16:02/1m",
  "/api/explain/BTC-USD%402023-09-05T16%3A00%2F1m",
  ..."?;?product=BTC-USD;?window=1m;?product=BTC-USD&window=1m;?product=NONE;?window=1h;?limit=5&to=2023-09-05T00:00:00Z"
    .split(";")
    .map((query) => `/api/windows${query}`),
  ..."?;?window=5m;?window=1h;?range=6h;?product=ETH-USD&range=15m;?from=2023-09-01T00:00:00Z&to=2023-09-01T06:00:00Z"
    .split(";")
    .map((query) => `/api/chart${query}`),
  "/metric/vwap",
  ...[
    "BTC-USD@2023-09-05T16:00/1m",
    "BTC-USD@2023-09-05T16:04/1m",
    "BTC-USD@2023-09-05T16:00/5m",
    "BTC-USD@2020-01-01T00:00/1m",
  ].flatMap((id) => [
    `/window/${id}`,
    `/api/explain/${encodeURIComponent(id)}`,
    `/api/explain/${encodeURIComponent(id)}?limit=1`,
  ]),
];

/** Requests everything once, and follows /events from a position that has missed each window. */
async function request(): Promise<void> {
  round++;
  for (const path of PATHS) expect([path, (await fetch(new URL(path, served.url))).status]).not.toEqual([path, 500]);
  await heard({}, "?of=BTC-USD/5m&of=ETH-USD/1m&title=NONE/1m");
  const [, epoch, change_id, run_id] = /^id: (\w+)\.(\d+)\.(\d+)\./m.exec(await heard({}))!;
  await heard({ "Last-Event-ID": `${epoch}.0` });
  await heard({ "Last-Event-ID": `${epoch}.${Number(change_id) - 1}.${run_id}` });
}

/** What /events sends first. */
async function heard(headers: Record<string, string>, query = ""): Promise<string> {
  const stop = new AbortController();
  const answer = await fetch(new URL(`/events${query}`, served.url), { headers, signal: stop.signal });
  let text = "";
  for await (const piece of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (/^id: \w+\./m.test(text)) break;
  }
  stop.abort();
  return text;
}

beforeAll(async () => {
  await runPath(data.path, troubledLines(1_500));
  addHistory(data.path);
  served = serve(paths, { host: "127.0.0.1", port: 0, log, logger: quiet });
  watch();
  await request();
  // What is kept of the first round, until the next run, is made again.
  sqlite(data.path, "results.db", "INSERT INTO runs (state, pid, started_us, ended_us) VALUES ('done', 1, 1, 2)");
  await request();
});
afterAll(async () => {
  Object.assign(StoreFile.prototype, plain);
  await served.stop();
  log.close();
  data[Symbol.dispose]();
});

test.if(process.platform === "linux")("no statement reads more of a long history than it shows", () => {
  const large = [...executed.values()].filter(({ sql, bytes }) => bytes > BYTES_MAX && !(sql in WHOLE));
  expect(large).toEqual([]);
  expect(Object.keys(WHOLE).filter((sql) => !executed.has(sql))).toEqual([]);
});

test("no plan walks a large table and then sorts it, or without a limit", () => {
  const wrong: string[] = [];
  for (const { sql, path } of executed.values()) {
    if (sql in WHOLE) continue;
    const db = new Database(path, { readonly: true });
    const steps = db
      .query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => detail);
    db.close();
    // What a part of the plan has made is as small as that part.
    const made = steps.flatMap((step) => /^(?:CO-ROUTINE|MATERIALIZE) (.+)$/.exec(step)?.[1] ?? []);
    const scanned = steps.flatMap((step) => /^SCAN (\S+)/.exec(step)?.[1] ?? []).filter((name) => !made.includes(name));
    const aliases = [...sql.matchAll(/\b(?:FROM|JOIN) (\w+)(?: (?:AS )?(\w+))?/g)].map(([, table, alias]) => [
      alias,
      table,
    ]);
    const tables = scanned.map((name) => aliases.find(([alias]) => alias === name)?.[1] ?? name);
    const isLarge = tables.some((name) => LARGE_TABLES.includes(name));
    const isSorted = steps.some((step) => /^USE TEMP B-TREE FOR (ORDER|GROUP|DISTINCT)/.test(step));
    if (isLarge && (isSorted || !/\bLIMIT\b/.test(sql))) wrong.push(`${sql}\n${steps.join("\n")}`);
  }
  expect(wrong).toEqual([]);
});

test("every statement in web/model and sql/page is among those that ran", () => {
  const ran = [...executed.keys()].join("\n");
  const files = readdirSync(join(ROOT, "sql/page")).filter((name) => !name.startsWith("export_"));
  const page = files.map((name) => readFileSync(join(ROOT, "sql/page", name), "utf8"));
  // The archive's ticks are read in a process with DuckDB.
  const own_files = readdirSync(join(ROOT, "web/model")).filter((name) => name !== "archived-ticks.ts");
  const model = own_files.map((name) => readFileSync(join(ROOT, "web/model", name), "utf8"));
  const literals = model.flatMap((text) =>
    [...text.matchAll(/(["`])((?:SELECT|WITH)\b(?:(?!\1|\$\{)[\s\S])*)/g)].map(([, , sql]) => sql!),
  );
  expect(literals.length).toBeGreaterThan(20);
  // StoreFile's own questions when it opens: whether a stage has made its tables, and when.
  const own = [
    "SELECT 1 FROM sqlite_master WHERE name = 'counters' OR name = 'runs'",
    "SELECT value FROM settings WHERE name = 'created'",
  ];
  expect([...page, ...literals].filter((sql) => !own.includes(sql) && !ran.includes(sql.trim()))).toEqual([]);
});

/** The same windows as `windows` returns, by reading and sorting all of them. */
const ALL = `SELECT w.product_id, w.size_us, w.window_start, coalesce(r.trade_count - w.trade_count, 0) AS late,
    min(w.missing, coalesce(r.missing, w.missing)) AS missing
  FROM windows w LEFT JOIN window_revisions r
    ON r.product_id = w.product_id AND r.size_us = w.size_us AND r.window_start_us = w.window_start_us
    AND r.revision = (SELECT max(n.revision) FROM window_revisions n WHERE n.product_id = w.product_id
      AND n.size_us = w.size_us AND n.window_start_us = w.window_start_us)
  WHERE ($product IS NULL OR w.product_id = $product) AND ($size_us IS NULL OR w.size_us = $size_us)
    AND ($from_us IS NULL OR w.window_start_us >= $from_us) AND ($to_us IS NULL OR w.window_start_us < $to_us)
  ORDER BY w.window_start_us DESC, w.product_id, w.size_us LIMIT $limit`;

test("each answer is that of a statement which reads and sorts all windows", () => {
  const sources = new Sources(paths, log);
  const newest_us = 1_693_929_600_000_000;
  for (const product of [null, "BTC-USD", "ETH-USD", "NONE"])
    for (const size_us of [null, 60_000_000, 3_600_000_000, 7])
      for (const [from_us, to_us, limit] of [
        [null, null, 100],
        [null, null, 1],
        [newest_us - 6e9, newest_us - 3e9, 40],
        [newest_us - 3e9, null, 10_000],
        [null, newest_us - 1_000_000e6, 10_000],
      ] as const) {
        const query = { product, size_us, from_us, to_us, limit };
        const expected = sources.windows.all<ShownWindow>(ALL, query);
        const found = windows(sources, query).map((row) => [row.product_id, row.window_start, row.late, row.missing]);
        const asked = JSON.stringify(query);
        expect([asked, found]).toEqual([
          asked,
          expected.map((row) => [row.product_id, row.window_start, row.late, row.missing]),
        ]);
      }
  sources.close();
});
