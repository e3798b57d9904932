/** Extremes of every column: limits and sum types fit, and one product's numbers stop no other. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { divideHalfUp, formatUnits, parseUnits } from "../../scripts/base/decimal.ts";
import {
  NOTIONAL_INTEGER_DIGITS_MAX,
  PRICE_INTEGER_DIGITS_MAX,
  PRICE_SCALE_MAX,
  SIZE_INTEGER_DIGITS_MAX,
  SIZE_SCALE_MAX,
} from "../../scripts/base/limits.ts";
import { TickStore } from "../../scripts/store/tick-store.ts";
import { batch, resultRows } from "../support/batch.ts";
import { follow, recordedLines, sqlite, tempDir } from "../support/data.ts";
import { run } from "../support/process.ts";

setDefaultTimeout(300_000);

interface Trade {
  product_id: string;
  price: string;
  last_size: string;
}
const lineOf = (trade: Trade, i: number) =>
  JSON.stringify({
    ...{ type: "ticker", side: i % 2 === 0 ? "buy" : "sell", trade_id: i + 1 },
    ...{
      time: new Date(Date.UTC(2024, 2, 1, 12, 0, 0, i * 100)).toISOString(),
      best_bid: trade.price,
      best_ask: trade.price,
    },
    ...trade,
  });
/** Closes the windows of a product. */
const closing = (product_id: string) =>
  lineOf({ product_id, price: "1", last_size: "1" }, 0)
    .replace('"trade_id":1', '"trade_id":9999')
    .replace("T12:00", "T12:09");
const EXTREMES: [price: string, size: string][] = [
  ["9999999999.9999999999", "99.99999999"],
  ["0.9999999999", "999999999999.99999999"],
  ["0.0000000001", "0.00000001"],
  ["0.0000000001", "999999999999.99999999"],
  ["9999999999.9999999999", "0.00000001"],
  ["9999999999.9999999999", "0"],
  ["1000000", "999999.99999999"],
];

test("by arithmetic: a hundred million extreme ticks fit the sums' types", () => {
  const digits = (n: number) => 10n ** BigInt(n);
  const ticks = digits(8);
  expect(digits(NOTIONAL_INTEGER_DIGITS_MAX) * ticks <= digits(38 - PRICE_SCALE_MAX - SIZE_SCALE_MAX)).toBe(true);
  expect(digits(PRICE_INTEGER_DIGITS_MAX) * ticks <= digits(38 - PRICE_SCALE_MAX)).toBe(true);
  expect(digits(SIZE_INTEGER_DIGITS_MAX) * ticks <= digits(38 - SIZE_SCALE_MAX)).toBe(true);
});

test("172 ticks in one minute at the limits: exact in every metric, and all windows agree", async () => {
  using dir = tempDir();
  const trades = Array.from({ length: 172 }, (_, i): Trade => {
    const [price, last_size] = EXTREMES[i % EXTREMES.length]!;
    return { product_id: "WIDE", price, last_size };
  });
  await follow(dir.path, [...trades.map(lineOf), closing("WIDE"), ...recordedLines().slice(0, 500)]);
  const { json } = await batch(dir.path);
  expect(json).toMatchObject({ failed: [], ticks_total: 673 });
  expect(json.reconciliation).toMatchObject({ unexplained: 0, pending: 0 });
  const sum = (of: (trade: Trade) => bigint) => trades.reduce((total, trade) => total + of(trade), 0n);
  const [price, size] = [(t: Trade) => parseUnits(t.price, 10), (t: Trade) => parseUnits(t.last_size, 8)];
  const [prices, volume, notional] = [sum(price), sum(size), sum((t) => price(t) * size(t))];
  const minute = resultRows(dir.path, "windows_by_minute").find(
    (row) => row.product_id === "WIDE" && row.trade_count === 172,
  );
  expect(minute).toMatchObject({
    price_sum: formatUnits(prices, 10),
    total_volume: formatUnits(volume, 8),
    notional: formatUnits(notional, 18),
    avg_price: formatUnits(divideHalfUp(prices, 172n), 10),
    vwap: formatUnits(divideHalfUp(notional, volume), 10),
    max_price: "9999999999.9999999999",
    min_price: "0.0000000001",
  });
});

test("86 and 171 ticks of 10^18 each, which rules 1 took: no metric fails, and the other products' rows are as without them", async () => {
  const huge = (n: number) =>
    Array.from({ length: n }, (_, i) => lineOf({ product_id: "HUGE", price: "99999999", last_size: "9999999999" }, i));
  const summary = async (lines: string[], rules: number) => {
    const dir = tempDir();
    new TickStore(join(dir.path, "ticks.db")).close();
    sqlite(dir.path, "ticks.db", `UPDATE settings SET value = '${rules}' WHERE name = 'rules'`);
    await follow(dir.path, lines);
    const { json } = await batch(dir.path);
    expect(json.failed).toEqual([]);
    expect(json.reconciliation).toMatchObject({ unexplained: 0, pending: 0 });
    const rows = resultRows(dir.path, "summary_by_product");
    const hours = resultRows(dir.path, "vwap");
    dir[Symbol.dispose]();
    return { rows, hours };
  };
  const others = recordedLines().slice(0, 500);
  const alone = await summary(others, 1);
  for (const [n, rules] of [
    [86, 1],
    [171, 1],
    [171, 2],
  ] as const) {
    const both = await summary([...huge(n), ...others, closing("HUGE")], rules);
    expect(both.rows.filter((row) => row.product_id !== "HUGE")).toEqual(alone.rows);
    expect(both.hours.filter((row) => row.product_id !== "HUGE")).toEqual(alone.hours);
    const [row] = both.rows.filter(({ product_id }) => product_id === "HUGE");
    if (rules === 2) expect(row).toMatchObject({ notional: "1" });
    else if (n === 171) expect(row).toMatchObject({ notional: null, vwap: null, price_sum: `${99_999_999 * 171 + 1}` });
    else expect(row).toMatchObject({ notional: formatUnits(99_999_999n * 9_999_999_999n * 86n + 1n, 0) });
  }
});

test("PEPE-like sizes are ticks; windows with only zero sizes have no vwap in either pipeline, and the CSV cell is empty", async () => {
  using dir = tempDir();
  const pepe = ["2500000", "12500000000", "2500000"].map((last_size, i) =>
    lineOf({ product_id: "PEPE-USD", price: "0.00000989", last_size }, i),
  );
  const zero = [0, 1].map((i) => lineOf({ product_id: "ZERO", price: "5", last_size: "0.00000000" }, i));
  await follow(dir.path, [...pepe, ...zero, closing("PEPE-USD"), closing("ZERO")]);
  const { json } = await batch(dir.path);
  expect(json).toMatchObject({ failed: [], ticks_total: 7, reconciliation: { compared: 2, equal: 2 } });
  const [window] = sqlite(dir.path, "windows.db", "SELECT * FROM windows WHERE product_id = 'ZERO' AND final = 1");
  expect(window).toMatchObject({ vwap: null, total_volume: "0", notional: "0", avg_price: "5", trade_count: 2 });
  const minute = resultRows(dir.path, "windows_by_minute").find(
    (row) => row.product_id === "ZERO" && row.close_price === "5",
  );
  expect(minute).toMatchObject({ vwap: null, total_volume: "0" });
  const csv = (await Bun.file(join(dir.path, "stream_csv/windows_1m.csv")).text()).trimEnd().split("\n");
  const at = csv[0]!.split(",").indexOf("vwap");
  expect(csv.find((row) => row.includes("ZERO"))!.split(",")[at]).toBe("");
  const export_ = await run("query", [
    "--data",
    dir.path,
    "--format",
    "csv",
    "SELECT product_id, vwap FROM windows WHERE final = 1 ORDER BY 1",
  ]);
  expect(export_.stdout).toContain("ZERO,\n");
});
