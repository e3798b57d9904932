/** `query --metric NAME`: a metric's file with $product, $from and $to. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runPath, tempDir, troubledLines } from "../support/data.ts";
import { run } from "../support/process.ts";

setDefaultTimeout(300_000);
const dir = tempDir();
const sql = tempDir();
beforeAll(() => runPath(dir.path, troubledLines(2_000)));
afterAll(() => {
  dir[Symbol.dispose]();
  sql[Symbol.dispose]();
});

const query = (...args: string[]) => run("query", ["--data", dir.path, "--format", "json", ...args]);
const rows = async (...args: string[]) => {
  const { code, stdout, stderr } = await query(...args);
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as Record<string, unknown>[];
};

test("without parameters it is the whole of what the batch answers", async () => {
  const all = await rows("--metric", "summary_by_product");
  expect(all.map(({ product_id, trade_count }) => [product_id, trade_count])).toEqual([
    ['"><img src=x onerror=alert(1)>', 1],
    ["BTC-USD", 2_001],
  ]);
});

test("$product, $from (inclusive) and $to (exclusive) choose", async () => {
  expect(await rows("--metric", "market_summary", "--product", "BTC-USD")).toMatchObject([{ trade_count: 2_001 }]);
  expect(await rows("--metric", "market_summary", "--product", "NO-SUCH")).toEqual([]);
  const minute = ["--from", "2023-09-05T16:00:00Z", "--to", "2023-09-05T16:01:00Z", "--product", "BTC-USD"];
  // 238 of the recording, and the late one.
  expect(await rows("--metric", "candles_1m", ...minute)).toMatchObject([
    { start: "2023-09-05T16:00:00.000000Z", open: "25741.02", high: "25745.72", low: "25735.62", trade_count: 239 },
  ]);
  expect(await rows("--metric", "market_summary", "--to", "2023-09-05T16:00:00Z")).toEqual([]);
  expect(await rows("--metric", "market_summary", "--from", "2023-09-05")).toMatchObject([{ trade_count: 2_002 }]);
  const times = await rows("SELECT min(time) AS t, max(time) AS newest FROM ticks");
  const [first, newest] = [String(times[0]!.t), String(times[0]!.newest)];
  const ticks = async (...args: string[]) =>
    (await rows("--metric", "arrival_delay", ...args)).reduce((sum, row) => sum + Number(row.ticks), 0);
  expect([await ticks("--to", first), await ticks("--from", first)]).toEqual([0, 2_002]);
  expect((await ticks("--to", newest)) + (await ticks("--from", newest))).toBe(2_002);
});

test("a value is a value, never SQL", async () => {
  expect(await rows("--metric", "market_summary", "--product", "x' OR '1'='1")).toEqual([]);
  expect(await rows("SELECT $product AS p", "--product", "'; DROP VIEW ticks; --")).toEqual([
    { p: "'; DROP VIEW ticks; --" },
  ]);
});

test("a folder of one's own, and a fault in its file with file, line and DuckDB's words", async () => {
  writeFileSync(join(sql.path, "mine.sql"), "SELECT count(*) AS n\nFROM ticks WHERE product_id = $product");
  writeFileSync(join(sql.path, "wrong.sql"), "SELECT 1,\n  nothing\nFROM ticks");
  writeFileSync(join(sql.path, "other.sql"), "SELECT $colour AS c");
  expect(await rows("--sql", sql.path, "--metric", "mine", "--product", "BTC-USD")).toEqual([{ n: 2_001 }]);
  const wrong = await query("--sql", sql.path, "--metric", "wrong");
  expect([wrong.code, wrong.stdout]).toEqual([1, ""]);
  expect(wrong.stderr).toContain("wrong.sql:2: Binder Error");
  const other = await query("--sql", sql.path, "--metric", "other");
  expect([other.code, other.stderr.includes("$colour isn't a parameter")]).toEqual([1, true]);
});

/** Arguments and the sentence that must come, with exit status 2. */
const WRONG: [args: string[], words: string][] = [
  [["--metric", "nope"], "There is no metric nope in"],
  [["--metric", "vwap", "SELECT 1"], "Give either one SELECT or --metric NAME."],
  [[], "Give either one SELECT or --metric NAME."],
  [["--metric", "vwap", "--from", "yesterday"], "Give a UTC time such as"],
  [["--metric", "vwap", "--to", "2023-13-01"], "Give a UTC time such as"],
  [
    ["--metric", "vwap", "--to", "2023-09-05T16:00:01.5Z"],
    "vwap sums whole minutes, and 2023-09-05T16:00:01.5Z is within one",
  ],
];
for (const [args, words] of WRONG) {
  test(`query ${args.join(" ")}: exit 2 with a sentence`, async () => {
    const { code, stdout, stderr } = await query(...args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(words);
  });
}
