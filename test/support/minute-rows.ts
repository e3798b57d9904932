/** The recorded hour's first trades, and one row per minute as a plain script writes it. */
import { formatUnits, parseUnits } from "../../scripts/base/decimal.ts";
import { recordedLines } from "./data.ts";

export const LINES = recordedLines().slice(0, 1_500);
export interface Trade {
  product_id: string;
  trade_id: number;
  time: string;
  price: string;
  last_size: string;
  side: string;
}
export const TRADES = LINES.map((line) => JSON.parse(line) as Trade);

/** One row per minute as a plain script writes it: count, highest and lowest price, exact volume. */
export function rows(trades: Trade[]): string[][] {
  const minutes = Map.groupBy(trades, ({ time }) => `${time.slice(0, 16)}:00Z`);
  return [...minutes].sort().map(([start, some]) => {
    const prices = some.map(({ price }) => parseUnits(price, 2)).sort((a, b) => Number(a - b));
    const volume = some.reduce((sum, { last_size }) => sum + parseUnits(last_size, 8), 0n);
    return [start, some.length, formatUnits(prices.at(-1)!, 2), formatUnits(prices[0]!, 2), formatUnits(volume, 8)].map(
      String,
    );
  });
}
export const csv = (list: string[][]) =>
  `window_start,n,high,low,volume\n${list.map((row) => row.join(",")).join("\n")}\n`;
