/** A window's columns as exact text, derived from its sums by the rules of stream and batch. */
import { divideHalfUp, formatUnits, parseUnits } from "../../scripts/base/decimal.ts";
import { PRICE_SCALE_MAX, SIZE_SCALE_MAX } from "../../scripts/base/limits.ts";
import type { Json } from "../../scripts/contract/results.ts";
import { buySellRatio, sentiment, THRESHOLDS } from "../../scripts/contract/thresholds.ts";

const NOTIONAL_SCALE = PRICE_SCALE_MAX + SIZE_SCALE_MAX;

/** The columns in which both pipelines are compared, in the order in which they are shown. */
export const COMPARED_COLUMNS = [
  "trade_count",
  "open_price",
  "max_price",
  "min_price",
  "close_price",
  "avg_price",
  "vwap",
  "total_volume",
  "notional",
  "price_sum",
  "price_range",
  "buy_count",
  "sell_count",
  "buy_sell_ratio",
  "market_sentiment",
  "volatility_flag",
  "volume_spike",
  "first_trade_id",
  "last_trade_id",
] as const;

/** By column: exact decimals without trailing zeros; null where the window has no such value. */
export type WindowValues = Record<(typeof COMPARED_COLUMNS)[number], string | null>;

/**
 * The columns of a row of the stream or the batch; what it lacks is derived from its sums
 * (docs/semantics.md "Exact arithmetic").
 */
export function windowValues(row: Readonly<Record<string, Json | undefined>>): WindowValues {
  const derived = { ...row, ...derivedFrom(row) };
  const text = (name: string) => {
    const value = row[name] === undefined ? derived[name] : row[name];
    return value == null ? null : String(value);
  };
  return Object.fromEntries(COMPARED_COLUMNS.map((name) => [name, text(name)])) as WindowValues;
}

function derivedFrom(row: Readonly<Record<string, Json | undefined>>): Record<string, Json> {
  const [trades, buys, sells] = [Number(row.trade_count), Number(row.buy_count), Number(row.sell_count)];
  const price_sum = units(row.price_sum, PRICE_SCALE_MAX);
  const volume = units(row.total_volume, SIZE_SCALE_MAX);
  const notional = units(row.notional, NOTIONAL_SCALE);
  const [max, min] = [units(row.max_price, PRICE_SCALE_MAX), units(row.min_price, PRICE_SCALE_MAX)];
  const range = max === null || min === null ? null : max - min;
  const quotient = (sum: bigint | null, count: bigint) =>
    sum === null || count === 0n ? null : formatUnits(divideHalfUp(sum, count), PRICE_SCALE_MAX);
  return {
    avg_price: quotient(price_sum, BigInt(trades || 0)),
    vwap: quotient(notional, volume ?? 0n),
    price_range: range === null ? null : formatUnits(range, PRICE_SCALE_MAX),
    buy_sell_ratio: buySellRatio(buys, sells),
    market_sentiment: sentiment(buys, sells),
    volatility_flag:
      range !== null && range > parseUnits(THRESHOLDS.volatility_range, PRICE_SCALE_MAX) ? "High" : "Normal",
    volume_spike: volume !== null && volume > parseUnits(THRESHOLDS.volume_spike, SIZE_SCALE_MAX) ? "Spike" : "Normal",
  };
}

/** Null for what is not an exact decimal of this scale: a row changed by hand has such. */
function units(value: Json | undefined, scale: number): bigint | null {
  try {
    return value == null ? null : parseUnits(String(value), scale);
  } catch {
    return null;
  }
}
