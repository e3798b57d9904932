/** Stream and batch compared at one position of the log: equal, explained, pending, unexplained. */
import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Agreement } from "../../scripts/contract/results.ts";
import { batch, resultRows } from "../support/batch.ts";
import { copyOf, fillLog, follow, type Row, recordedLines, tempDir } from "../support/data.ts";
import { run } from "../support/process.ts";

setDefaultTimeout(120_000);

const LINES = recordedLines();

/** A recorded message as another trade. */
function changed(line: string, to: { trade_id?: number; product_id?: string }): string {
  return JSON.stringify({ ...(JSON.parse(line) as object), ...to });
}

async function compare(data: string) {
  const { json } = await batch(data, ["--metric", "reconciliation"]);
  return json.reconciliation!;
}

const outcomes = (data: string, outcome: string) =>
  resultRows(data, "reconciliation").filter((row) => row.outcome === outcome);

describe("at the same position of the log", () => {
  test("late ticks are explained: the window and its last revision both equal the store", async () => {
    using dir = tempDir();
    const late = [3, 40, 500].map((i) => changed(LINES[i]!, { trade_id: 900_000 + i }));
    const other = LINES.slice(0, 600).map((line) => changed(line, { product_id: "ETH-USD" }));
    await follow(dir.path, [...LINES.slice(0, 1_300), ...other, ...late, LINES[5]!]);
    const { compared, ...rest } = await compare(dir.path);
    expect(rest).toEqual({ equal: compared - 2, explained: 2, unexplained: 0, pending: 0 });
    expect(compared).toBeGreaterThan(4);
    const found = outcomes(dir.path, "explained").map(({ product_id, late_count }) => [product_id, late_count]);
    expect(found.sort()).toEqual([
      ["BTC-USD", 1],
      ["BTC-USD", 2],
    ]);
  });

  test("what consume has not read yet is pending; what the stream has not read yet is left out", async () => {
    using dir = tempDir();
    await follow(dir.path, LINES.slice(0, 1_300));
    const first = await compare(dir.path);
    expect(first).toMatchObject({ equal: first.compared, unexplained: 0, pending: 0 });

    // A late tick that only the stream has read must not count against the store, nor its revision.
    const late = changed(LINES[3]!, { trade_id: 900_003 });
    await follow(dir.path, [...LINES.slice(1_300, 2_000), late], ["stream"]);
    const ahead = await compare(dir.path);
    expect(ahead).toEqual({ ...first, pending: expect.any(Number) as never });
    expect(ahead.pending).toBeGreaterThan(1);
    expect(outcomes(dir.path, "pending").every((row) => row.differs === null)).toBe(true);

    await follow(dir.path, LINES.slice(2_000, 2_600), ["consume"]);
    const behind = await compare(dir.path);
    expect(behind).toEqual({
      compared: first.compared + ahead.pending,
      equal: first.equal + ahead.pending - 1,
      explained: 1,
      unexplained: 0,
      pending: 0,
    });

    await follow(dir.path, []);
    const all = await compare(dir.path);
    expect(all).toMatchObject({ equal: all.compared - 1, explained: 1, unexplained: 0, pending: 0 });
    expect(all.compared).toBeGreaterThan(behind.compared);
  });

  test("windows that a flush closed early and that continue afterwards are explained", async () => {
    using dir = tempDir();
    const hopping = ["--window", "2m", "--every", "1m"];
    await follow(dir.path, LINES.slice(0, 1_000), ["stream", "consume"], [...hopping, "--flush"]);
    expect(await compare(dir.path)).toMatchObject({ explained: 0, unexplained: 0, pending: 0 });
    await follow(dir.path, LINES.slice(1_000, 1_700), ["stream"], hopping);
    expect(await compare(dir.path)).toMatchObject({ unexplained: 0 });
    await follow(dir.path, [], ["consume"]);
    // The minute that was cut by the flush is in two windows.
    expect(await compare(dir.path)).toMatchObject({ explained: 2, unexplained: 0, pending: 0 });
  });

  test("several sizes, hopping windows and four partitions: all equal, with late ticks explained", async () => {
    using dir = tempDir();
    const products = ["BTC-USD", "ETH-USD", "SOL-USD"];
    const lines = LINES.slice(0, 900).flatMap((line) => products.map((product_id) => changed(line, { product_id })));
    const late = changed(LINES[3]!, { trade_id: 900_003 });
    await fillLog(dir.path, [...lines, late], { partitions: 4 });
    await follow(dir.path, [], ["stream", "consume"], ["--window", "10s,2m", "--every", "10s", "--flush"]);
    const { compared, equal, explained, unexplained, pending } = await compare(dir.path);
    expect([unexplained, pending, equal + explained]).toEqual([0, 0, compared]);
    // The late tick is in one window of 10 s and, unless still open, in twelve of 2 min.
    expect(explained).toBeGreaterThan(1);
    const sizes = resultRows(dir.path, "reconciliation").map((row) => row.size_us);
    expect([...new Set(sizes)].sort()).toEqual([10_000_000, 120_000_000]);
  });
});

/** column → a wrong value, as SQL; each is written into a window of its own. */
const WRONG: Record<string, string> = {
  ...Object.fromEntries(
    "avg_price max_price min_price price_range total_volume open_price close_price price_sum notional vwap"
      .split(" ")
      .map((column) => [column, "'1.5'"]),
  ),
  ...Object.fromEntries(
    "trade_count buy_count sell_count first_trade_id last_trade_id".split(" ").map((name) => [name, `${name} + 1`]),
  ),
  // The last of the double's bits: 15 digits would not show it.
  buy_sell_ratio: "buy_sell_ratio * (1 + 4e-16)",
  volatility_flag: "'Odd'",
  market_sentiment: "'Odd'",
  volume_spike: "'Odd'",
};

test("what is changed by hand is unexplained, each column by name; so is a lost tick, a lost or invented window, a lost late tick", async () => {
  using dir = tempDir();
  const late = [3, 300].map((i) => changed(LINES[i]!, { trade_id: 900_000 + i }));
  await follow(dir.path, [...LINES.slice(0, 7_000), ...late], ["stream", "consume"], ["--flush"]);
  const windows = new Database(join(dir.path, "windows.db"));
  const ticks = new Database(join(dir.path, "ticks.db"));
  const starts = windows
    .query<{ at: number; first: number; start: string }, []>(
      "SELECT window_start_us AS at, first_trade_id AS first, window_start AS start FROM windows ORDER BY 1",
    )
    .all();
  // The first two windows have the late ticks.
  const take = () => starts.splice(2, 1)[0]!;
  const expected: [start: string, words: string][] = [];
  for (const [column, value] of Object.entries(WRONG)) {
    const { at, start } = take();
    windows.run(`UPDATE windows SET ${column} = ${value} WHERE window_start_us = ?`, [at]);
    expected.push([start, column]);
  }
  const gone = take();
  windows.run("DELETE FROM windows WHERE window_start_us = ?", [gone.at]);
  expected.push([gone.start, "no window: trade_count"]);
  const lost = take();
  ticks.run("DELETE FROM ticks WHERE trade_id = ?", [lost.first]);
  expected.push([lost.start, "first_trade_id"]);
  windows.run("DELETE FROM late_ticks WHERE trade_id = 900003");
  expected.push([starts[0]!.start, "window and late ticks: trade_count"]);
  windows.run("UPDATE window_revisions SET close_price = '1.5' WHERE caused_by_trade_id = 900300");
  expected.push([starts[1]!.start, "last revision: close_price"]);
  const invented = "SELECT * FROM windows WHERE window_start_us = ?";
  windows.run(`CREATE TEMP TABLE invented AS ${invented}`, [starts.at(-1)!.at]);
  windows.run("UPDATE invented SET window_start_us = 1000000020000000");
  windows.run("INSERT INTO windows SELECT * FROM invented");
  expected.push(["2001-09-09T01:47:00.000000Z", "trade_count"]);
  windows.close();
  ticks.close();

  const { compared, equal, explained, unexplained } = await compare(dir.path);
  const differs = new Map(outcomes(dir.path, "unexplained").map((row: Row) => [row.window_start, String(row.differs)]));
  const wrong = expected.filter(([start, words]) => !differs.get(start)?.includes(words));
  expect(wrong).toEqual([]);
  expect(differs.size).toBe(expected.length);
  expect([unexplained, explained, equal]).toEqual([expected.length, 0, compared - expected.length]);
});

describe("one stage rebuilt after the log was cut", () => {
  const late = [3, 700, 1_500].map((i) => changed(LINES[i]!, { trade_id: 900_000 + i }));
  const other = LINES.slice(0, 400).map((line) => changed(line, { product_id: "ETH-USD" }));
  const lines = [
    ...LINES.slice(0, 1_300),
    ...other,
    late[0]!,
    LINES[5]!,
    ...LINES.slice(1_300, 3_000),
    ...late.slice(1),
  ];
  /** Removes the oldest blocks, as `produce --retain` does. */
  const cut = (data: string, blocks: number) => {
    const log = new Database(join(data, "log.db"));
    log.exec(`DELETE FROM blocks WHERE position IN (SELECT position FROM blocks ORDER BY position LIMIT ${blocks})`);
    log.close();
  };
  /** Before the cut. */
  let whole: Agreement;
  for (const [stage, flags] of [
    ["stream", []],
    ["consume", []],
    ["stream", ["--window", "1m,10s"]],
    ["consume", ["--window", "1m,10s"]],
  ] as ["stream" | "consume", string[]][]) {
    test(`${stage} ${flags.join(" ")}: what only one side could read is stated as unread, the rest is equal or explained`, async () => {
      using dir = await copyOf(`reconciliation ${flags}`, async (data) => {
        await follow(data, lines, ["stream", "consume"], flags);
        whole = await compare(data);
      });
      expect(whole).toMatchObject({ unexplained: 0, pending: 0 });
      cut(dir.path, 3);
      const rebuild = await run(stage, [
        "--data",
        dir.path,
        "--until-end",
        "--rebuild",
        ...(stage === "stream" ? flags : []),
      ]);
      expect(rebuild.code).toBe(0);
      const part = await compare(dir.path);
      expect(part).toMatchObject({ unexplained: 0, pending: 0 });
      expect(part.compared).toBeGreaterThan(whole.compared / 4);
      expect(part.compared).toBeLessThan(whole.compared);
      expect(outcomes(dir.path, "unread").length).toBeGreaterThan(0);
      // A tick that differs in what both could read is still found.
      const db = new Database(join(dir.path, "windows.db"));
      db.exec(
        "UPDATE windows SET price_sum = '1', change_id = change_id + 1000 WHERE rowid = (SELECT rowid FROM windows WHERE final = 1 ORDER BY window_start_us DESC LIMIT 1)",
      );
      db.close();
      expect((await compare(dir.path)).unexplained).toBe(1);
    });
  }
});
