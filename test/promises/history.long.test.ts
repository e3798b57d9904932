/**
 * History beside the feed: killed anywhere it stores the same; the stream's answers, the measures and
 * the reconciliation stay as they are without it.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync } from "node:fs";
import type { RunSnapshot } from "../../scripts/contract/measures.ts";
import { samplesOf } from "../../scripts/measure/buckets.ts";
import { batch, resultRows } from "../support/batch.ts";
import { fillLog, follow, histogramsOf, rowsOf, sqlite, tempDir } from "../support/data.ts";
import { exchange } from "../support/feed.ts";
import { FEED, history, historyPhases, LINES } from "../support/history-phases.ts";
import { run } from "../support/process.ts";

setDefaultTimeout(300_000);

const stored = (data: string) => ({
  ticks: rowsOf(
    data,
    "ticks.db",
    "SELECT product_id, trade_id, time_us, price, last_size, side, source FROM ticks ORDER BY product_id, trade_id",
  ),
  minutes: rowsOf(data, "ticks.db", "SELECT product_id, minute_us FROM history_minutes ORDER BY minute_us"),
  walked: rowsOf(data, "ticks.db", "SELECT * FROM walked"),
});

describe("kill -9 of backfill at every named point", () => {
  const base = tempDir();
  const calm = tempDir();
  const server = exchange({ trades: 300, history: 2_300, linger_ms: 3_600_000 });
  const flags = (data: string) => ["--data", data, "--feed", server.url, "--trades", "2300", "--json"];
  beforeAll(async () => {
    expect((await run("produce", ["--data", base.path, "--feed", server.url, "--until-end"])).code).toBe(0);
    cpSync(base.path, calm.path, { recursive: true });
    const { json, stderr } = await run("backfill", flags(calm.path));
    expect([json.products, stderr]).toMatchObject([[{ loaded: 2_300, trades: 2_300, lacking: 0, end: "trades" }], ""]);
    await run("consume", ["--data", calm.path, "--until-end"]);
  });
  afterAll(async () => {
    await server.stop();
    for (const dir of [base, calm]) dir[Symbol.dispose]();
  });
  for (const point of ["backfill-before-append", "backfill-appended"]) {
    test(`${point}: the next run stores what an undisturbed one does, and repeats no page`, async () => {
      const killedAt = async (n: number) => {
        using dir = tempDir();
        cpSync(base.path, dir.path, { recursive: true });
        const killed = await run("backfill", flags(dir.path), { TIDEMARK_DIE_AT: `${point}:${n}` });
        const next = await run("backfill", flags(dir.path));
        const { json } = await run("consume", ["--data", dir.path, "--until-end", "--json"]);
        expect(stored(dir.path)).toEqual(stored(calm.path));
        return [killed.signal, next.code, json.history, json.duplicates];
      };
      const done = ["SIGKILL", 0, 2_300, 0];
      expect(await Promise.all([1, 2, 3].map(killedAt))).toEqual([done, done, done]);
    });
  }
});

test("before, during and after a backfill beside the feed nothing is unexplained, and the stream's windows are the same", () =>
  historyPhases(["--window", "1m,10s"]));

test("history after the feed was archived and pruned: old days get new files, and a pruned trade is not stored again", async () => {
  using dir = tempDir();
  await follow(dir.path, FEED.slice(0, 1_200));
  await batch(dir.path, ["--metric", "reconciliation"]);
  const pruned = await run("prune", ["--data", dir.path, "--retain", "0s", "--json"]);
  expect(pruned.json.pruned).toBeGreaterThan(1_000);
  // A day before, and down over the feed's first two trades, which are in the archive alone.
  const older = history(1, 300).map((line) => line.replace("2023-09-05T", "2023-09-04T"));
  await fillLog(dir.path, [...history(301, 702), ...older]);
  for (const stage of ["stream", "consume"]) await run(stage, ["--data", dir.path, "--until-end"]);
  const counts = "SELECT name, value FROM counters WHERE name IN ('history', 'unverified', 'conflicts') ORDER BY name";
  expect(rowsOf(dir.path, "ticks.db", counts)).toEqual([
    { name: "history", value: 700 },
    { name: "unverified", value: 2 },
  ]);
  const { json } = await batch(dir.path);
  expect([json.ticks_total, json.failed]).toEqual([1_200 + 700, []]);
  expect(json.reconciliation).toMatchObject({ unexplained: 0, pending: 0 });
  const sql = "SELECT (SELECT count(*) FROM conflicts) AS conflicts, CAST(min(time) AS VARCHAR) AS oldest FROM ticks";
  const asked = await run("query", ["--data", dir.path, "--format", "json", sql]);
  expect(JSON.parse(asked.stdout)).toEqual([{ conflicts: 0, oldest: expect.stringContaining("2023-09-04 16:00:0") }]);
  const again = await run("prune", ["--data", dir.path, "--retain", "0s", "--json"]);
  expect([again.code, again.json.pruned! >= 700]).toEqual([0, true]);
});

test("no measure counts history: latencies, out of order, ticks and marks of both sides are the feed's", async () => {
  using dir = tempDir();
  const late = LINES[1_000]!.replace(/"trade_id":\d+/, '"trade_id":900011');
  await fillLog(dir.path, [...FEED.slice(0, 500), ...history(400, 700)]);
  // Id 200 was never issued: the page proves so.
  const ids = { first_trade_id: 200, last_trade_id: 200 };
  const proof = JSON.stringify({ type: "tidemark_unissued", product_id: "BTC-USD", ...ids, source: "backfill" });
  const older = [...history(201, 399), proof, ...history(1, 199)];
  await fillLog(dir.path, [...FEED.slice(500), late, ...older], { batch: 100 });
  const streamed = await run("stream", ["--data", dir.path, "--until-end", "--json"]);
  expect(streamed.json).toMatchObject({ records: FEED.length + 704, ticks: FEED.length + 1, skipped: 703, late: 1 });
  const { pipeline = [], pipeline_from_append = [] } = histogramsOf(dir.path);
  expect([samplesOf(pipeline), samplesOf(pipeline_from_append)]).toEqual([0, FEED.length + 1]);
  expect(rowsOf(dir.path, "windows.db", "SELECT DISTINCT source FROM out_of_order")).toEqual([{ source: "feed" }]);
  const stored = await run("consume", ["--data", dir.path, "--until-end", "--json"]);
  expect(stored.json).toMatchObject({ inserted: FEED.length + 700, history: 699, duplicates: 0 });
  await batch(dir.path);
  const [done] = sqlite<{ snapshot: string; history_new: number }>(dir.path, "results.db", "SELECT * FROM runs");
  expect(done!.history_new).toBe(699);
  const { histograms, newest_us, unreceived } = JSON.parse(done!.snapshot) as RunSnapshot;
  expect([samplesOf(histograms.pipeline_from_append!), unreceived]).toEqual([FEED.length + 1, FEED.length + 1]);
  const [mark] = sqlite<{ us: number }>(dir.path, "windows.db", "SELECT max_time_us AS us FROM products");
  expect(newest_us).toEqual({ "BTC-USD": mark!.us });
  // What is stored has it: that is what it is for.
  const trades = resultRows<{ trade_count: number }>(dir.path, "windows_by_minute");
  expect(trades.reduce((sum, { trade_count }) => sum + Number(trade_count), 0)).toBe(FEED.length + 700);
  // No window of the stream counts the proof; the metric of ids does.
  const counted = "SELECT max(unissued) AS most, (SELECT unissued FROM products) AS ids FROM windows";
  expect(rowsOf(dir.path, "windows.db", counted)).toEqual([{ most: 0, ids: 1 }]);
  expect(resultRows(dir.path, "coverage")).toMatchObject([{ first_trade_id: 1, ids_unissued: 1 }]);
  const delays = resultRows<{ ticks: number }>(dir.path, "arrival_delay");
  expect(delays.reduce((sum, { ticks }) => sum + Number(ticks), 0)).toBe(FEED.length + 1);
});
