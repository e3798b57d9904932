/** A windows.db that is damaged while pages and downloads are open: sentences, and no stack trace. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { API_ROWS_MAX } from "../../../scripts/base/limits.ts";
import { pageBytesOf, recordedLines, runPath, tempDir } from "../../support/data.ts";
import { feed } from "../../support/health-states.ts";
import { until } from "../../support/process.ts";
import { startServe } from "../../support/served.ts";

setDefaultTimeout(120_000);

const calm = tempDir();
beforeAll(() => runPath(calm.path, recordedLines().slice(0, 300)));
afterAll(() => calm[Symbol.dispose]());

/** Runs SQL on a stage's file as another process would, and leaves all of it in the file itself. */
function edit(data: string, sql: string, file = "windows.db"): void {
  const db = new Database(join(data, file));
  db.exec(`PRAGMA busy_timeout = 5000; ${sql}; PRAGMA wal_checkpoint(TRUNCATE)`);
  db.close();
}

/** Overwrites pages of the file: the first one's number, from 0, and how many. Page 0 has the schema. */
function overwrite(data: string, which: (bytes: Buffer) => [first: number, count: number]): void {
  const path = join(data, "windows.db");
  edit(data, "SELECT 1");
  for (const ending of ["-wal", "-shm"]) rmSync(path + ending, { force: true });
  const bytes = readFileSync(path);
  const [first, count] = which(bytes);
  const page = pageBytesOf(bytes);
  bytes.fill(7, first * page, Math.min(bytes.length, (first + count) * page));
  writeFileSync(path, bytes);
}

/** serve over a copy of the directory; it may print no stack trace. */
async function opened(work: (served: { url: string; data: string; said(): string }) => Promise<void>): Promise<void> {
  using dir = tempDir();
  cpSync(calm.path, dir.path, { recursive: true });
  const { url, child, said } = await startServe(dir.path);
  try {
    await work({ url, data: dir.path, said });
  } finally {
    await child.stop();
  }
  expect(said()).not.toMatch(/^\s+at |Error/m);
}

test.each([
  ["all pages", 0],
  ["all tables", 1],
])("%s overwritten under an open page: the page shows it, every path answers, no stack trace", (_, first) =>
  opened(async ({ url, data }) => {
    const events = await fetch(`${url}/events`);
    const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
    await reader.read();
    overwrite(data, () => [first, 10_000]);
    let heard = "";
    await until("the open page shows it", async () => {
      heard += (await reader.read()).value ?? "";
      return heard.includes("windows.db is damaged");
    });
    for (const path of ["/", "/metrics", "/api/status"]) expect((await fetch(url + path)).status).toBe(200);
    expect((await fetch(`${url}/healthz`)).status).toBe(503);
    for (const path of ["/api/windows", "/api/comparison", "/export/windows.csv"]) {
      const answer = await fetch(url + path);
      const { error } = await answer.json();
      expect([path, answer.status, error.message]).toEqual([
        path,
        503,
        expect.stringContaining("windows.db is damaged"),
      ]);
    }
    await reader.cancel();
  }),
);

test("a setting that is not JSON: the page shows it, and what needs the setting is a 503", () =>
  opened(async ({ url, data }) => {
    edit(data, "UPDATE settings SET value = '[{' WHERE name = 'windows'");
    const page = await fetch(url);
    expect([page.status, await page.text()]).toEqual([
      200,
      expect.stringMatching(/windows\.db can.*t be read as expected: JSON/),
    ]);
    expect((await fetch(`${url}/api/windows`)).status).toBe(200);
    const refused = await fetch(`${url}/api/comparison`);
    expect([refused.status, (await refused.json()).error.code]).toEqual([503, "STORE_CORRUPT"]);
  }));

test.each([
  ["null", "{}", "[null]"],
  [
    "[1]",
    '{"positions":{},"collected_to":0,"store_created":"","newest_us":{},"waiting_us":{},"unreceived":0,"histograms":{"pipeline":1}}',
    "{}",
  ],
  ['{"pipeline":[[1]]}', "null", '[{"slice_us":0,"histograms":null}]'],
])("measures of the wrong shape are left out, and every path answers: %s, %s, %s", (histograms, snapshot, measures) =>
  opened(async ({ url, data }) => {
    const text = (value: string) => `'${value}'`;
    edit(data, `UPDATE measure_slices SET histograms = ${text(histograms)}`);
    edit(data, `UPDATE runs SET snapshot = ${text(snapshot)} WHERE state = 'done'`, "results.db");
    feed(data, { measures });
    for (const path of ["/", "/metrics", "/api/comparison"])
      expect([path, (await fetch(url + path)).status]).toEqual([path, 200]);
    const { words } = await (await fetch(`${url}/api/comparison`)).json();
    const find = (name: string) => words.find(({ word }: { word: string }) => word === `${name}, since start`);
    expect(find("feed latency").stream.note).toContain("damaged");
    expect([find("ingest latency").stream.values, find("pipeline latency").batch.values]).toEqual([null, null]);
  }),
);

test("all tables overwritten during a download: it is cut off, never short, with one line on stderr", () =>
  opened(async ({ url, data, said }) => {
    addOlder(data, 8 * API_ROWS_MAX);
    const answer = await fetch(`${url}/export/windows.csv`);
    expect(answer.status).toBe(200);
    const reader = answer.body!.getReader();
    await reader.read();
    overwrite(data, () => [1, 100_000]);
    const readAll = async () => {
      while (!(await reader.read()).done);
      return "whole";
    };
    expect(await readAll().catch(() => "cut off")).toBe("cut off");
    await until("the line", () => said().includes("/export/windows.csv is cut off: "));
    expect(said().trim().split("\n")).toEqual([expect.stringContaining("windows.db is damaged")]);
  }));

/** Copies of the oldest window, each an hour before the last one. */
function addOlder(data: string, count: number): void {
  const db = new Database(join(data, "windows.db"));
  const columns = db.query<{ name: string }, []>("PRAGMA table_info(windows)").all();
  db.close();
  const older: Record<string, string> = {
    window_start_us: "window_start_us - n * 3600000000",
    window_start: "strftime('%FT%T.000000Z', window_start, '-' || n || ' hours')",
  };
  edit(
    data,
    `WITH RECURSIVE times (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM times WHERE n < ${count})
     INSERT INTO windows SELECT ${columns.map(({ name }) => older[name] ?? name).join(", ")}
     FROM (SELECT * FROM windows ORDER BY window_start_us LIMIT 1), times`,
  );
}
