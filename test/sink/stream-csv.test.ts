/** stream_csv/ follows the one rule for CSV cells, and continues in a file that an older version wrote. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CSV_COLUMNS } from "../../scripts/contract/window-columns.ts";
import { WindowCsv } from "../../scripts/sink/stream-csv.ts";
import { addTick, emptyWindow, toRow } from "../../scripts/window/aggregate.ts";
import { tempDir } from "../support/data.ts";

const HEADER = `${CSV_COLUMNS.join(",")}\n`;
const MINUTE = 60_000_000;
const at = { partition: 0, offset: 0, appended_us: 0 };

/** A closed window of one trade. */
function row(product_id: string, start_us = 0) {
  const window = emptyWindow(product_id, MINUTE, start_us, -1);
  const price = { price_mantissa: 15, price_scale: 1, size_mantissa: 2, size_scale: 0 };
  addTick(window, { product_id, trade_id: 7, time_us: start_us, ...price, side: "buy" }, at);
  return toRow(window);
}
const line = (product: string) =>
  `1970-01-01T00:00:00.000000Z,1970-01-01T00:01:00.000000Z,1.5,1.5,1.5,0,Normal,2,1,99999.99999999999,Bullish,Normal,${product},1,0,1.5,1.5,1.5,3,1.5,7,7,0\n`;

test("a product that a spreadsheet would take for a formula is guarded as in the exports", () => {
  using dir = tempDir();
  const csv = new WindowCsv(dir.path, "windows_1m.csv", () => []);
  csv.append(
    ["-1+1", "=1+1", "@a", "-1", "BTC-USD", 'a,"b"'].map((product) => row(product)),
    0,
  );
  csv.close();
  const products = ["-1", "'-1+1", "'=1+1", "'@a", "BTC-USD", '"a,""b"""'];
  expect(readFileSync(join(dir.path, "windows_1m.csv"), "utf8")).toBe(HEADER + products.map(line).join(""));
});

test("committed lines stay as an older version wrote them; what is behind them is cut off", () => {
  using dir = tempDir();
  const path = join(dir.path, "windows_1m.csv");
  const committed = HEADER + line("-1+1");
  writeFileSync(path, `${committed}${line("ETH-USD").slice(0, 40)}`);
  const csv = new WindowCsv(dir.path, "windows_1m.csv", () => []);
  const length = csv.append([row("-1+1")], committed.length);
  csv.close();
  expect(readFileSync(path, "utf8")).toBe(committed + line("'-1+1"));
  expect(length).toBe(committed.length + line("'-1+1").length);
});
