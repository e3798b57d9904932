/** `backfill` walks REST downwards: where it begins and ends, what it jumps over, what REST may answer. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { dataPaths, openDataDir } from "../../scripts/base/data-dir.ts";
import { FEED_TAIL_RECORDS } from "../../scripts/base/limits.ts";
import { newestTrades, olderTraces, recentTraces } from "../../scripts/feed/resume.ts";
import { openLog } from "../../scripts/log/open.ts";
import { gapFrame } from "../../scripts/message/own-records.ts";
import { BackfillProgress } from "../../scripts/stages/backfill-progress.ts";
import { backfilledText } from "../../scripts/stages/backfilled.ts";
import { walkState } from "../../scripts/stages/walk-state.ts";
import { BEGIN_US, backfill, down, exchange, fed, idsIn, proofsIn, timeOf, trade } from "../support/backfill.ts";
import { fillLog, quiet, rowsOf, tempDir } from "../support/data.ts";
import { tick } from "../support/feed.ts";
import { run } from "../support/process.ts";

setDefaultTimeout(120_000);

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
    { after: 51, limit: 21 },
    { after: 44, limit: 14 },
    { after: 37, limit: 7 },
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
  const early = await backfill(dir.path, before.url, { trades: 10 });
  expect(early).toMatchObject({ loaded: 10, oldest_id: 31, feed_begins: null });
  expect(before.asked).toEqual([{ after: null, limit: 10 }]);
  expect(backfilledText(early)).toContain(
    "10 in all, and no trade of the feed yet: run it again after the first start",
  );
  // Without the feed, the walk continues below and does not begin again.
  await using meanwhile = exchange({ newest: 45 });
  expect(await backfill(dir.path, meanwhile.url, { trades: 12 })).toMatchObject({ loaded: 2, trades: 12 });
  await fillLog(dir.path, [fed(50)]);
  await using after = exchange();
  expect(await backfill(dir.path, after.url, { trades: 30 })).toMatchObject({ loaded: 18, trades: 30, oldest_id: 20 });
  expect(after.asked).toEqual([
    { after: 51, limit: 10 },
    { after: 30, limit: 10 },
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

test("ids between neighbours of a page are noted as never issued, at the edges too, and not asked for again", async () => {
  using dir = tempDir();
  await using server = exchange({ page_max: 10, lacks: [49, 44, 43, 40, 39] });
  await fillLog(dir.path, [fed(50)]);
  expect(await backfill(dir.path, server.url, { trades: 15 })).toMatchObject({
    ...{ loaded: 15, unissued: 5, lacking: 0, oldest_id: 30, end: "trades" },
  });
  expect(await proofsIn(dir.path)).toEqual(["49-49", "43-44", "39-40"]);
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
  expect(server.asked.map(({ after }) => after)).toEqual([51, 51, 51, 51, 42, 141, 42, 33]);
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
    message: "History of BTC-USD can't be loaded: REST answers 503; 9 trades are there, down to id 41.",
    hint: expect.stringContaining("The same command continues where this one ended"),
  });
  expect(server.asked.length).toBe(7);
  await using unknown = exchange({ instead: () => new Response("", { status: 404 }) });
  expect((await backfill(dir.path, unknown.url, { trades: 20 })).error).toMatchObject({
    ...{ code: "FEED_REFUSED", hint: expect.stringContaining("the product's name") },
  });
  await using closed = exchange({ instead: () => new Response("", { status: 403 }) });
  expect((await backfill(dir.path, closed.url, { trades: 20 })).error).toMatchObject({
    ...{ code: "FEED_REFUSED", hint: expect.stringContaining("does not allow the request") },
  });
  expect(unknown.asked.length).toBe(1);
  const offline = await backfill(dir.path, "http://127.0.0.1:1", { trades: 20 });
  expect(offline.error?.message).toMatch(
    /can't be loaded: REST can't be reached: .*; 9 trades are there, down to id 41\.$/,
  );
  await using again = exchange();
  expect(await backfill(dir.path, again.url, { trades: 20 })).toMatchObject({ loaded: 11, trades: 20, error: null });
  expect(await idsIn(dir.path)).toEqual(down(49, 30));
});

test("a page of an older list: it is asked again, nothing of it is noted, and the ids between are not lost", async () => {
  using dir = tempDir();
  await fillLog(dir.path, [fed(50)]);
  // The second page comes from a copy of the list that ends with 20.
  const stale = () => Response.json(down(20, 11).map(trade));
  await using once = exchange({ page_max: 10, instead: (n) => (n === 2 ? stale() : undefined) });
  const done = await backfill(dir.path, once.url, { trades: 30 });
  expect(done).toMatchObject({ loaded: 30, lacking: 0, unissued: 0, oldest_id: 20, error: null });
  expect(await idsIn(dir.path)).toEqual(down(49, 20));
  using other = tempDir();
  await fillLog(other.path, [fed(50)]);
  await using always = exchange({ page_max: 10, instead: (n) => (n > 1 ? stale() : undefined) });
  const failed = await backfill(other.path, always.url, { trades: 30 });
  expect(failed.error?.message).toContain("REST does not have trade 41 yet, so that trades below it may lack too");
  expect(failed).toMatchObject({ loaded: 9, oldest_id: 41, lacking: 0 });
  // REST is behind the feed's first trade: nothing is noted; then it lacks that trade alone.
  await using behind = exchange({ newest: 45 });
  await fillLog(other.path, [JSON.stringify({ ...JSON.parse(fed(50)), product_id: "ETH-USD" })]);
  const early = await backfill(other.path, behind.url, { trades: 5, product: "ETH-USD" });
  expect(early).toMatchObject({ loaded: 0, oldest_id: null, error: { code: "FEED_UNREACHABLE" } });
  await using without = exchange({ lacks: [50] });
  const late = await backfill(other.path, without.url, { trades: 5, product: "ETH-USD" });
  expect(late).toMatchObject({ loaded: 5, oldest_id: 45, lacking: 0, error: null });
});

test("--from: ids that REST lacks above what was walked, and a page of invalid trades, are not its end", async () => {
  using dir = tempDir();
  await using before = exchange({ newest: 40 });
  await backfill(dir.path, before.url, { trades: 5 });
  await fillLog(dir.path, [fed(42)]);
  await using server = exchange({
    ...{ lacks: [41], page_max: 4 },
    instead: (n) => {
      const invalid = down(36, 33).map((id) => ({ ...trade(id), price: id === 36 ? "1" : "NaN" }));
      return n === 2 ? Response.json(invalid) : undefined;
    },
  });
  const from_us = BEGIN_US + 20 * 1_000_000;
  const done = await backfill(dir.path, server.url, { from_us });
  expect(done).toMatchObject({ loaded: 13, invalid: 3, lacking: 0, unissued: 1, oldest_id: 20, end: "from" });
});

test("wrong entries of a page are counted and left out; a page of other ids is refused; a stop ends between pages", async () => {
  using dir = tempDir();
  await fillLog(dir.path, [fed(50)]);
  const wrong = [null, 5, { trade_id: "7" }, { ...trade(48), price: "NaN" }, trade(50), trade(47), trade(47)];
  await using server = exchange({ instead: (n) => (n === 1 ? Response.json(wrong) : undefined) });
  const wrongs = await backfill(dir.path, server.url, { trades: 1 });
  // 48 is invalid, and not lacking; a list with an entry without an id proves nothing about 49.
  expect(wrongs).toMatchObject({ loaded: 1, invalid: 4, lacking: 1, unissued: 0 });
  expect(backfilledText(wrongs)).toMatch(
    /^BTC-USD: 1 trade loaded, .*; REST lacks 1 id in between; 4 entries of REST are not valid; 1 in all before/,
  );
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
  const narrow: string[] = [];
  const cut = new BackfillProgress(
    (text) => void narrow.push(text),
    true,
    () => 40,
  );
  cut.begin("BTC-USD");
  cut.at({ loaded: 1_000, oldest: "2026-11-01T00:00:00Z", share: 0.25 });
  expect(narrow).toEqual(["BTC-USD [#####...............] 25 %, 1,"]);
  const other: string[] = [];
  const lines = new BackfillProgress((text) => void other.push(text), false);
  lines.begin("BTC-USD");
  lines.at({ loaded: 1_000, oldest: "2026-11-01T00:00:00Z", share: 0.25 });
  lines.end(true);
  expect(other).toEqual([]);
});
