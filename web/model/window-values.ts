/** A window's columns as exact text, derived from its sums by the rules of stream and batch. */
import { divideHalfUp, formatUnits, parseUnits } from "../../scripts/base/decimal.ts";
import { PRICE_SCALE_MAX, SIZE_SCALE_MAX } from "../../scripts/base/limits.ts";
import type { Json } from "../../scripts/contract/results.ts";
import { buySellRatio, sentiment, THRESHOLDS } from "../../scripts/contract/thresholds.ts";
import { COMPARED_COLUMNS, type WindowValues } from "../../scripts/contract/window-explained.ts";

const NOTIONAL_SCALE = PRICE_SCALE_MAX + SIZE_SCALE_MAX;

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

/** The sums of several windows' late ticks, in the columns that can be added; null without any. */
export function addedValues(parts: readonly Readonly<Record<string, Json>>[]): Record<string, string> | null {
  if (parts.length === 0) return null;
  const added = Object.entries(ADDED).map(([column, scale]) => {
    const units_of = parts.map((part) => units(part[column], scale) ?? 0n);
    return [
      column,
      formatUnits(
        units_of.reduce((sum, one) => sum + one, 0n),
        scale,
      ),
    ] as const;
  });
  return Object.fromEntries(added.filter(([, sum]) => sum !== "0"));
}

/** Digits after the point of the columns that are sums. */
const ADDED = {
  trade_count: 0,
  buy_count: 0,
  sell_count: 0,
  price_sum: PRICE_SCALE_MAX,
  total_volume: SIZE_SCALE_MAX,
  notional: NOTIONAL_SCALE,
};

/** Null for what is not an exact decimal of this scale: a row changed by hand has such. */
function units(value: Json | undefined, scale: number): bigint | null {
  try {
    return value == null ? null : parseUnits(String(value), scale);
  } catch {
    return null;
  }
}

/** One window from all the smaller ones in it, by start: exact sums, and what follows from them. */
export function summedValues(parts: readonly WindowValues[]): WindowValues | null {
  const [first, last] = [parts[0], parts.at(-1)];
  if (first === undefined || last === undefined) return null;
  const sum = (column: "price_sum" | "total_volume" | "notional", scale: number) =>
    formatUnits(
      parts.reduce((total, part) => total + (units(part[column], scale) ?? 0n), 0n),
      scale,
    );
  const count = (column: "trade_count" | "buy_count" | "sell_count") =>
    parts.reduce((total, part) => total + Number(part[column]), 0);
  const prices = (column: "max_price" | "min_price") =>
    parts.map((part) => units(part[column], PRICE_SCALE_MAX) ?? 0n).sort((a, b) => (a < b ? -1 : 1));
  return windowValues({
    trade_count: count("trade_count"),
    buy_count: count("buy_count"),
    sell_count: count("sell_count"),
    price_sum: sum("price_sum", PRICE_SCALE_MAX),
    total_volume: sum("total_volume", SIZE_SCALE_MAX),
    notional: sum("notional", NOTIONAL_SCALE),
    max_price: formatUnits(prices("max_price").at(-1)!, PRICE_SCALE_MAX),
    min_price: formatUnits(prices("min_price")[0]!, PRICE_SCALE_MAX),
    open_price: first.open_price,
    close_price: last.close_price,
    first_trade_id: Math.min(...parts.map((part) => Number(part.first_trade_id))),
    last_trade_id: Math.max(...parts.map((part) => Number(part.last_trade_id))),
  });
}
