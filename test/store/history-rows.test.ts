/** What ticks.db keeps of history: its minutes, the ids walked through and where the feed begins. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { FullTick } from "../../scripts/contract/tick.ts";
import { withWalked } from "../../scripts/contract/walked.ts";
import { TickStore } from "../../scripts/store/tick-store.ts";
import { ROOT, rowsOf, tempDir } from "../support/data.ts";

const MINUTE = 60_000_000;
const tick = (trade_id: number, minute: number, source: FullTick["source"], price = 100): FullTick => ({
  ...{ product_id: "BTC-USD", trade_id, time_us: minute * MINUTE + trade_id, side: "buy", source },
  ...{ price_mantissa: price, price_scale: 0, size_mantissa: 1, size_scale: 0, best_bid: null, best_ask: null },
});
const at = (offset: number) => ({ partition: 0, offset, appended_us: 1, received_us: Number.NaN });
const minutes = (data: string) =>
  rowsOf<{ m: number }>(data, "ticks.db", `SELECT minute_us / ${MINUTE} AS m FROM history_minutes ORDER BY m`).map(
    ({ m }) => m,
  );
const begins = (data: string) => rowsOf(data, "ticks.db", "SELECT * FROM feed_begins");

test("minutes are of stored history, and of a conflict that the stream sees otherwise; a repeated trade marks none", () => {
  using dir = tempDir();
  const store = new TickStore(join(dir.path, "ticks.db"));
  store.take(0);
  const commit = (ticks: FullTick[], from: number) => {
    store.begin();
    for (const [i, one] of ticks.entries()) store.tick(one, at(from + i));
    return store.commit(new Map([[0, { next: from + ticks.length, seen_us: 1 }]]), ticks.length, new Map());
  };
  const feed = Array.from({ length: 40 }, (_, i) => tick(50 + i, 10, "feed"));
  const history = [tick(49, 9, "backfill"), tick(48, 9, "backfill"), tick(47, 7, "backfill")];
  // The feed's first trade again, as history: the stored one counts.
  const first = commit([...feed, ...history, tick(50, 10, "backfill")], 0);
  expect(first).toMatchObject({ inserted: 43, history: 3, duplicates: 1, conflicts: 0 });
  expect([minutes(dir.path), begins(dir.path)]).toEqual([[7, 9], [{ product_id: "BTC-USD", trade_id: 50 }]]);
  // The feed delivers what history had: the same, and with another content and minute.
  const again = [tick(49, 9, "feed"), { ...tick(48, 12, "feed"), time_us: 12 * MINUTE }];
  expect(commit(again, 44)).toMatchObject({ inserted: 0, history: 0, duplicates: 1, conflicts: 1 });
  expect([minutes(dir.path), begins(dir.path)]).toEqual([[7, 9, 12], [{ product_id: "BTC-USD", trade_id: 48 }]]);
  store.close();
});

test("what a failed commit noted is noted again by the next one", () => {
  using dir = tempDir();
  const store = new TickStore(join(dir.path, "ticks.db"));
  store.take(0);
  for (const isStored of [false, true]) {
    store.begin();
    store.tick(tick(50, 10, "feed"), at(0));
    store.tick(tick(49, 9, "backfill"), at(1));
    store.walked({ product_id: "BTC-USD", first_trade_id: 49, last_trade_id: 49, trades: 1 });
    if (isStored) store.commit(new Map([[0, { next: 2, seen_us: 1 }]]), 2, new Map());
    else store.undo(new Error("no space"));
  }
  expect([minutes(dir.path), begins(dir.path).length]).toEqual([[9], 1]);
  expect(rowsOf(dir.path, "ticks.db", "SELECT trades FROM walked")).toEqual([{ trades: 1 }]);
  store.close();
});

test("a ticks.db of schema 3 begins with the feed's first trades, and has no history", () => {
  using dir = tempDir();
  const path = join(dir.path, "ticks.db");
  writeFileSync(path, gunzipSync(readFileSync(join(ROOT, "test/fixtures/v3/ticks.db.gz"))));
  new TickStore(path).close();
  expect(begins(dir.path)).toEqual(
    rowsOf(dir.path, "ticks.db", "SELECT product_id, min(trade_id) AS trade_id FROM ticks GROUP BY product_id"),
  );
  expect(begins(dir.path).length).toBeGreaterThan(0);
  expect([minutes(dir.path), rowsOf(dir.path, "ticks.db", "PRAGMA user_version")]).toEqual([[], [{ user_version: 4 }]]);
});

test("walked ranges that touch or overlap are one, with at most as many trades as ids", () => {
  const range = (first_trade_id: number, last_trade_id: number, trades: number) => ({
    ...{ first_trade_id, last_trade_id, trades },
  });
  const some = [range(30, 39, 10), range(10, 19, 9)].reduce(withWalked, []);
  expect(some).toEqual([range(10, 19, 9), range(30, 39, 10)]);
  expect(withWalked(some, range(20, 29, 5))).toEqual([range(10, 39, 24)]);
  expect(withWalked(some, range(5, 40, 36))).toEqual([range(5, 40, 36)]);
  expect(withWalked(some, range(35, 50, 16))).toEqual([range(10, 19, 9), range(30, 50, 21)]);
});
