/** The status of an open page: price, open window, lanes; a stopped stage, an ended feed, other sizes. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Lane, StatusEvent } from "../../../scripts/contract/page-events.ts";
import { recordedLines, runPath, tempDir } from "../../support/data.ts";
import { allWell } from "../../support/health-states.ts";
import { measuredPage } from "../../support/measured-page.ts";
import { served } from "../../support/served.ts";

const S = 1_000_000;
const data = tempDir();
beforeAll(() => runPath(data.path, recordedLines().slice(0, 1_500)), 120_000);
afterAll(() => data[Symbol.dispose]());

type Page = ReturnType<typeof measuredPage>;

/** A page over stages that have reported just now, with a run that has answered with everything. */
function opened(): Page {
  const here = measuredPage(data.path);
  allWell(here.data);
  here.run(here.now_us, { positions: { 0: 1_500 }, newest_us: { "BTC-USD": 1_693_930_067_046_000 } });
  return here;
}

/** The first status of a new page that knows the end of the log, if it has one: lags are by it. */
async function statusOf(here: { url: string }, of = "BTC-USD/1m", hasLog = true): Promise<StatusEvent> {
  const stop = new AbortController();
  const answer = await fetch(new URL(`/events?of=${of}`, here.url), { signal: stop.signal });
  let text = "";
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (const [, found] of text.matchAll(/^event: status\ndata: (.*)\n/gm)) {
      const status: StatusEvent = JSON.parse(found!);
      if (hasLog && laneOf(status, "stream").behind === null) continue;
      stop.abort();
      return status;
    }
  }
  throw new Error("no status came");
}

const laneOf = ({ lanes }: StatusEvent, name: Lane["name"]) => lanes.find((lane) => lane.name === name)!;
const counter = (here: Page, file: string, name: string, value: number) =>
  here.sql(file, "INSERT OR REPLACE INTO counters VALUES (?, ?)", name, value);

test("price, rate, open window and lanes of a running path", async () => {
  await using here = opened();
  const status = await statusOf(here);
  expect(status).toMatchObject({ of: "BTC-USD/1m", price: "25770.18", traded_ms: 1_693_930_067_046, ended_ms: null });
  expect(status.open).toEqual({ start_s: 1_693_930_020, trades: 170, closes_ms: 1_693_930_140_000 });
  expect(status).toMatchObject({ stream_newest_ms: 1_693_930_067_046, batch_newest_ms: 1_693_930_067_046 });
  expect(status).toMatchObject({ verdict: "6 of 6 equal", is_alarm: false, next_run_ms: null });
  expect(status.lanes.map(({ name, state, behind, lag_ms }) => [name, state, behind, lag_ms])).toEqual([
    ["log", "running", 0, 0],
    ["stream", "running", 0, 0],
    ["consume", "running", 0, 0],
    ["batch", "rest", 0, 0],
  ]);
});

test("trades per second are those of the last minute of event time", async () => {
  await using here = opened();
  // A replay whose clock is at the newest trade, and then a minute later.
  const at = (clock_us: number) => {
    here.replay({ replay: { clock_us, as_of_us: Date.now() * 1_000, speed: 1e-9 }, as_of_us: Date.now() * 1_000 });
  };
  at(1_693_930_067_046_000);
  const counted = here.sql("ticks.db", "SELECT count(*) AS n FROM ticks WHERE time_us > 1693930007046000")[0]!.n!;
  const status = await statusOf(here);
  expect(status.trades_per_s).toBe(Math.round((counted / 60) * 100) / 100);
  expect([status.exchange_ms, status.mode]).toEqual([1_693_930_067_046, "replay"]);
  at(1_693_930_167_046_000);
  expect((await statusOf(here)).trades_per_s).toBe(0);
});

test("ids that do not rise with time, a late trade, and one stamped too far ahead change nothing", async () => {
  await using here = opened();
  const before = await statusOf(here);
  const copy = `INSERT INTO ticks (product_id, trade_id, time_us, price, last_size, side, source, appended_us, log_partition, log_offset)
    SELECT product_id, ?, time_us + ?, '1', last_size, side, source, appended_us, log_partition, log_offset
    FROM ticks ORDER BY time_us DESC LIMIT 1`;
  here.sql("ticks.db", copy, 9_000_000_001, -95 * S);
  here.sql("ticks.db", copy, 9_000_000_002, 3_600 * S);
  const { price, traded_ms, lanes, trades_per_s } = await statusOf(here);
  expect({ price, traded_ms, lanes }).toEqual({
    price: before.price,
    traded_ms: before.traded_ms,
    lanes: before.lanes,
  });
  expect(Math.abs(trades_per_s! - before.trades_per_s!)).toBeLessThan(0.05);
});

test("a trade stamped too far ahead is not the newest while the stream is behind, whose high mark is not known", async () => {
  await using here = opened();
  here.sql("windows.db", "UPDATE offsets SET next_offset = next_offset - 5");
  const before = await statusOf(here);
  const copy = `INSERT INTO ticks (product_id, trade_id, time_us, price, last_size, side, source, appended_us, log_partition, log_offset)
    SELECT product_id, ?, time_us + ?, '1', last_size, side, source, time_us, log_partition, log_offset
    FROM ticks WHERE trade_id < 9000000000 ORDER BY time_us DESC LIMIT 1`;
  here.sql("ticks.db", copy, 9_000_000_002, 3_600 * S);
  const after = await statusOf(here);
  expect([after.price, after.traded_ms]).toEqual([before.price, before.traded_ms]);
  expect(after.lanes.map(({ read_ms }) => read_ms)).toEqual(before.lanes.map(({ read_ms }) => read_ms));
  // As the stream will: exactly --max-skew passes.
  here.sql("ticks.db", copy, 9_000_000_003, 60 * S);
  expect(await statusOf(here)).toMatchObject({ price: "1", traded_ms: before.traded_ms! + 60_000 });
});

test("of a quiet product the time decides, too; a late trade does not make a minute whole", async () => {
  await using here = opened();
  const before = await statusOf(here);
  const copy = (product: string, ids: string, time: string) =>
    here.sql(
      "ticks.db",
      `INSERT INTO ticks (product_id, trade_id, time_us, price, last_size, side, source, appended_us, log_partition, log_offset)
       SELECT '${product}', ${ids}, ${time}, price, last_size, side, source, appended_us, log_partition, log_offset FROM ticks WHERE product_id = 'BTC-USD'`,
    );
  // An id that is made up, of an older trade.
  here.sql("ticks.db", "UPDATE ticks SET trade_id = 9000000001 WHERE insert_id = 100");
  // 3,000 trades of another product, all in the last second but one: that is late.
  copy("ETH-USD", "trade_id", "1693930067000000 - insert_id");
  copy("ETH-USD", "trade_id + 8000000000", "1693930067040000 - insert_id");
  here.sql("ticks.db", "UPDATE ticks SET time_us = 1 WHERE insert_id = (SELECT max(insert_id) FROM ticks)");
  const quiet = await statusOf(here);
  expect([quiet.price, quiet.traded_ms, laneOf(quiet, "consume").read_ms]).toEqual([
    before.price,
    before.traded_ms,
    laneOf(before, "consume").read_ms,
  ]);
  expect((await statusOf(here, "ETH-USD/1m")).trades_per_s).toBeGreaterThan(1_000);
});

test("a size that is summed is open until its last minute is closed, and has the trades of all", async () => {
  await using here = opened();
  const rows = here.sql("windows.db", "SELECT trade_count AS n FROM windows WHERE window_start_us >= 1693929900000000");
  const { open, stream_newest_ms } = await statusOf(here, "BTC-USD/5m");
  const trades = rows.reduce((sum, { n }) => sum + n!, 0);
  expect(open).toEqual({ start_s: 1_693_929_900, trades, closes_ms: 1_693_930_260_000 });
  expect(stream_newest_ms).toBe(1_693_930_067_046);
});

test("a stopped reader is not heard of after 3 s, also if it is behind, and not before", async () => {
  await using here = opened();
  counter(here, "windows.db", "run_alive_us", Date.now() * 1_000 - 2 * S);
  here.sql("windows.db", "UPDATE offsets SET next_offset = next_offset - 342");
  expect(laneOf(await statusOf(here), "stream")).toMatchObject({ state: "running", behind: 342 });
  const alive_us = Date.now() * 1_000 - 4 * S;
  counter(here, "windows.db", "run_alive_us", alive_us);
  const time = new Date(alive_us / 1_000).toISOString().slice(11, 19);
  const lane = laneOf(await statusOf(here), "stream");
  expect([lane.state, lane.behind]).toEqual(["silent", 342]);
  expect(lane.reason).toStartWith("not heard of since ");
  expect(lane.reason).toEndWith(` ${time} UTC`);
  expect(lane.lag_ms).toBeGreaterThan(0);
});

test("after the feed's end readers that have read everything are at rest; one that has not is not heard of", async () => {
  await using here = opened();
  here.replay({ state: "ended", ended_us: here.now_us });
  for (const file of ["windows.db", "ticks.db"]) {
    counter(here, file, "run_alive_us", here.now_us - 60 * S);
    counter(here, file, "run_ended", 1);
  }
  here.sql("ticks.db", "UPDATE offsets SET next_offset = next_offset - 5");
  const status = await statusOf(here);
  expect([status.ended_ms, status.exchange_ms, status.trades_per_s]).toEqual([here.now_us / 1_000, null, null]);
  expect(["log", "stream", "consume"].map((name) => laneOf(status, name as Lane["name"]).state)).toEqual([
    "rest",
    "rest",
    "silent",
  ]);
  expect(laneOf(status, "stream").reason).toBe("has read everything and ended");
});

test("a feed that was stopped has not ended: its recording can continue, but no rate is of now", async () => {
  await using here = opened();
  here.replay({ state: "ended", ended_us: here.now_us, stopped: true });
  const status = await statusOf(here);
  expect([status.ended_ms, status.exchange_ms, status.trades_per_s]).toEqual([null, null, null]);
  expect(laneOf(status, "log")).toMatchObject({ state: "rest", reason: "was stopped" });
  const page = await (await fetch(here.url)).text();
  expect(page).not.toMatch(/(feed|recording) has ended/);
});

test("the next run is the schedule's, and at the end of its rest while nothing is new", async () => {
  for (const position of [1_500, 1_400]) {
    await using here = opened();
    here.run(here.now_us, { positions: { 0: position } });
    const due_us = here.now_us + 60 * S;
    const schedule = (more: object) => {
      const text = JSON.stringify({ pid: 1, due_us, began_us: 1, status: 0, ...more });
      writeFileSync(join(here.data, "schedule.json"), text);
    };
    schedule({});
    expect((await statusOf(here)).next_run_ms).toBe(due_us / 1_000);
    schedule({ rest_until_us: due_us + S });
    const status = await statusOf(here);
    expect(laneOf(status, "batch").behind).toBe(1_500 - position);
    expect(status.next_run_ms).toBe((position === 1_500 ? due_us + S : due_us) / 1_000);
  }
});

test("an empty directory has a status with nothing in it", async () => {
  await using here = await served([]);
  const status = await statusOf(here, "BTC-USD/1m", false);
  expect(status).toMatchObject({ price: null, open: null, exchange_ms: null, mode: null, trades_per_s: null });
  expect(status.lanes.map(({ state }) => state)).toEqual(["absent", "absent", "absent", "absent"]);
});
