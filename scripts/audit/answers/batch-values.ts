/** The values of a table of trades as a batch has them: exact, and as sums of doubles. */
import { parseUnits, pow10 } from "../../base/decimal.ts";
import { buySellRatio, sentiment, THRESHOLDS } from "../../contract/thresholds.ts";
import { exactQuotient, nearestDouble, type Quotient, quotientText } from "../arithmetic-decimal.ts";
import { AUDIT_COLUMNS, type AuditColumn } from "../audit-types.ts";
import type { Candidate, Decimal } from "./consumed.ts";
import { ExactSum, fromDecimal, SCALE, toDouble } from "./exact-sum.ts";

/** A batch row is of a table without an order: it has no first and last. */
type OfAnOrder = "open_price" | "close_price" | "first_trade_id" | "last_trade_id";
export type BatchColumn = Exclude<AuditColumn, OfAnOrder>;
const OF_AN_ORDER: ReadonlySet<AuditColumn> = new Set<OfAnOrder>([
  "open_price",
  "close_price",
  "first_trade_id",
  "last_trade_id",
]);
/** Columns of a batch that can be computed; others are ignored. */
export const BATCH_COLUMNS = AUDIT_COLUMNS.filter((name): name is BatchColumn => !OF_AN_ORDER.has(name));

/** A number with how far a computation in doubles may be from it; or a word. Null without a trade. */
type BatchValue = { word: string } | { exact: Quotient; slack: number; doubles: readonly number[] } | null;

const ONE = pow10(SCALE);
/** Each addition of n rounds by at most this part; a further operation by one more. */
const DOUBLE_STEP = 2 ** -52;

/** Columns that need no sum over the rows; where one is wrong, the sums are not computed. */
export const QUICK_COLUMNS: ReadonlySet<BatchColumn> = new Set([
  "trade_count",
  "buy_count",
  "sell_count",
  "max_price",
  "min_price",
  "price_range",
  "buy_sell_ratio",
  "volatility_flag",
  "market_sentiment",
]);

/** A table's values, each computed when it is asked for; nulls count as rows, and in no sum. */
export class BatchTable {
  readonly #values = new Map<BatchColumn, BatchValue>();
  readonly #sums = new Map<string, ExactSum>();
  readonly #buys: number;
  readonly #sells: number;
  /** Null without a price. */
  readonly #max: bigint | null;
  readonly #min: bigint | null;

  constructor(private readonly rows: readonly Candidate[]) {
    let [buys, sells] = [0, 0];
    let max: Decimal | null = null;
    let min: Decimal | null = null;
    for (const { side, price } of rows) {
      if (side === "buy") buys++;
      else if (side === "sell") sells++;
      if (price === null) continue;
      if (max === null || isAbove(price, max)) max = price;
      if (min === null || isAbove(min, price)) min = price;
    }
    [this.#buys, this.#sells] = [buys, sells];
    this.#max = max && fromDecimal(max);
    this.#min = min && fromDecimal(min);
  }

  value(column: BatchColumn): BatchValue {
    let value = this.#values.get(column);
    if (value === undefined) {
      value = this.#computed(column);
      this.#values.set(column, value);
    }
    return value;
  }

  #computed(column: BatchColumn): BatchValue {
    const [max, min] = [this.#max, this.#min];
    switch (column) {
      case "trade_count":
        return whole(this.rows.length);
      case "buy_count":
        return whole(this.#buys);
      case "sell_count":
        return whole(this.#sells);
      case "max_price":
        return max === null ? null : double({ num: max, den: ONE });
      case "min_price":
        return min === null ? null : double({ num: min, den: ONE });
      case "price_range":
        return max === null || min === null ? null : rangeOf(max, min);
      case "buy_sell_ratio":
        return ratioOf(buySellRatio(this.#buys, this.#sells));
      case "market_sentiment":
        return { word: sentiment(this.#buys, this.#sells) };
      case "volatility_flag": {
        const isHigh = (max ?? 0n) - (min ?? 0n) > parseUnits(THRESHOLDS.volatility_range, SCALE);
        return { word: isHigh ? "High" : "Normal" };
      }
      default:
        return this.#summed(column);
    }
  }

  #summed(column: "avg_price" | "price_sum" | "total_volume" | "notional" | "vwap" | "volume_spike"): BatchValue {
    const slack = (this.rows.length + 2) * DOUBLE_STEP;
    if (column === "price_sum") return rounded(this.#sum("price"), ONE, slack);
    if (column === "avg_price") return rounded(this.#sum("price"), ONE * BigInt(this.#sum("price").parts), slack);
    if (column === "notional") return rounded(this.#sum("notional"), ONE, slack);
    const volume = this.#sum("size");
    if (column === "total_volume") return rounded(volume, ONE, slack);
    if (column === "vwap") return volume.total === 0n ? null : rounded(this.#sum("notional"), volume.total, 2 * slack);
    return { word: volume.total > parseUnits(THRESHOLDS.volume_spike, SCALE) ? "Spike" : "Normal" };
  }

  #sum(name: "price" | "size" | "notional"): ExactSum {
    let sum = this.#sums.get(name);
    if (sum !== undefined) return sum;
    sum = new ExactSum();
    for (const { price, size } of this.rows) {
      if (name === "notional") sum.addProduct(price, size);
      else sum.add(name === "price" ? price : size);
    }
    this.#sums.set(name, sum);
    return sum;
  }
}

/** Orders in which a program may add: as the log has the rows, or by their ids, as a table has them. */
export const ORDERS = ["the log", "trade ids"] as const;

/** What one pass of doubles over the rows makes of their sums, in one of ORDERS. */
export function inDoubles(rows: readonly Candidate[], order: (typeof ORDERS)[number]): Map<BatchColumn, number> {
  const ordered = order === "the log" ? rows : rows.toSorted((a, b) => Number(a.id) - Number(b.id));
  let [prices, count, volume, notional] = [0, 0, 0, 0];
  for (const { price, size } of ordered) {
    if (price !== null) prices += toDouble(price);
    if (price !== null) count++;
    if (size !== null) volume += toDouble(size);
    if (price !== null && size !== null) notional += toDouble(price) * toDouble(size);
  }
  return new Map([
    ["avg_price", prices / count],
    ["price_sum", prices],
    ["total_volume", volume],
    ["notional", notional],
    ["vwap", notional / volume],
  ]);
}

/** Whether a price is above another; their doubles decide unless they are equal. */
function isAbove(one: Decimal, other: Decimal): boolean {
  const [a, b] = [toDouble(one), toDouble(other)];
  return a === b ? fromDecimal(one) > fromDecimal(other) : a > b;
}

function whole(value: number): BatchValue {
  return { exact: { num: BigInt(value), den: 1n }, slack: 0, doubles: [] };
}

function ratioOf(ratio: number): BatchValue {
  return { exact: exactQuotient(ratio), slack: 0, doubles: [ratio] };
}

/** A sum ÷ `den`, that many doubles may have rounded; null of nothing, as SQL's sums are. */
function rounded({ total, parts, absolute }: ExactSum, den: bigint, slack: number): BatchValue {
  if (parts === 0) return null;
  // Negative sizes that were accepted can make a negative volume.
  const [sign, size] = den < 0n ? [-1n, -den] : [1n, den];
  const most = Math.abs(nearestDouble({ num: absolute, den: size }));
  return { exact: { num: sign * total, den: size }, slack: slack * most, doubles: [] };
}

/** Read from a text, a price is its nearest double, or its nearest 32-bit float. */
function double(exact: Quotient): BatchValue {
  const value = nearestDouble(exact);
  return { exact, slack: 0, doubles: [value, Math.fround(value)] };
}

function rangeOf(max: bigint, min: bigint): BatchValue {
  const [high, low] = [nearestDouble({ num: max, den: ONE }), nearestDouble({ num: min, den: ONE })];
  const floats = Math.fround(Math.fround(high) - Math.fround(low));
  return { exact: { num: max - min, den: ONE }, slack: 0, doubles: [high - low, floats] };
}

/** The exact value for people, at most SHOWN_DECIMALS of it. */
export function shownValue(value: BatchValue): string | null {
  if (value === null) return null;
  if ("word" in value) return value.word;
  return value.doubles.length === 1 ? String(value.doubles[0]) : quotientText(value.exact, SHOWN_DECIMALS);
}

const SHOWN_DECIMALS = 20;

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
  if (own === nearestDouble(exact) || isRounded(theirs, exact, decimals)) return "equal";
  return doubles.includes(own) || Math.abs(own - nearestDouble(exact)) <= slack ? "float" : null;
}

/** Whether a decimal text is the exact value, or that rounded half up or half even to its decimals. */
function isRounded(theirs: string, exact: Quotient, decimals: number): boolean {
  if (!/^-?\d+(\.\d+)?$/.test(theirs)) return false;
  const units = parseUnits(theirs, decimals);
  const isWhole = units * exact.den === exact.num * pow10(decimals);
  // A rounding of few decimals would hide a lost trade.
  if (isWhole || decimals < ROUNDED_DECIMALS_MIN) return isWhole;
  const distance = 2n * (units * exact.den - exact.num * pow10(decimals));
  return (distance < 0n ? -distance : distance) <= exact.den;
}

/** Decimals of an average that is compared as rounded. */
const ROUNDED_DECIMALS_MIN = 4;

/** Columns that do not fit; the sums count as such where a quick one does not. */
export function wrongOf(
  { cells }: { cells: Partial<Record<AuditColumn, string | null>> },
  table: BatchTable,
  names: readonly BatchColumn[],
): BatchColumn[] {
  const [quick, sums] = [
    names.filter((name) => QUICK_COLUMNS.has(name)),
    names.filter((name) => !QUICK_COLUMNS.has(name)),
  ];
  const isWrong = (name: BatchColumn) => fitOf(cells[name] ?? null, table.value(name)) === null;
  const wrong = quick.filter(isWrong);
  return wrong.length > 0 ? [...wrong, ...sums] : sums.filter(isWrong);
}
