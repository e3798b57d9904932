/**
 * History beside the feed: killed anywhere it stores the same; the stream's answers, the measures and
 * the reconciliation stay as they are without it.
 */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync } from "node:fs";
import { join } from "node:path";
import type { RunSnapshot } from "../../scripts/contract/measures.ts";
import { samplesOf } from "../../scripts/measure/buckets.ts";
import { answerHash } from "../../scripts/store/answer-hash.ts";
import { batch, resultRows } from "../support/batch.ts";
import { fillLog, follow, histogramsOf, recordedLines, rowsOf, sqlite, tempDir } from "../support/data.ts";
import { exchange } from "../support/feed.ts";
import { run } from "../support/process.ts";

setDefaultTimeout(120_000);

const LINES = recordedLines();
/** Begins within a minute, of which REST has the trades before. */
const FEED = LINES.slice(700, 2_600);
const asHistory = (line: string) => JSON.stringify({ ...(JSON.parse(line) as object), source: "backfill" });
const note = (first: number, last: number) =>
  JSON.stringify({
    ...{ type: "tidemark_backfill", product_id: "BTC-USD", first_trade_id: first, last_trade_id: last },
    trades: last - first + 1,
  });
/** Trades of these ids as pages of history, newest first, each with its note. */
function history(first: number, last: number): string[] {
  const lines = LINES.slice(first - 1, last)
    .reverse()
    .map(asHistory);
  return [...lines, note(first, last)];
}
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

for (const flags of [
  ["--window", "1m,10s"],
  ["--window", "2m", "--every", "30s"],
]) {
  test(`${flags.join(" ")}: before, during and after a backfill beside the feed nothing is unexplained`, async () => {
    using dir = tempDir();
    using without = tempDir();
    const compare = async () => {
      const { json } = await batch(dir.path, ["--metric", "reconciliation"]);
      return json.reconciliation!;
    };
    const follows = (lines: string[], stages: ("stream" | "consume")[]) => follow(dir.path, lines, stages, flags);
    await follows(FEED.slice(0, 900), ["stream", "consume"]);
    const before = await compare();
    expect(before).toMatchObject({ unexplained: 0, equal: before.compared });
    // Only one of the stages has read a page; then both have, beside more of the feed.
    await follows(history(400, 700), ["consume"]);
    expect(await compare()).toMatchObject({ unexplained: 0 });
    await follows(FEED.slice(900, 1_200), ["stream"]);
    expect(await compare()).toMatchObject({ unexplained: 0 });
    // Pages that reach the feed's first trade again, and one that was appended twice.
    await follows([...history(600, 701), ...history(200, 399), ...history(200, 399)], ["stream", "consume"]);
    const late = LINES[1_500]!.replace(/"trade_id":\d+/, '"trade_id":900011');
    await follows([...FEED.slice(1_200), late], ["stream", "consume"]);
    const after = await compare();
    expect(after).toMatchObject({ unexplained: 0, pending: 0 });
    expect(after.explained).toBeGreaterThan(0);
    const rows = resultRows(dir.path, "reconciliation").filter(({ outcome }) => outcome === "history");
    expect(rows.length).toBeGreaterThan(0);
    // Each window from the first whole one on is compared.
    const [from] = sqlite<{ us: number }>(
      dir.path,
      "ticks.db",
      "SELECT max(minute_us) + 60000000 AS us FROM history_minutes",
    );
    const whole = `SELECT count(*) AS n FROM windows WHERE final <> 0 AND window_start_us >= ${from!.us}`;
    expect(after.compared).toBe(sqlite<{ n: number }>(dir.path, "windows.db", whole)[0]!.n);
    expect(rows.every((row) => Date.parse(String(row.window_start)) * 1_000 < from!.us)).toBe(true);
    await follow(without.path, [...FEED, late], ["stream"], flags);
    expect(answerHash(join(dir.path, "windows.db"))).toEqual(answerHash(join(without.path, "windows.db")));
    // A tick that differs in what is compared is still found.
    const db = new Database(join(dir.path, "windows.db"));
    db.exec(`UPDATE windows SET price_sum = '1', change_id = change_id + 1000 WHERE rowid =
      (SELECT rowid FROM windows WHERE final = 1 ORDER BY window_start_us DESC LIMIT 1)`);
    db.close();
    expect((await compare()).unexplained).toBe(1);
  });
}

test("no measure counts history: latencies, out of order, ticks and marks of both sides are the feed's", async () => {
  using dir = tempDir();
  const late = LINES[1_000]!.replace(/"trade_id":\d+/, '"trade_id":900011');
  await fillLog(dir.path, [...FEED.slice(0, 500), ...history(400, 700)]);
  await fillLog(dir.path, [...FEED.slice(500), late, ...history(1, 399)], { batch: 100 });
  const streamed = await run("stream", ["--data", dir.path, "--until-end", "--json"]);
  expect(streamed.json).toMatchObject({ records: FEED.length + 703, ticks: FEED.length + 1, skipped: 702, late: 1 });
  const { pipeline = [], pipeline_from_append = [] } = histogramsOf(dir.path);
  expect([samplesOf(pipeline), samplesOf(pipeline_from_append)]).toEqual([0, FEED.length + 1]);
  expect(rowsOf(dir.path, "windows.db", "SELECT DISTINCT source FROM out_of_order")).toEqual([{ source: "feed" }]);
  const stored = await run("consume", ["--data", dir.path, "--until-end", "--json"]);
  expect(stored.json).toMatchObject({ inserted: FEED.length + 701, history: 700, duplicates: 0 });
  await batch(dir.path);
  const [done] = sqlite<{ snapshot: string }>(dir.path, "results.db", "SELECT snapshot FROM runs");
  const { histograms, newest_us, unreceived } = JSON.parse(done!.snapshot) as RunSnapshot;
  expect([samplesOf(histograms.pipeline_from_append!), unreceived]).toEqual([FEED.length + 1, FEED.length + 1]);
  const [mark] = sqlite<{ us: number }>(dir.path, "windows.db", "SELECT max_time_us AS us FROM products");
  expect(newest_us).toEqual({ "BTC-USD": mark!.us });
  // What is stored has it: that is what it is for.
  const trades = resultRows<{ trade_count: number }>(dir.path, "windows_by_minute");
  expect(trades.reduce((sum, { trade_count }) => sum + Number(trade_count), 0)).toBe(FEED.length + 701);
  const delays = resultRows<{ ticks: number }>(dir.path, "arrival_delay");
  expect(delays.reduce((sum, { ticks }) => sum + Number(ticks), 0)).toBe(FEED.length + 1);
});
