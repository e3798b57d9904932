/** A repeated trade id: the first trade counts in both pipelines, another content is kept and reported. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { parseProblems } from "../../scripts/contract/problems.ts";
import type { FullTick } from "../../scripts/contract/tick.ts";
import { TickStore } from "../../scripts/store/tick-store.ts";
import { fillLog, rowsOf, tempDir } from "../support/data.ts";
import { run } from "../support/process.ts";

interface Trade {
  trade_id: number;
  price: string;
  last_size: string;
  side: "buy" | "sell";
  second: number;
  source?: "rest";
}

const line = ({ second, ...trade }: Trade) =>
  JSON.stringify({
    type: "ticker",
    product_id: "BTC-USD",
    time: new Date(Date.UTC(2024, 2, 1, 12, 0, second)).toISOString(),
    ...trade,
  });
const trade = (trade_id: number, price: string, last_size: string, second: number): Trade => {
  return { trade_id, price, last_size, side: "buy", second };
};

/** Runs stream and consume over these trades; gives their counts. */
async function read(data: string, lines: string[]) {
  await fillLog(data, lines);
  const args = ["--data", data, "--until-end", "--json"];
  const [stream, consume] = await Promise.all(["stream", "consume"].map((name) => run(name, args)));
  expect([stream!.code, consume!.code]).toEqual([0, 0]);
  return { stream: stream!, consume: consume! };
}

test("one id with three contents: the first counts in both pipelines, the others are kept whole and reported", async () => {
  using dir = tempDir();
  const lines = [
    trade(10, "100", "1", 0),
    trade(11, "101", "2", 1),
    trade(11, "102", "3", 1),
    { ...trade(11, "103", "4", 1), side: "sell" as const },
    trade(12, "104", "5", 2),
    { ...trade(12, "104.0", "5.00", 2), source: "rest" as const },
    trade(13, "104", "5", 200),
  ].map(line);
  const { stream, consume } = await read(dir.path, lines);
  expect(consume.json).toMatchObject({ inserted: 4, duplicates: 1, conflicts: 2, unverified: 0 });
  expect(stream.json).toMatchObject({ ticks: 4, duplicates: 3 });
  const [window] = rowsOf<{ total_volume: string }>(dir.path, "windows.db", "SELECT * FROM windows WHERE final = 1");
  expect(window).toMatchObject({ trade_count: 3, total_volume: "8", price_sum: "305" });
  expect(rowsOf(dir.path, "ticks.db", "SELECT * FROM conflicts")).toMatchObject([
    { log_offset: 2, trade_id: 11, price: "102", last_size: "3", side: "buy", pruned: 0 },
    { log_offset: 3, trade_id: 11, price: "103", last_size: "4", side: "sell", pruned: 0 },
  ]);
  const setting = "SELECT value FROM settings WHERE name = 'problems'";
  const problems = parseProblems(rowsOf<{ value: string }>(dir.path, "ticks.db", setting)[0]!.value);
  expect(problems).toMatchObject([{ code: "conflicts", stops: false }]);
  expect(problems[0]!.sentence).toContain("BTC-USD 11 was buy 2 at 101, 2024-03-01T12:00:01.000000Z; ");
  expect(problems[0]!.sentence).toContain("partition 0, offset 3 has sell 4 at 103");
  expect(consume.stderr).toContain("2 trades have the id of an earlier trade but another content");
  const ran = await run("batch", ["--data", dir.path, "--json"]);
  expect(JSON.parse(ran.stdout).reconciliation).toMatchObject({ compared: 1, equal: 1, unexplained: 0 });
  const query = await run("query", [
    "--data",
    dir.path,
    "--format",
    "json",
    "SELECT trade_id, price, stored_price, last_size, stored_last_size FROM conflicts ORDER BY log_offset",
  ]);
  expect(JSON.parse(query.stdout)).toMatchObject([
    { trade_id: 11, stored_price: "101" },
    { trade_id: 11, last_size: "4", stored_last_size: "2" },
  ]);
}, 300_000);

test("ids that restart at 1: each of the hundred later trades is kept", async () => {
  using dir = tempDir();
  const day = (first: number) => Array.from({ length: 100 }, (_, i) => trade(i + 1, `${first + i}`, "0.5", first + i));
  const { consume } = await read(dir.path, [...day(100), ...day(400)].map(line));
  expect(consume.json).toMatchObject({ inserted: 100, duplicates: 0, conflicts: 100 });
  const kept = rowsOf<{ price: string }>(dir.path, "ticks.db", "SELECT price FROM conflicts ORDER BY rowid");
  expect(kept.map(({ price }) => price)).toEqual(Array.from({ length: 100 }, (_, i) => `${400 + i}`));
}, 300_000);

test("random repetitions, over commits and restarts: every record is a tick, a duplicate or a kept conflict", () => {
  const one = fc.record({
    id: fc.integer({ min: 1, max: 30 }),
    price: fc.integer({ min: 1, max: 3 }),
    end: fc.nat(20),
  });
  const property = fc.property(fc.array(one, { minLength: 1, maxLength: 120 }), (list) => {
    using dir = tempDir();
    const path = join(dir.path, "ticks.db");
    let store = new TickStore(path);
    store.take(0);
    const first = new Map<number, number>();
    const expected = { inserted: 0, duplicates: 0, conflicts: [] as number[] };
    store.begin();
    for (const [offset, { id, price, end }] of list.entries()) {
      const tick: FullTick = {
        ...{ product_id: "A", trade_id: id, time_us: 5, price_mantissa: price, price_scale: 0, size_mantissa: 1 },
        ...{ size_scale: 0, side: "buy", best_bid: null, best_ask: null, source: "feed" },
      };
      store.tick(tick, { partition: 0, offset, appended_us: offset, received_us: Number.NaN });
      const before = first.get(id);
      if (before === undefined) first.set(id, price);
      if (before === undefined) expected.inserted++;
      else if (before === price) expected.duplicates++;
      else expected.conflicts.push(offset);
      if (end > 2) continue;
      store.commit(new Map([[0, { next: offset + 1, seen_us: offset }]]), 1, new Map([[0, 0]]));
      store.close();
      store = new TickStore(path);
      store.take(0);
      store.begin();
    }
    store.commit(new Map([[0, { next: list.length, seen_us: list.length }]]), 1, new Map([[0, 0]]));
    const { inserted, duplicates } = expected;
    expect([store.counter("inserted"), store.counter("duplicates")]).toEqual([inserted, duplicates]);
    const kept = store.db.query<{ log_offset: number }, []>("SELECT log_offset FROM conflicts ORDER BY 1").all();
    expect(kept.map((row) => row.log_offset)).toEqual(expected.conflicts);
    store.close();
  });
  fc.assert(property, { numRuns: 30 });
}, 300_000);
