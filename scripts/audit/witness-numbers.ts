/** The five numbers of a minute: from its trades, from a row, and compared with a candle exactly. */
import { formatUnits, parseUnits, pow10 } from "../base/decimal.ts";
import { PRICE_SCALE_MAX, SIZE_SCALE_MAX } from "../base/limits.ts";
import { CANDLE_COLUMNS, type Candle, type CandleColumn } from "../contract/candle.ts";

/** A trade as the witness compares it. */
export interface WitnessTrade {
  trade_id: number;
  /** Microseconds since 1970 UTC. */
  time_us: number;
  /** Units of 10^-10. */
  price: bigint;
  /** Units of 10^-8. */
  size: bigint;
}

/** Prices in units of 10^-10, the volume in units of 10^-8. */
export type MinuteNumbers = Record<CandleColumn, bigint>;

/** By time, then id: the order of open, close and of summing. */
function byTime(a: WitnessTrade, b: WitnessTrade): number {
  return a.time_us - b.time_us || a.trade_id - b.trade_id;
}

/** Null without a trade. */
export function numbersOf(trades: readonly WitnessTrade[]): MinuteNumbers | null {
  const [first] = trades;
  if (first === undefined) return null;
  let [open, close] = [first, first];
  const sum = { low: first.price, high: first.price, volume: 0n };
  for (const trade of trades) {
    if (byTime(trade, open) < 0) open = trade;
    if (byTime(trade, close) > 0) close = trade;
    if (trade.price < sum.low) sum.low = trade.price;
    if (trade.price > sum.high) sum.high = trade.price;
    sum.volume += trade.size;
  }
  return { ...sum, open: open.price, close: close.price };
}

/** The sizes added as binary floats, by time and id. */
function floatVolume(trades: readonly WitnessTrade[]): number {
  const sizes = trades.toSorted(byTime).map(({ size }) => Number(formatUnits(size, SIZE_SCALE_MAX)));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** A number's text for people and JSON. */
export function textOf(numbers: MinuteNumbers | null, column: CandleColumn): string | null {
  return numbers === null ? null : formatUnits(numbers[column], column === "volume" ? SIZE_SCALE_MAX : PRICE_SCALE_MAX);
}

export function isSame(a: MinuteNumbers | null, b: MinuteNumbers | null): boolean {
  if (a === null || b === null) return a === b;
  return CANDLE_COLUMNS.every((column) => a[column] === b[column]);
}

/** The columns in which a candle isn't that of these trades; all when only one of the two is there. */
export function differing(candle: Candle | null, trades: readonly WitnessTrade[]): CandleColumn[] {
  const numbers = numbersOf(trades);
  if (candle === null || numbers === null) return candle === numbers ? [] : [...CANDLE_COLUMNS];
  return CANDLE_COLUMNS.filter((column) =>
    column === "volume"
      ? !isVolume(candle.volume, numbers.volume, trades)
      : !isExactly(candle[column], numbers[column], PRICE_SCALE_MAX),
  );
}

function isExactly(text: string, units: bigint, scale: number): boolean {
  return text === formatUnits(units, scale);
}

/**
 * The exchange may add sizes as binary floats (docs/witness.md "Numbers"). Equal are the exact digits;
 * bit for bit the sum of floats; more digits than sizes have, which round to the exact ones; and the
 * nearest float of a volume too long for one.
 */
function isVolume(text: string, units: bigint, trades: readonly WitnessTrade[]): boolean {
  if (isExactly(text, units, SIZE_SCALE_MAX)) return true;
  if (text.startsWith("-")) return false;
  if (Number(text) === floatVolume(trades)) return true;
  const digits = text.split(".")[1]?.length ?? 0;
  if (digits > SIZE_SCALE_MAX) return rounded(text, digits) === units;
  const exact = formatUnits(units, SIZE_SCALE_MAX);
  return exact.replace(".", "").length > FLOAT_DIGITS && Number(exact) === Number(text);
}

/** Decimal digits that every binary float keeps. */
const FLOAT_DIGITS = 15;

/** Half up, to units of 10^-8. */
function rounded(text: string, digits: number): bigint {
  const unit = pow10(digits - SIZE_SCALE_MAX);
  return (parseUnits(text, digits) * 2n + unit) / (2n * unit);
}

/**
 * How many of the trades, in the order of their ids, make the candle: it was published before the rest
 * were made. Null when no beginning of them does.
 */
export function beginningOf(candle: Candle, trades: readonly WitnessTrade[]): number | null {
  const made: WitnessTrade[] = [];
  let volume = 0n;
  const most = parseUnits(candle.volume.replace(/(\.\d{8})\d+$/, "$1"), SIZE_SCALE_MAX) + 1n;
  for (const trade of trades.toSorted((a, b) => a.trade_id - b.trade_id)) {
    made.push(trade);
    volume += trade.size;
    if (volume > most) return null;
    if (volume >= most - 2n && made.length < trades.length && differing(candle, made).length === 0) return made.length;
  }
  return null;
}
