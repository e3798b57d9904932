/** The values of a table of trades as a batch has them: exact, and as sums of doubles. */
import { divideHalfUp, formatUnits, parseUnits, pow10 } from "../../base/decimal.ts";
import { buySellRatio, sentiment, THRESHOLDS } from "../../contract/thresholds.ts";
import type { AuditColumn } from "../audit-types.ts";
import { type Candidate, SCALE } from "./consumed.ts";

/** Columns of a batch that can be computed; others are ignored. */
export const BATCH_COLUMNS = [
  "trade_count",
  "buy_count",
  "sell_count",
  "avg_price",
  "max_price",
  "min_price",
  "price_range",
  "price_sum",
  "total_volume",
  "notional",
  "vwap",
  "buy_sell_ratio",
  "volatility_flag",
  "market_sentiment",
  "volume_spike",
] as const satisfies readonly AuditColumn[];
export type BatchColumn = (typeof BATCH_COLUMNS)[number];

/** A number as numerator ÷ denominator. */
interface Fraction {
  a: bigint;
  b: bigint;
}

/** A number with how far a computation in doubles may be from it; or a word. Null without a trade. */
type BatchValue = { word: string } | { exact: Fraction; slack: number; doubles: readonly number[] } | null;

const ONE = pow10(SCALE);
/** Each addition of n rounds by at most this part; a further operation by one more. */
const DOUBLE_STEP = 2 ** -52;

/** The values of these rows; nulls count as rows, and in no sum. */
export function batchValues(rows: readonly Candidate[]): Record<BatchColumn, BatchValue> {
  const prices = rows.flatMap(({ price }) => price ?? []);
  const sizes = rows.flatMap(({ size }) => size ?? []);
  const both = rows.flatMap(({ price, size }) => (price === null || size === null ? [] : [price * size]));
  const [sum, volume, notional] = [prices, sizes, both].map((values) => values.reduce((a, b) => a + b, 0n)) as [
    bigint,
    bigint,
    bigint,
  ];
  const [buys, sells] = ["buy", "sell"].map((side) => rows.filter((row) => row.side === side).length) as [
    number,
    number,
  ];
  const slack = (rows.length + 2) * DOUBLE_STEP;
  // Sizes can have both signs: the sum is rounded by its parts, not by what they add up to.
  const absolute = (values: readonly bigint[]) => values.reduce((a, b) => a + (b < 0n ? -b : b), 0n);
  const max = extreme(prices, 1n);
  const min = extreme(prices, -1n);
  const some = (value: BatchValue) => (prices.length === 0 ? null : value);
  const count = (value: number): BatchValue => ({ exact: { a: BigInt(value), b: 1n }, slack: 0, doubles: [] });
  const total = (value: bigint, parts: readonly bigint[], unit: bigint): BatchValue => ({
    exact: { a: value, b: unit },
    slack: slack * quotient({ a: absolute(parts), b: unit }),
    doubles: [],
  });
  const ratio = buySellRatio(buys, sells);
  return {
    trade_count: count(rows.length),
    buy_count: count(buys),
    sell_count: count(sells),
    avg_price: some({
      exact: { a: sum, b: ONE * BigInt(prices.length || 1) },
      slack: (slack * quotient({ a: absolute(prices), b: ONE })) / (prices.length || 1),
      doubles: [],
    }),
    max_price: some(double({ a: max, b: ONE })),
    min_price: some(double({ a: min, b: ONE })),
    price_range: some(rangeOf(max, min)),
    price_sum: some(total(sum, prices, ONE)),
    total_volume: total(volume, sizes, ONE),
    notional: total(notional, both, ONE * ONE),
    vwap: volume === 0n ? null : vwapOf(notional, volume, absolute(both), slack),
    buy_sell_ratio: { exact: exactOf(ratio), slack: 0, doubles: [ratio] },
    volatility_flag: some({ word: max - min > parseUnits(THRESHOLDS.volatility_range, SCALE) ? "High" : "Normal" }),
    market_sentiment: { word: sentiment(buys, sells) },
    volume_spike: { word: volume > parseUnits(THRESHOLDS.volume_spike, SCALE) ? "Spike" : "Normal" },
  };
}

/** The largest value for a sign of 1, the smallest for −1; 0 of none. */
function extreme(values: readonly bigint[], sign: 1n | -1n): bigint {
  let found = values[0] ?? 0n;
  for (const value of values) if ((value - found) * sign > 0n) found = value;
  return found;
}

function vwapOf(notional: bigint, volume: bigint, absolute: bigint, slack: number): BatchValue {
  return {
    exact: { a: notional, b: volume * ONE },
    slack: 2 * slack * Math.abs(quotient({ a: absolute, b: volume * ONE })),
    doubles: [],
  };
}

/** Read from a text, a price is its nearest double, or its nearest 32-bit float. */
function double(exact: Fraction): BatchValue {
  const value = quotient(exact);
  return { exact, slack: 0, doubles: [value, Math.fround(value)] };
}

function rangeOf(max: bigint, min: bigint): BatchValue {
  const [high, low] = [quotient({ a: max, b: ONE }), quotient({ a: min, b: ONE })];
  const floats = Math.fround(Math.fround(high) - Math.fround(low));
  return { exact: { a: max - min, b: ONE }, slack: 0, doubles: [high - low, floats] };
}

/** Nearest double; the operands are cut to what a double can hold first. */
function quotient({ a, b }: Fraction): number {
  return Number(textOf({ a, b }, 25));
}

/** Rounded half up, away from 0, to this number of decimals. */
function textOf({ a, b }: Fraction, decimals: number): string {
  const negative = a < 0n !== b < 0n;
  const [top, bottom] = [a < 0n ? -a : a, b < 0n ? -b : b];
  const units = divideHalfUp(top * pow10(decimals), bottom);
  return formatUnits(negative ? -units : units, decimals);
}

function exactOf(value: number): Fraction {
  return { a: BigInt(Math.round(value * 2 ** 40)), b: 2n ** 40n };
}

/** The exact value for people; at most 20 decimals. */
export function shownValue(value: BatchValue): string | null {
  if (value === null) return null;
  if ("word" in value) return value.word;
  return value.doubles.length === 1 ? String(value.doubles[0]) : textOf(value.exact, SCALE);
}

/**
 * How their cell fits a value: `equal`: the exact one, or its nearest double, or rounded to their
 * decimals; `float`: what binary floats make of it (W1); null: neither.
 */
export function fitOf(theirs: string | null, value: BatchValue): "equal" | "float" | null {
  if (theirs === null || value === null) return theirs === value ? "equal" : null;
  if ("word" in value) return theirs === value.word ? "equal" : null;
  const own = Number(theirs);
  if (theirs.trim() === "" || !Number.isFinite(own)) return null;
  const { exact, slack, doubles } = value;
  if (doubles.length === 1)
    return own === doubles[0] ? "equal" : Math.abs(own - doubles[0]!) <= 4 * DOUBLE_STEP * own ? "float" : null;
  const decimals = /^-?\d+(?:\.(\d+))?$/.exec(theirs)?.[1]?.length ?? 0;
  if (own === quotient(exact) || isRounded(theirs, exact, decimals)) return "equal";
  return doubles.includes(own) || Math.abs(own - quotient(exact)) <= slack ? "float" : null;
}

/** Whether a decimal text is the exact value, or that rounded half up or half even to its decimals. */
function isRounded(theirs: string, exact: Fraction, decimals: number): boolean {
  if (!/^-?\d+(\.\d+)?$/.test(theirs)) return false;
  const units = parseUnits(theirs, decimals);
  const isWhole = units * exact.b === exact.a * pow10(decimals);
  // A rounding of few decimals would hide a lost trade.
  if (isWhole || decimals < ROUNDED_DECIMALS_MIN) return isWhole;
  const distance = 2n * (units * exact.b - exact.a * pow10(decimals));
  return (distance < 0n ? -distance : distance) <= (exact.b < 0n ? -exact.b : exact.b);
}

/** Decimals of an average that is compared as rounded. */
const ROUNDED_DECIMALS_MIN = 4;
