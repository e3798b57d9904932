/** A first comparison of rows in doubles, quick and tolerant, by which models are chosen. */

import { buySellRatio } from "../contract/thresholds.ts";
import { readDecimal } from "./arithmetic-decimal.ts";
import type { AuditColumn, Counts, ForeignRow } from "./audit-types.ts";
import { type EngineLog, SIDE } from "./engine-log.ts";

/** Relative error of 32-bit inputs, with room for their sums. */
const RELATIVE = 2 ** -22;

/** By which each addition of 32-bit floats may round, and the average or quotient of them. */
const NARROW_STEP = 2 ** -23;

/** Running sums of a window in doubles. */
export class LooseSums {
  count = 0;
  priced = 0;
  /** First arrivals of their ids. */
  ids = 0;
  buys = 0;
  sells = 0;
  price = 0;
  size = 0;
  notional = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;

  add(log: EngineLog, i: number): void {
    const price = log.price[i]!;
    const size = log.size[i]!;
    this.count++;
    if (isFirst(log, i)) this.ids++;
    const side = log.side[i];
    if (side === SIDE.buy) this.buys++;
    else if (side === SIDE.sell) this.sells++;
    if (!Number.isNaN(price)) {
      this.priced++;
      this.price += price;
      if (price < this.min) this.min = price;
      if (price > this.max) this.max = price;
    }
    if (Number.isNaN(size)) return;
    this.size += size;
    if (!Number.isNaN(price)) this.notional += price * size;
  }

  /** Takes a record out; false when it was the least or the greatest, which only a new sum finds. */
  remove(log: EngineLog, i: number): boolean {
    const price = log.price[i]!;
    const size = log.size[i]!;
    this.count--;
    if (isFirst(log, i)) this.ids--;
    const side = log.side[i];
    if (side === SIDE.buy) this.buys--;
    else if (side === SIDE.sell) this.sells--;
    if (!Number.isNaN(size)) this.size -= size;
    if (Number.isNaN(price)) return true;
    this.priced--;
    this.price -= price;
    if (!Number.isNaN(size)) this.notional -= price * size;
    return price > this.min && price < this.max;
  }

  /** Adds another part's sums. */
  merge(other: LooseSums): void {
    this.count += other.count;
    this.priced += other.priced;
    this.ids += other.ids;
    this.buys += other.buys;
    this.sells += other.sells;
    this.price += other.price;
    this.size += other.size;
    this.notional += other.notional;
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
  }

  counted(counts: Counts): number {
    if (counts === "ids") return this.ids;
    return counts === "records" ? this.count : this.priced;
  }

  copy(): LooseSums {
    return Object.assign(new LooseSums(), this);
  }
}

/** Of a repeated id, repeats are in the same window: there the first is the one that is counted. */
const isFirst = (log: EngineLog, i: number): boolean => log.earlier[i] === -1 && !Number.isNaN(log.id[i]!);

export function looseSums(log: EngineLog, members: Iterable<number>): LooseSums {
  const sums = new LooseSums();
  for (const i of members) sums.add(log, i);
  return sums;
}

/** Columns beside the counts that running sums give (looseValue). */
const LOOSE_COLUMNS = [
  "avg_price",
  "max_price",
  "min_price",
  "price_range",
  "price_sum",
  "total_volume",
  "notional",
  "vwap",
  "buy_sell_ratio",
] as const satisfies readonly AuditColumn[];
type LooseColumn = (typeof LOOSE_COLUMNS)[number];
const TOTALS: readonly AuditColumn[] = ["avg_price", "price_sum", "total_volume", "notional", "vwap"];

/** A row's numbers; NaN where it has none. */
export interface LooseRow {
  trade_count: number;
  buy_count: number;
  sell_count: number;
  numbers: { column: LooseColumn; value: number; half: number }[];
}

/** How near the numbers of an answer's columns can be to exact ones. */
export interface Nearness {
  /** Digits of each column, for columns that were rounded for people. */
  places: ReadonlyMap<AuditColumn, number>;
  /** Columns of totals that were kept in 32 bits. */
  narrow: ReadonlySet<AuditColumn>;
}

/** `count`: ticks of the row, if it does not tell. */
export function looseRow(row: ForeignRow, { places, narrow }: Nearness, count = 0): LooseRow {
  const number = (column: AuditColumn) => {
    const text = row.cells[column];
    return text === undefined || text === null || text.trim() === "" ? Number.NaN : Number(text);
  };
  return {
    trade_count: number("trade_count"),
    buy_count: number("buy_count"),
    sell_count: number("sell_count"),
    numbers: LOOSE_COLUMNS.flatMap((column) => {
      const value = number(column);
      const half = 0.5 * 10 ** -(places.get(column) ?? 20);
      const error = narrow.has(column) ? Math.abs(value) * (number("trade_count") || count) * NARROW_STEP : 0;
      return Number.isNaN(value) ? [] : [{ column, value, half: half + error }];
    }),
  };
}

/** Digits after the point of each column's longest text. */
export function columnPlaces(rows: readonly ForeignRow[]): Map<AuditColumn, number> {
  const places = new Map<AuditColumn, number>();
  for (const { cells } of rows)
    for (const [name, text] of Object.entries(cells) as [AuditColumn, string | null][]) {
      const scale = readDecimal(text ?? "")?.scale ?? -1;
      if (scale > (places.get(name) ?? -1)) places.set(name, scale);
    }
  return places;
}

/** Columns of sums that only totals of 32 bits make, in most rows whose counts and extremes are exact. */
export function narrowColumns(
  rows: readonly { row: ForeignRow; sums: LooseSums }[],
  places: ReadonlyMap<AuditColumn, number>,
): Set<AuditColumn> {
  const votes = new Map<AuditColumn, number>();
  for (const { row, sums } of rows) {
    const [plain, wide] = [new Set<AuditColumn>(), new Set(TOTALS)].map((narrow) =>
      looseRow(row, { places, narrow }, sums.count),
    ) as [LooseRow, LooseRow];
    if (!fitsLoosely(wide, sums, "records")) continue;
    for (const one of plain.numbers) {
      if (!TOTALS.includes(one.column)) continue;
      const isNear = fitsLoosely({ ...plain, numbers: [one] }, sums, "records");
      votes.set(one.column, (votes.get(one.column) ?? 0) + (isNear ? -1 : 1));
    }
  }
  return new Set([...votes].flatMap(([column, vote]) => (vote > 0 ? [column] : [])));
}

export function fitsLoosely(row: LooseRow, sums: LooseSums, counts: Counts): boolean {
  if (
    differs(row.trade_count, sums.counted(counts)) ||
    differs(row.buy_count, sums.buys) ||
    differs(row.sell_count, sums.sells)
  )
    return false;
  for (const { column, value, half } of row.numbers) {
    const [computed, size] = looseValue(column, sums);
    if (!(Math.abs(value - computed) <= size * RELATIVE + half)) return false;
  }
  return true;
}

/** NaN: the row has no such count. */
const differs = (theirs: number, ours: number): boolean => !Number.isNaN(theirs) && theirs !== ours;

/** A column's value, and the size of what its error is relative to. */
function looseValue(column: LooseColumn, s: LooseSums): [value: number, size: number] {
  const own = (value: number): [number, number] => [value, Math.abs(value)];
  if (column === "avg_price") return own(s.price / s.priced);
  if (column === "max_price") return own(s.max);
  if (column === "min_price") return own(s.min);
  if (column === "price_range") return [s.max - s.min, Math.abs(s.max) + Math.abs(s.min)];
  if (column === "price_sum") return own(s.price);
  if (column === "total_volume") return own(s.size);
  if (column === "notional") return own(s.notional);
  if (column === "vwap") return own(s.notional / s.size);
  return [buySellRatio(s.buys, s.sells), buySellRatio(s.buys, s.sells) * 1e-6];
}
