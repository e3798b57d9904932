/** From the exchange's socket to the stores: heartbeats, the full tape with gaps, twenty products. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { openDataDir } from "../../scripts/base/data-dir.ts";
import { openLog } from "../../scripts/log/open.ts";
import type { Recorded } from "../../scripts/simulator/exchange-frames.ts";
import { asProducts } from "../../scripts/simulator/recording.ts";
import { type ProduceOptions, Producer } from "../../scripts/stages/produce.ts";
import { answerHash } from "../../scripts/store/answer-hash.ts";
import { resultRows } from "../support/batch.ts";
import { quiet, rowsOf, tempDir } from "../support/data.ts";
import { exchange, HOUR } from "../support/feed.ts";
import { run, until } from "../support/process.ts";

/** `produce` in this process, so that its waits can be short: feed → the embedded log of a directory. */
async function produce(data: string, url: string, options: Partial<ProduceOptions> & { signal?: AbortSignal } = {}) {
  const log = await openLog("embedded:", openDataDir(data), { role: "writer", logger: quiet });
  const producer = new Producer({
    kind: "replay",
    url,
    channel: "matches",
    products: ["BTC-USD"],
    heartbeats: false,
    until_end: true,
    rest_url: url.replace("ws:", "http:"),
    status_path: null,
    logger: quiet,
    backoff: { base_ms: 1, cap_ms: 5, gap_ms: 1 },
    retry_ms: 1,
    ...options,
  });
  await producer.resume(log);
  await producer.run((records) => log.append(records), options.signal ?? new AbortController().signal);
  await log.close();
  return producer.counts;
}

async function stages(data: string, ...names: string[]): Promise<Record<string, Record<string, number>>> {
  const said: Record<string, Record<string, number>> = {};
  for (const name of names) {
    const ran = await run(name, ["--data", data, ...(name === "batch" ? [] : ["--until-end"]), "--json"]);
    if (ran.code !== 0) throw new Error(ran.stderr);
    said[name] = ran.json;
  }
  return said;
}

/** The same trade with a later id. */
function later(trade: Recorded, ids: number): Recorded {
  const trade_id = trade.trade_id + ids;
  return { ...trade, trade_id, line: trade.line.replace(/"trade_id":\d+/, `"trade_id":${trade_id}`) };
}

const answer = (data: string) => answerHash(join(data, "windows.db")).hash;

/** The newest state of each window: its last revision, or its row. */
const LAST_WORDS = `SELECT w.product_id, w.size_us, w.window_start_us, w.final, w.missing AS first_missing, coalesce(r.missing, w.missing) AS missing,
  w.unissued AS first_unissued, coalesce(r.unissued, w.unissued) AS unissued,
  coalesce(r.trade_count, w.trade_count) AS trade_count FROM windows w LEFT JOIN (SELECT *, max(revision) FROM window_revisions
  GROUP BY product_id, size_us, window_start_us) r USING (product_id, size_us, window_start_us) ORDER BY 1, 2`;
interface LastWord {
  product_id: string;
  final: number;
  first_missing: number;
  missing: number;
  trade_count: number;
}
const lastWords = (data: string) => rowsOf<LastWord>(data, "windows.db", LAST_WORDS);

const RECONCILIATION = "SELECT compared, unexplained, pending FROM reconciliation ORDER BY run_id DESC LIMIT 1";

test("--heartbeats: the windows of a quiet product close by the exchange's clock, and reading the log again gives the same", async () => {
  const busy = HOUR.slice(0, 1_500);
  const quietUntil_us = busy[0]!.time_us + 20_000_000;
  const recorded = asProducts(busy, ["BUSY-USD", "QUIET-USD"]).filter(
    ({ product_id, time_us }) => product_id === "BUSY-USD" || time_us < quietUntil_us,
  );
  const products = ["BUSY-USD", "QUIET-USD"];
  const finals: Record<string, number[]> = {};
  for (const heartbeats of [false, true]) {
    await using server = exchange({ recorded, speed: 600, heartbeat_ms: 10 });
    using dir = tempDir();
    const counts = await produce(dir.path, server.url, { channel: "ticker", products, heartbeats });
    expect(counts.ticks).toBe(recorded.length);
    const { consume } = await stages(dir.path, "stream", "consume");
    expect(consume).toMatchObject({ inserted: recorded.length, malformed: 0, duplicates: 0 });
    finals[String(heartbeats)] = lastWords(dir.path)
      .filter((row) => row.product_id === "QUIET-USD")
      .map((row) => row.final);
    if (!heartbeats) continue;
    const first = answer(dir.path);
    await run("stream", ["--data", dir.path, "--until-end", "--rebuild", "--poll-records", "17"]);
    expect(answer(dir.path)).toBe(first);
  }
  expect(finals).toEqual({ false: [0], true: [1] });
}, 120_000);

test("--channel matches: gaps are filled from REST over 429, 500, slow and partial answers; late fills are revisions; nothing is missing then", async () => {
  const lost = [20, 21, 22, 700, 701, 2_000];
  const faults = { drop_ids: lost, rest: { statuses: [429, 500], delay_ms: 20, page_max: 2 } };
  await using server = exchange({ trades: 3_000, faults });
  using dir = tempDir();
  // The waits are longer than the play, so that each fill is late.
  const counts = await produce(dir.path, server.url, { retry_ms: 200 });
  expect(counts).toMatchObject({ filled: lost.length, unfillable: 0, outages: 0 });
  const { stream, consume, batch } = await stages(dir.path, "stream", "consume", "batch");
  expect(stream).toMatchObject({ ticks: 3_000, late: lost.length, malformed: 0 });
  expect(consume).toMatchObject({ inserted: 3_000, duplicates: 0, malformed: 0 });
  expect(batch).toBeDefined();
  const windows = lastWords(dir.path);
  expect(windows.reduce((sum, row) => sum + row.first_missing, 0)).toBe(lost.length);
  expect(windows.every((row) => row.missing === 0)).toBe(true);
  expect(windows.reduce((sum, row) => sum + row.trade_count, 0)).toBe(3_000);
  const sides = rowsOf<{ trade_id: number; side: string; source: string }>(
    dir.path,
    "ticks.db",
    "SELECT trade_id, side, source FROM ticks ORDER BY trade_id",
  );
  for (const { trade_id, side, source } of sides) {
    expect(HOUR[trade_id - 1]!.line).toContain(`"side":"${side}"`);
    expect(source).toBe(lost.includes(trade_id) ? "rest" : "feed");
  }
  expect(rowsOf(dir.path, "ticks.db", "SELECT * FROM outages")).toEqual([]);
  expect(rowsOf(dir.path, "results.db", RECONCILIATION)).toEqual([
    { compared: windows.filter((row) => row.final === 1).length, unexplained: 0, pending: 0 },
  ]);
}, 120_000);

test("--channel matches: what can't be filled is an outage row with the ids around it, and stays missing", async () => {
  // A page of one trade proves nothing.
  const faults = { drop_ids: [500, 501, 502], rest: { lacking_ids: [501, 502], page_max: 1 } };
  await using server = exchange({ trades: 1_500, faults });
  using dir = tempDir();
  expect(await produce(dir.path, server.url)).toMatchObject({ filled: 1, unfillable: 2 });
  // The next start finds it noted and sends no request.
  await using again = exchange({ trades: 1_500, after: 1_499 });
  expect(await produce(dir.path, again.url)).toMatchObject({ filled: 0, unfillable: 0 });
  expect(again.counts().rest_requests).toBe(0);
  await stages(dir.path, "stream", "consume", "batch");
  expect(
    rowsOf(dir.path, "ticks.db", "SELECT product_id, last_trade_id, first_trade_id, from_us, to_us FROM outages"),
  ).toEqual([
    {
      product_id: "BTC-USD",
      last_trade_id: 500,
      first_trade_id: 503,
      from_us: HOUR[498]!.time_us,
      to_us: HOUR[502]!.time_us,
    },
  ]);
  expect(lastWords(dir.path).reduce((sum, row) => sum + row.missing, 0)).toBe(2);
  expect(rowsOf(dir.path, "results.db", RECONCILIATION)).toMatchObject([{ unexplained: 0, pending: 0 }]);
}, 120_000);

test("--channel matches: ids that were never issued are proved in the certificate of every window and are no outage", async () => {
  const second = HOUR.findIndex(({ time_us }) => time_us >= Math.ceil(HOUR[0]!.time_us / 60e6) * 60e6 + 60e6);
  const { trade_id: first } = HOUR[second]!;
  // Over the end of a window, within one, and beside trades that REST fills.
  const unissued_ids = [first - 1, first, first + 1, first + 20, first + 40];
  const faults = { drop_ids: [first + 19, first + 41], unissued_ids };
  await using server = exchange({ trades: 1_500, faults });
  using dir = tempDir();
  expect(await produce(dir.path, server.url)).toMatchObject({ filled: 2, unfillable: 0, unissued: 5 });
  // The next start finds them noted and sends no request.
  await using again = exchange({ trades: 1_500, after: 1_499 });
  expect(await produce(dir.path, again.url)).toMatchObject({ filled: 0, unissued: 0 });
  expect(again.counts().rest_requests).toBe(0);
  const windows = ["--window", "1m,2m,10s"];
  const log = ["--data", dir.path, "--until-end"];
  expect((await run("stream", [...log, ...windows, "--poll-records", "50"])).code).toBe(0);
  const { consume, batch } = await stages(dir.path, "consume", "batch");
  expect([consume, batch]).toMatchObject([{ malformed: 0 }, { failed: [] }]);
  const sums = `SELECT size_us / 1000000 AS s, sum(first_missing) AS first, sum(first_unissued) AS first_unissued,
    sum(missing) AS missing, sum(unissued) AS unissued FROM (${LAST_WORDS}) GROUP BY size_us ORDER BY size_us`;
  const each = { first: 7, first_unissued: 0, missing: 5, unissued: 5 };
  expect(rowsOf(dir.path, "windows.db", sums)).toEqual([10, 60, 120].map((s) => ({ s, ...each })));
  expect(rowsOf(dir.path, "ticks.db", "SELECT * FROM outages")).toEqual([]);
  expect(rowsOf(dir.path, "results.db", RECONCILIATION)).toMatchObject([{ unexplained: 0, pending: 0 }]);
  const coverage = { ticks: 1_495, ids_spanned: 1_500, ids_missing: 0, coverage: 1, ids_unissued: 5 };
  expect(resultRows(dir.path, "coverage")).toMatchObject([coverage]);
  expect(resultRows(dir.path, "gaps")).toEqual([]);

  const hash = answer(dir.path);
  for (const point of ["stream-before-commit:3", "stream-committed:9"])
    expect(
      (await run("stream", [...log, ...windows, "--rebuild", "--poll-records", "50"], { TIDEMARK_DIE_AT: point })).code,
    ).not.toBe(0);
  expect((await run("stream", [...log, ...windows])).code).toBe(0);
  expect(answer(dir.path)).toBe(hash);
}, 120_000);

test("--channel matches: a gap that a stopped process left open is found in the log and filled by the next one", async () => {
  const faults = { drop_ids: [100, 101], rest: { statuses: [500] } };
  await using server = exchange({ trades: 1_000, faults, linger_ms: 30_000 });
  using dir = tempDir();
  const stop = new AbortController();
  const stopped = produce(dir.path, server.url, { signal: stop.signal, retry_ms: 3_600_000 });
  await until("a REST request", () => server.counts().rest_requests === 1);
  stop.abort();
  expect(await stopped).toMatchObject({ filled: 0, unfillable: 0 });
  expect(await produce(dir.path, server.url)).toMatchObject({ filled: 2, unfillable: 0 });
  const { consume } = await stages(dir.path, "consume");
  expect(consume).toMatchObject({ inserted: 1_000, malformed: 0 });
}, 120_000);

test("a quiet product's newest trade is found behind 20,000 records of a busy one: what it missed meanwhile is filled, or noted", async () => {
  const products = ["BUSY-USD", "QUIET-USD"];
  const [before, after] = [HOUR.slice(0, 10), HOUR.slice(30, 40)];
  for (const channel of ["matches", "ticker"] as const) {
    using dir = tempDir();
    const first = asProducts(before, ["QUIET-USD"]);
    const busy = [0, 13_197].flatMap((round) => asProducts(HOUR, ["BUSY-USD"]).map((trade) => later(trade, round)));
    await using early = exchange({ recorded: [...first, ...busy] });
    expect((await produce(dir.path, early.url, { channel, products })).ticks).toBe(26_404);
    // Trades 11 to 29 were made while nobody listened, 30 comes on subscribing; REST has them.
    const missed = asProducts([...HOUR.slice(0, 30), ...after], ["QUIET-USD"]);
    await using late = exchange({ recorded: [...missed, ...busy.slice(-1)], after: new Map([["QUIET-USD", 30]]) });
    const counts = await produce(dir.path, late.url, { channel, products });
    expect(counts).toMatchObject(channel === "matches" ? { filled: 19, unfillable: 0 } : { outages: 1 });
  }
}, 120_000);

test("twenty products from one socket to the batch: each with the windows that it would have alone", async () => {
  const products = Array.from({ length: 20 }, (_, i) => `P${i}-USD`);
  const alone: Recorded[] = HOUR.slice(0, 1_000);
  await using server = exchange({ recorded: asProducts(alone, products) });
  using dir = tempDir();
  const feed = ["--feed", server.url, "--products", products.join(","), "--until-end", "--json"];
  const produced = await run("produce", ["--data", dir.path, ...feed]);
  expect(produced.json).toMatchObject({ ticks: 20_000, reconnects: 0, outages: 0 });
  const { stream, consume } = await stages(dir.path, "stream", "consume", "batch");
  expect(stream).toMatchObject({ ticks: 20_000, late: 0, duplicates: 0 });
  expect(consume).toMatchObject({ inserted: 20_000 });
  const columns =
    "window_start_us, trade_count, price_sum, total_volume, notional, open_price, close_price, missing, final";
  const windows = rowsOf<{ product_id: string }>(
    dir.path,
    "windows.db",
    `SELECT product_id, ${columns} FROM windows ORDER BY window_start_us`,
  );
  const byProduct = Map.groupBy(windows, (row) => row.product_id);
  expect([...byProduct.keys()].sort()).toEqual([...products].sort());
  const rows = (product: string) => byProduct.get(product)!.map((row) => ({ ...row, product_id: "" }));
  expect(rows("P0-USD").length).toBeGreaterThan(3);
  for (const product of products) expect(rows(product)).toEqual(rows("P0-USD"));
  const closed = rowsOf<{ n: number }>(dir.path, "windows.db", "SELECT count(*) AS n FROM windows WHERE final = 1");
  expect(rowsOf(dir.path, "results.db", RECONCILIATION)).toEqual([
    { compared: closed[0]!.n, unexplained: 0, pending: 0 },
  ]);
}, 120_000);
