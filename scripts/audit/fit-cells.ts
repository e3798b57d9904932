/** Whether a foreign cell is a computed value: exactly, rounded, or as a float. */
import { type Decimal, isExactly, isRounded, nearestDouble, type Rounding, readDecimal } from "./arithmetic-decimal.ts";
import { looseEnds, type RowStyle } from "./arithmetic-ends.ts";
import { FloatRow } from "./arithmetic-float-row.ts";
import { inSumOrder, isNarrow, type SumOrder, sortedBy, unsorted } from "./arithmetic-order.ts";
import { type Common, commonOf, decimalRow, type Row, type Value } from "./arithmetic-row.ts";
import type { AuditColumn, CellType } from "./audit-types.ts";
import type { EngineLog } from "./engine-log.ts";

/** One way in which a column can have been computed, for all its rows. */
export type CellPlan =
  | { arithmetic: "decimal"; rounding: Rounding }
  | { arithmetic: "float32" | "float64"; order: SumOrder; places: number | null };

/** Columns that no arithmetic changes. */
const EXACT_COLUMNS = ["trade_count", "buy_count", "sell_count", "first_trade_id", "last_trade_id"];
/** Columns whose exact value has endless digits. */
export const QUOTIENTS: readonly AuditColumn[] = ["avg_price", "vwap", "buy_sell_ratio"];
/** Columns that are sums, or made of them. */
export const SUMS: readonly AuditColumn[] = ["avg_price", "price_sum", "total_volume", "notional", "vwap"];
/** Columns of words. */
export const FLAGS: readonly AuditColumn[] = ["volatility_flag", "market_sentiment", "volume_spike"];
/** Under 32-bit inputs these stay 32 bits; sums and averages are 64. */
const NARROW: readonly AuditColumn[] = ["max_price", "min_price", "price_range", "open_price", "close_price"];

export const isNumeric = (column: AuditColumn): boolean => !EXACT_COLUMNS.includes(column) && !FLAGS.includes(column);

/** A cell, parsed once. */
export interface Cell {
  text: string | null;
  decimal: Decimal | null;
  number: number;
}

export function readCell(text: string | null): Cell {
  if (text === null || text === "") return { text: null, decimal: null, number: Number.NaN };
  return { text, decimal: readDecimal(text), number: Number(text) };
}

/** A window's values for a set of members, each arithmetic computed when first asked for. */
export class RowValues {
  #decimal: Row | null = null;
  #common: Common | null = null;
  #floats = new Map<string, FloatRow>();
  #sorted = new Map<string, readonly number[]>();
  #ends: ReturnType<typeof looseEnds> | null = null;

  constructor(
    readonly log: EngineLog,
    readonly members: readonly number[],
    readonly style: RowStyle,
    readonly batch: Int32Array | null,
  ) {}

  /** Of loose ends: rows that each have one of the prices that this column can be; null when it is one. */
  ends(column: AuditColumn): RowValues[] | null {
    const { ends } = this.style;
    if ((column !== "open_price" && column !== "close_price") || (ends !== "tied" && ends !== "partition")) return null;
    this.#ends ??= looseEnds(this.log, this.members, this.style, this.batch);
    const style = { ...this.style, ends: "arrival" as const };
    const found = this.#ends[column].map((i) => new RowValues(this.log, [i], style, this.batch));
    return found.length === 0 ? null : found;
  }

  get decimal(): Row {
    this.#decimal ??= decimalRow(this.log, this.members, this.#commonOf());
    return this.#decimal;
  }

  float(width: 32 | 64, order: SumOrder): FloatRow {
    const added = this.#inOrder(order);
    const key = `${width} ${added === this.members ? unsorted(order) : order}`;
    let row = this.#floats.get(key);
    if (row === undefined) {
      row = new FloatRow(this.log, this.#commonOf(), { width, order, batch: this.batch, added });
      this.#floats.set(key, row);
    }
    return row;
  }

  #commonOf(): Common {
    this.#common ??= commonOf(this.log, this.members, this.style);
    return this.#common;
  }

  /** The members in an order of adding: the same list where that changes nothing. */
  #inOrder(order: SumOrder): readonly number[] {
    const key = order === "batches" ? order : sortedBy(order);
    if (key === undefined) return this.members;
    let sorted = this.#sorted.get(key);
    if (sorted === undefined) {
      sorted = inSumOrder(this.log, this.members, order, { batch: this.batch, times: this.style.times });
      if (sorted.every((i, n) => i === this.members[n])) sorted = this.members;
      this.#sorted.set(key, sorted);
    }
    return sorted;
  }
}

/** Whether the cell is what this plan computes of the members. */
export function isReproduced(cell: Cell, column: AuditColumn, type: CellType, plan: CellPlan, of: RowValues): boolean {
  const ends = of.ends(column);
  if (ends !== null) return ends.some((one) => isReproduced(cell, column, type, plan, one));
  if (plan.arithmetic === "decimal" && plan.rounding.to === "float" && type !== "float32" && !isFloatText(cell))
    return false;
  if (plan.arithmetic === "decimal" || EXACT_COLUMNS.includes(column) || column === "buy_sell_ratio")
    return isValue(cell, of.decimal[column], plan.arithmetic === "decimal" ? plan.rounding : ratioRounding(plan));
  const width = plan.arithmetic === "float32" ? 32 : 64;
  const row = of.float(width, plan.order);
  const value = row.value(column);
  if (typeof value === "string") return cell.text === value;
  if (value === undefined || Number.isNaN(value)) return cell.text === null;
  if (Number.isNaN(cell.number)) return false;
  if (plan.places !== null) return isRoundedFloat(cell, value, plan.places);
  if (cell.number === value) return true;
  if (Math.fround(cell.number) === Math.fround(value))
    if (type === "float32" || (isOf32(column, plan) && isShortest(cell, value))) return true;
  const isOpen = plan.order === "any" || (plan.order === "batches" && row.isMixed);
  return isOpen && Math.abs(cell.number - value) <= row.tolerance(column);
}

/** Whether the text is a 32-bit float as engines write it: its own digits, or those of its double. */
function isFloatText(cell: Cell): boolean {
  const float = Math.fround(cell.number);
  return cell.number === float || (Number.isFinite(float) && isShortest(cell, float));
}

/**
 * Whether a text that reads as this 32-bit float has no more digits than that takes, and the nearest
 * ones: so floats are written. Halfway between two, Java may take either.
 */
function isShortest(cell: Cell, float: number): boolean {
  let digits = 1;
  while (Math.fround(Number(float.toPrecision(digits))) !== float) digits++;
  const own = String(cell.decimal?.units ?? "").replace(/^-|0+$/g, "").length;
  const unit = 10 ** (Math.floor(Math.log10(Math.abs(float))) + 1 - digits);
  return own <= digits && Math.abs(cell.number - float) <= (unit / 2) * (1 + 1e-6);
}

/** Whether the column's values are 32-bit floats. */
function isOf32(column: AuditColumn, { arithmetic, order }: Extract<CellPlan, { order: SumOrder }>): boolean {
  return arithmetic === "float32" && (NARROW.includes(column) || isNarrow(order));
}

/** A ratio of counts is the same doubles in every float engine. */
function ratioRounding({ places }: Extract<CellPlan, { order: SumOrder }>): Rounding {
  return places === null ? { to: "double" } : { to: "places", n: places, tie: "up" };
}

/** Ties are accepted both ways: engines round a double's text or its binary value. */
function isRoundedFloat(cell: Cell, value: number, places: number): boolean {
  if (cell.decimal === null || cell.decimal.scale > places) return false;
  return Math.abs(cell.number - value) <= 0.5 * 10 ** -places * (1 + 1e-9) + Math.abs(value) * 2 ** -51;
}

/** Whether the cell is this value, rounded so; a ratio may also be the doubles' own. */
export function isValue(cell: Cell, value: Value, rounding: Rounding): boolean {
  if (value === null) return cell.text === null;
  if (typeof value === "string") return cell.text === value;
  if (cell.decimal === null) return false;
  if (value.den === 1n && value.double === undefined && rounding.to !== "exact") return isExactly(cell.decimal, value);
  if (rounding.to === "double" && value.double !== undefined && cell.number === value.double) return true;
  return isRounded(cell.decimal, value, rounding);
}

/** A value as text: exact digits; ten places of what is endless, as Tidemark writes them. */
export function valueText(column: AuditColumn, value: Value, digits: (value: Value) => string): string | null {
  if (value === null || typeof value === "string") return value;
  if (column === "buy_sell_ratio") return String(value.double ?? nearestDouble(value));
  return digits(value);
}
