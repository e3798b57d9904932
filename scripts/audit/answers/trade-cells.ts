/** Cells of a foreign trade against a record of the log. */
import { formatUnits } from "../../base/decimal.ts";
import { isoFromUs } from "../../base/iso.ts";
import { timeOf } from "./answer-times.ts";
import type { Candidate } from "./consumed.ts";
import { fromDecimal, SCALE, toDouble } from "./exact-sum.ts";
import type { TradeColumn, TradeTable, TradeVerdict } from "./other-kinds.ts";

type Row = TradeTable["rows"][number];

/** The cells of a row that are not those of a record, by the rules of the table, or by none. */
export function tradeCells(
  row: Row,
  of: Candidate,
  table: TradeTable,
  rules: CellRules | null,
): TradeVerdict["differences"] {
  return table.columns.flatMap(({ name, type }) => {
    const theirs = row.cells[name] ?? null;
    const exact = exactOf(of, name);
    if (exact === UNKNOWN || isEqual(name, theirs, exact, rules, type === "float32")) return [];
    return [{ column: name, theirs, exact: textOf(of, name) }];
  });
}

/** In what all cells of a table may differ from the log. */
export interface CellRules {
  /** Numbers are 32-bit floats (W1). */
  floats: boolean;
  /** Times are cut to ms, or differ by a constant (W7). */
  time: "exact" | "ms" | { shift_us: number };
}

const UNKNOWN = Symbol("unknown");

/** The record's value: a number where it is one, a time in µs; unknown where the records lack it. */
function exactOf(of: Candidate, column: TradeColumn): number | string | null | typeof UNKNOWN {
  const { tick, raw } = of.record;
  switch (column) {
    case "price":
      return of.price === null ? (raw?.price ?? null) : toDouble(of.price);
    case "last_size":
      return of.size === null ? (raw?.last_size ?? null) : toDouble(of.size);
    case "side":
      return of.side;
    case "time":
      return tick === null ? timeOf(raw?.time ?? "") : tick.time_us;
    default: {
      // A quote that is not exact is null in the records, and one of a refused record is not kept.
      const quote = tick?.[column] ?? null;
      return quote === null ? UNKNOWN : Number(quote);
    }
  }
}

/** The same for people. */
function textOf(of: Candidate, column: TradeColumn): string | null {
  const { tick, raw } = of.record;
  if (column === "side") return of.side;
  if (column === "time") return tick === null ? (raw?.time ?? null) : isoFromUs(tick.time_us);
  if (column !== "price" && column !== "last_size") return tick?.[column] ?? null;
  const value = column === "price" ? of.price : of.size;
  return value === null ? (raw?.[column] ?? null) : formatUnits(fromDecimal(value), SCALE);
}

function isEqual(
  column: TradeColumn,
  theirs: string | null,
  exact: number | string | null,
  rules: CellRules | null,
  isShort: boolean,
): boolean {
  if (theirs === null || exact === null) return theirs === exact;
  if (column === "side") return theirs.toLowerCase() === String(exact).toLowerCase();
  if (typeof exact === "string") return theirs === exact;
  if (column === "time") return isTime(timeOf(theirs), exact, rules?.time ?? "exact");
  const own = theirs.trim() === "" ? Number.NaN : Number(theirs);
  if (own === exact || rules?.floats !== true) return own === exact;
  // The text of a 32-bit column is its shortest; elsewhere such a float is a double of its value.
  return (isShort ? Math.fround(own) : own) === Math.fround(exact);
}

function isTime(theirs: number | null, own_us: number, rule: CellRules["time"]): boolean {
  if (theirs === null) return false;
  if (rule === "ms") return theirs === own_us || theirs === Math.floor(own_us / 1_000) * 1_000;
  return theirs + (rule === "exact" ? 0 : rule.shift_us) === own_us;
}
