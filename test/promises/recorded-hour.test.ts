/** The recorded hour, in windows.db and ticks.db: exactly the answers of data/recordings/README.md. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseUnits } from "../../scripts/base/decimal.ts";
import type { WindowRow } from "../../scripts/contract/window.ts";
import { fillLog, recordedLines, tempDir } from "../support/data.ts";
import { run } from "../support/process.ts";

test("stream and consume: 60 windows, 13,197 ticks, every sum to the last digit", async () => {
  using dir = tempDir();
  await fillLog(dir.path, recordedLines());
  const streamed = await run("stream", ["--data", dir.path, "--until-end", "--flush", "--json"]);
  const consumed = await run("consume", ["--data", dir.path, "--until-end", "--json"]);
  expect([streamed.code, consumed.code]).toEqual([0, 0]);
  expect(streamed.json).toMatchObject({ records: 13_197, windows: 60, late: 0, duplicates: 0, malformed: 0 });
  expect(consumed.json).toMatchObject({ records: 13_197, inserted: 13_197, duplicates: 0, malformed: 0 });

  const db = new Database(join(dir.path, "windows.db"), { readonly: true });
  const rows = db.query<WindowRow, []>("SELECT * FROM windows ORDER BY window_start_us").all();
  db.close();
  const total = (column: "price_sum" | "total_volume" | "notional") =>
    rows.reduce((sum, row) => sum + parseUnits(row[column], 18), 0n);
  expect(total("price_sum")).toBe(parseUnits("340097766.67", 18));
  expect(total("total_volume")).toBe(parseUnits("476.42093807", 18));
  expect(total("notional")).toBe(parseUnits("12277106.4796721222", 18));
  expect(rows.reduce((sum, row) => sum + row.buy_count, 0)).toBe(6_520);
  expect(rows.reduce((sum, row) => sum + row.sell_count, 0)).toBe(6_677);
  expect(rows.reduce((sum, row) => sum + row.missing, 0)).toBe(0);
  expect(rows.map((row) => row.trade_count).sort((a, b) => a - b)).toEqual(expect.arrayContaining([104, 519]));
  expect(rows.find((row) => row.window_start.includes("T16:00"))).toMatchObject({
    trade_count: 238,
    buy_count: 132,
    min_price: "25735.62",
    max_price: "25745.72",
    price_sum: "6126200",
    total_volume: "8.40453046",
    open_price: "25741.02",
    close_price: "25741.54",
  });
  expect(rows.find((row) => row.window_start.includes("T16:30"))).toMatchObject({
    trade_count: 256,
    buy_count: 141,
    price_sum: "6596829.67",
    total_volume: "12.12731561",
    open_price: "25760.55",
    close_price: "25773.39",
  });
  expect(rows.at(-1)).toMatchObject({
    trade_count: 182,
    buy_count: 81,
    price_sum: "4684779.53",
    close_price: "25735.97",
  });

  const csv = readFileSync(join(dir.path, "stream_csv/windows_1m.csv"), "utf8").trimEnd().split("\n");
  expect(csv.length).toBe(61);
  expect(csv[0]).toStartWith(
    "window_start,window_end,avg_price,max_price,min_price,price_range,volatility_flag,total_volume,trade_count,buy_sell_ratio,market_sentiment,volume_spike,",
  );
});
