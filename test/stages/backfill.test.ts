/** `backfill` walks REST downwards: where it begins and ends, what it jumps over, what REST may answer. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { dataPaths, openDataDir } from "../../scripts/base/data-dir.ts";
import { TidemarkError } from "../../scripts/base/errors.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import { FEED_TAIL_RECORDS } from "../../scripts/base/limits.ts";
import { newestTrades, olderTraces, recentTraces } from "../../scripts/feed/resume.ts";
import { openLog } from "../../scripts/log/open.ts";
import { gapFrame } from "../../scripts/message/own-records.ts";
import { Backfill } from "../../scripts/stages/backfill.ts";
import { BackfillProgress } from "../../scripts/stages/backfill-progress.ts";
import { walkState } from "../../scripts/stages/walk-state.ts";
import { fillLog, quiet, rowsOf, tempDir } from "../support/data.ts";
import { tick } from "../support/feed.ts";
import { run } from "../support/process.ts";

setDefaultTimeout(120_000);

/** Trade n of the exchange is made n seconds after this. */
const BEGIN_US = Date.UTC(2026, 9, 1) * 1_000;
const timeOf = (id: number) => isoFromUs(BEGIN_US + id * 1_000_000);
const trade = (trade_id: number) => ({ trade_id, side: "sell", size: "0.5", price: "100.25", time: timeOf(trade_id) });
/** As the feed sends it. */
const fed = (trade_id: number) =>
  JSON.stringify(tick(trade_id, { time: timeOf(trade_id), price: "100.25", last_size: "0.5" }));

interface Answering {
  newest?: number;
  page_max?: number;
  lacks?: number[];
  /** In place of the n-th answer, from 1. */
  instead?(n: number): Response | undefined;
}

/** An exchange with the trades 1 to `newest`. */
function exchange({ newest = 60, page_max = 1_000, lacks = [], instead = () => undefined }: Answering = {}) {
  const asked: { after: number | null; limit: number }[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const query = new URL(request.url).searchParams;
      const after = query.has("after") ? Number(query.get("after")) : null;
      asked.push({ after, limit: Number(query.get("limit")) });
      const scripted = instead(asked.length);
      if (scripted) return scripted;
      const ids = Array.from({ length: Math.max(0, Math.min(newest, (after ?? newest + 1) - 1)) }, (_, i) => i + 1);
      const known = ids.reverse().filter((id) => !lacks.includes(id));
      return Response.json(known.slice(0, Math.min(page_max, asked.at(-1)!.limit)).map(trade));
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, asked, [Symbol.asyncDispose]: () => server.stop(true) };
}

interface Wanted {
  trades?: number;
  from_us?: number;
  signal?: AbortSignal;
}

/** One run over a data directory; `error`: how it failed. */
async function backfill(data: string, rest_url: string, { trades, from_us, signal }: Wanted) {
  const paths = openDataDir(data);
  const log = await openLog("embedded:", paths, { role: "writer", logger: quiet });
  const progress = new BackfillProgress(() => {}, false);
  const limits = { trades: trades ?? null, from_us: from_us ?? null };
  const stage = new Backfill({ ...limits, products: ["BTC-USD"], rest_url, retry_ms: 1, logger: quiet, progress });
  let error: TidemarkError | null = null;
  try {
    await stage.run(log, await walkState(log, paths, ["BTC-USD"]), signal ?? new AbortController().signal);
  } catch (thrown) {
    if (!(thrown instanceof TidemarkError)) throw thrown;
    error = thrown;
  }
  await log.close();
  return { ...stage.products[0]!, error };
}

/** Ids of history in the log, in order. */
async function idsIn(data: string): Promise<number[]> {
  const log = await openLog("embedded:", dataPaths(data), { role: "reader", logger: quiet });
  const ids: number[] = [];
  for await (const batch of log.readLast(100_000)) {
    for (let i = 0; i < batch.count; i++) {
      const text = Buffer.from(batch.buffer(i).subarray(batch.starts[i]!, batch.ends[i]!)).toString();
      if (text.includes('"source":"backfill"')) ids.push(Number(/"trade_id":(\d+)/.exec(text)![1]));
    }
  }
  await log.close();
  return ids;
}

/** 9, 8, … 3 of (9, 3). */
const down = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, i) => from - i);

test("it walks down from the feed's first trade; the same command again does nothing; more trades continue below", async () => {
  using dir = tempDir();
  await using server = exchange({ page_max: 8 });
  await fillLog(dir.path, [fed(50), fed(53)]);
  expect(await backfill(dir.path, server.url, { trades: 20 })).toMatchObject({
    ...{ loaded: 20, trades: 20, lacking: 0, invalid: 0, oldest_id: 30, end: "trades", error: null },
    oldest: `${timeOf(30).slice(0, 19)}Z`,
    newest: `${timeOf(49).slice(0, 19)}Z`,
  });
  expect(server.asked).toEqual([
    { after: 50, limit: 20 },
    { after: 42, limit: 12 },
    { after: 34, limit: 4 },
  ]);
  expect(await idsIn(dir.path)).toEqual(down(49, 30));
  expect(await backfill(dir.path, server.url, { trades: 20 })).toMatchObject({ loaded: 0, trades: 20, end: "trades" });
  expect(server.asked.length).toBe(3);
  await using whole = exchange();
  expect(await backfill(dir.path, whole.url, { trades: 500 })).toMatchObject({
    ...{ loaded: 29, trades: 49, oldest_id: 1, end: "first trade" },
  });
  expect(await idsIn(dir.path)).toEqual(down(49, 1));
});

test("without a trade of the feed it begins with the newest; later the ids between are loaded, and those known are not", async () => {
  using dir = tempDir();
  await using before = exchange({ newest: 40 });
  expect(await backfill(dir.path, before.url, { trades: 10 })).toMatchObject({ loaded: 10, oldest_id: 31 });
  expect(before.asked).toEqual([{ after: null, limit: 10 }]);
  // Without the feed, the walk continues below and does not begin again.
  await using meanwhile = exchange({ newest: 45 });
  expect(await backfill(dir.path, meanwhile.url, { trades: 12 })).toMatchObject({ loaded: 2, trades: 12 });
  await fillLog(dir.path, [fed(50)]);
  await using after = exchange();
  expect(await backfill(dir.path, after.url, { trades: 30 })).toMatchObject({ loaded: 18, trades: 30, oldest_id: 20 });
  expect(after.asked).toEqual([
    { after: 50, limit: 9 },
    { after: 29, limit: 9 },
  ]);
  const ids = await idsIn(dir.path);
  expect(ids.toSorted((a, b) => b - a)).toEqual(down(49, 20));
});

test("--from: trades of that time and later, also where the page's last trades are older", async () => {
  using dir = tempDir();
  await using server = exchange({ page_max: 12 });
  await fillLog(dir.path, [fed(50)]);
  const from_us = BEGIN_US + 33 * 1_000_000;
  expect(await backfill(dir.path, server.url, { from_us })).toMatchObject({ loaded: 17, oldest_id: 33, end: "from" });
  expect(await backfill(dir.path, server.url, { from_us })).toMatchObject({ loaded: 0, trades: 17, end: "from" });
  const earlier_us = BEGIN_US + 30 * 1_000_000 + 1;
  expect(await backfill(dir.path, server.url, { from_us: earlier_us })).toMatchObject({ loaded: 2, oldest_id: 31 });
  expect(await idsIn(dir.path)).toEqual(down(49, 31));
});

test("ids that REST lacks are counted, at the edges too, and not asked for again", async () => {
  using dir = tempDir();
  await using server = exchange({ page_max: 10, lacks: [49, 44, 43, 40, 39] });
  await fillLog(dir.path, [fed(50)]);
  expect(await backfill(dir.path, server.url, { trades: 15 })).toMatchObject({
    ...{ loaded: 15, lacking: 5, oldest_id: 30, end: "trades" },
  });
  expect(await idsIn(dir.path)).toEqual(down(48, 30).filter((id) => ![44, 43, 40, 39].includes(id)));
  const asked = server.asked.length;
  await backfill(dir.path, server.url, { trades: 15 });
  expect(server.asked.length).toBe(asked);
});

test("REST fails for a while: it is asked again; a Retry-After is kept; an empty page alone is not the end", async () => {
  using dir = tempDir();
  const fails: Record<number, () => Response> = {
    1: () => new Response("", { status: 500 }),
    2: () => new Response("", { status: 429, headers: { "retry-after": "1" } }),
    3: () => new Response("<html>"),
    5: () => Response.json([]),
  };
  await using server = exchange({ page_max: 10, instead: (n) => fails[n]?.() });
  await fillLog(dir.path, [fed(50)]);
  const started = performance.now();
  expect(await backfill(dir.path, server.url, { trades: 20 })).toMatchObject({ loaded: 20, error: null });
  expect(performance.now() - started).toBeGreaterThan(990);
  expect(server.asked.map(({ after }) => after)).toEqual([50, 50, 50, 50, 40, 40]);
});

test("REST fails for good: a sentence with what was loaded and how to continue; the next run continues", async () => {
  using dir = tempDir();
  await using server = exchange({
    page_max: 10,
    instead: (n) => (n === 1 ? undefined : new Response("", { status: 503 })),
  });
  await fillLog(dir.path, [fed(50)]);
  const { error } = await backfill(dir.path, server.url, { trades: 20 });
  expect(error).toMatchObject({
    code: "FEED_UNREACHABLE",
    message: "History of BTC-USD can't be loaded: REST answers 503; 10 trades are there, down to id 40.",
    hint: expect.stringContaining("The same command continues where this one ended"),
  });
  expect(server.asked.length).toBe(7);
  await using unknown = exchange({ instead: () => new Response("", { status: 404 }) });
  expect((await backfill(dir.path, unknown.url, { trades: 20 })).error).toMatchObject({ code: "FEED_REFUSED" });
  expect(unknown.asked.length).toBe(1);
  const offline = await backfill(dir.path, "http://127.0.0.1:1", { trades: 20 });
  expect(offline.error?.message).toMatch(
    /can't be loaded: REST can't be reached: .*; 10 trades are there, down to id 40\.$/,
  );
  await using again = exchange();
  expect(await backfill(dir.path, again.url, { trades: 20 })).toMatchObject({ loaded: 10, trades: 20, error: null });
  expect(await idsIn(dir.path)).toEqual(down(49, 30));
});

test("wrong entries of a page are counted and left out; a page of other ids is refused; a stop ends between pages", async () => {
  using dir = tempDir();
  await fillLog(dir.path, [fed(50)]);
  const wrong = [null, 5, { trade_id: "7" }, { ...trade(48), price: "NaN" }, trade(50), trade(47), trade(47)];
  await using server = exchange({ instead: (n) => (n === 1 ? Response.json(wrong) : undefined) });
  const { loaded, invalid, lacking } = await backfill(dir.path, server.url, { trades: 1 });
  expect([loaded, invalid, lacking]).toEqual([1, 4, 2]);
  await using other = exchange({ instead: () => Response.json([trade(60)]) });
  expect((await backfill(dir.path, other.url, { trades: 5 })).error?.message).toContain("were not asked for");
  const stop = new AbortController();
  await using stopping = exchange({
    page_max: 3,
    instead: () => {
      stop.abort();
      return undefined;
    },
  });
  const stopped = await backfill(dir.path, stopping.url, { trades: 40, signal: stop.signal });
  expect([stopped.end, stopped.error]).toEqual([null, null]);
});

test("where it continues is the same from the log alone, from ticks.db, and from ticks.db and the rest of the log", async () => {
  using dir = tempDir();
  const paths = openDataDir(dir.path);
  const known = async () => {
    const log = await openLog("embedded:", paths, { role: "reader", logger: quiet });
    const state = await walkState(log, paths, ["BTC-USD", "ETH-USD"]);
    await log.close();
    return Object.fromEntries(state);
  };
  await using server = exchange({ lacks: [45] });
  await fillLog(dir.path, [fed(52), fed(50)]);
  await backfill(dir.path, server.url, { trades: 10 });
  const BTC = { feed_first: 50, walked: [{ first_trade_id: 39, last_trade_id: 49, trades: 10 }] };
  const expected = { "BTC-USD": BTC, "ETH-USD": { feed_first: null, walked: [] } };
  expect(await known()).toEqual(expected);
  for (const stage of ["consume", "stream"]) await run(stage, ["--data", dir.path, "--until-end"]);
  expect(await known()).toEqual(expected);
  await backfill(dir.path, server.url, { trades: 15 });
  const more = { feed_first: 50, walked: [{ first_trade_id: 34, last_trade_id: 49, trades: 15 }] };
  expect(await known()).toEqual({ ...expected, "BTC-USD": more });
  await run("consume", ["--data", dir.path, "--until-end"]);
  expect(rowsOf(dir.path, "ticks.db", "SELECT * FROM walked")).toEqual([{ product_id: "BTC-USD", ...more.walked[0]! }]);
  expect(rowsOf(dir.path, "ticks.db", "SELECT * FROM feed_begins")).toEqual([{ product_id: "BTC-USD", trade_id: 50 }]);
});

test("however much history was appended after the feed's last trade, produce continues at that trade and its open gap", async () => {
  using dir = tempDir();
  const gap = {
    ...({ product_id: "BTC-USD", state: "opened", from_us: BEGIN_US, to_us: BEGIN_US, reason: "r" } as const),
    ...{ last_trade_id: 41, first_trade_id: 50, missing: 8 },
  };
  const old = JSON.stringify({ ...tick(1), source: "backfill" });
  await fillLog(dir.path, [fed(41), fed(50), gapFrame(gap).toString(), ...Array(FEED_TAIL_RECORDS + 1).fill(old)], {
    batch: 5_000,
  });
  const log = await openLog("embedded:", dataPaths(dir.path), { role: "reader", logger: quiet });
  const trades = [41, 50].map((trade_id) => ({ product_id: "BTC-USD", trade_id, time_us: BEGIN_US + trade_id * 1e6 }));
  expect((await newestTrades(log)).map(({ trade_id }) => trade_id)).toEqual([41, 50]);
  const found = [...trades.map((trade) => ({ kind: "trade", ...trade })), { kind: "gap", gap }];
  expect(await recentTraces(log)).toEqual(found as never);
  expect((await olderTraces(log, ["BTC-USD"], [])).length).toBe(2);
  await log.close();
});

test("on a terminal one line is redrawn and stays; otherwise there is a line each few seconds", async () => {
  const texts: string[] = [];
  const line = new BackfillProgress((text) => void texts.push(text), true);
  line.begin("BTC-USD");
  line.at({ loaded: 1_000, oldest: "2026-11-01T00:00:00Z", share: 0.25 });
  line.at({ loaded: 4_000, oldest: "2026-10-01T00:00:00Z", share: 0.99 });
  line.end(true);
  expect(texts.join("")).toBe(
    "BTC-USD [#####...............] 25 %, 1,000 trades, back to 2026-11-01T00:00:00Z" +
      "\r\u001b[KBTC-USD [####################] 100 %, 4,000 trades, back to 2026-10-01T00:00:00Z\n",
  );
  const other: string[] = [];
  const lines = new BackfillProgress((text) => void other.push(text), false);
  lines.begin("BTC-USD");
  lines.at({ loaded: 1_000, oldest: "2026-11-01T00:00:00Z", share: 0.25 });
  lines.end(true);
  expect(other).toEqual([]);
});
