/** Cells of a foreign trade against a record of the log, and the rules that all rows of a table follow. */

import { formatUnits } from "../../base/decimal.ts";
import { isoFromUs } from "../../base/iso.ts";
import { timeOf } from "./answer-times.ts";
import { type Candidate, SCALE } from "./consumed.ts";
import type { TradeColumn, TradeTable, TradeVerdict } from "./other-kinds.ts";

type Row = TradeTable["rows"][number];

/** One way for the whole table; a row of its own way is unexplained. */
export interface TradeRules {
  /** The last record of a repeated id replaces the first. */
  replaces: boolean;
  /** Prices are 32-bit floats (W1). */
  floats: boolean;
  /** Their times are cut to ms, or differ by a constant (W7). */
  time: "exact" | "ms" | { shift_us: number };
  /** Trades whose id does not fit 32 bits, by what is left of it (W6). */
  wrapped: ReadonlyMap<string, Candidate[]>;
  how: string[];
}

/** Part of the rows that must follow a rule. */
const MOST = 0.9;
const ID_BITS = 32;

/** Finds the rules of a table; `tickOf` is the trade that a row should be. */
export function tradeRules(
  table: TradeTable,
  tickOf: (row: Row) => Candidate | undefined,
  byId: ReadonlyMap<string, Candidate[]>,
): TradeRules {
  const pairs = table.rows.flatMap((row) => {
    const tick = tickOf(row);
    return tick === undefined ? [] : [{ row, tick }];
  });
  const rules: TradeRules = {
    replaces: false,
    floats: false,
    time: timeRule(pairs),
    wrapped: wrappedIds(byId),
    how: [],
  };
  const fits = (each: (typeof pairs)[number], of: Candidate, own = rules) =>
    tradeCells(each.row, of, table, own).length === 0;
  const repeated = pairs.filter(({ tick }) => byId.get(tick.id)!.some((other) => isOther(other, tick)));
  const last = repeated.filter((each) => fits(each, byId.get(each.tick.id)!.at(-1)!)).length;
  const first = repeated.filter((each) => fits(each, each.tick)).length;
  const wrong = pairs.filter((each) => !fits(each, each.tick));
  const floats = wrong.filter((each) => fits(each, each.tick, { ...rules, floats: true })).length;
  rules.replaces = last > first;
  rules.floats = floats > 0 && floats >= MOST * wrong.length && floats * 2 > pairs.length;
  if (rules.replaces)
    rules.how.push(
      `The last record of a repeated id replaces the first (${last} of ${repeated.length} differing ones).`,
    );
  if (rules.floats) rules.how.push(`Numbers are 32-bit floats (${floats} of ${pairs.length} rows).`);
  if (rules.time === "ms") rules.how.push("Times are cut to milliseconds.");
  else if (rules.time !== "exact") rules.how.push(`Times differ by ${-rules.time.shift_us / 1e6} s from UTC.`);
  return rules;
}

function isOther(other: Candidate, tick: Candidate): boolean {
  return other !== tick && (other.price !== tick.price || other.size !== tick.size || other.side !== tick.side);
}

function wrappedIds(byId: ReadonlyMap<string, Candidate[]>): Map<string, Candidate[]> {
  const large = [...byId.values()].flatMap((all) => all.filter(({ isTick, id }) => isTick && BigInt(id) >= 2n ** 31n));
  return Map.groupBy(large, ({ id }) => String(BigInt.asIntN(ID_BITS, BigInt(id))));
}

/** A constant by which most times differ, or that all are whole milliseconds where ours are not. */
function timeRule(pairs: readonly { row: Row; tick: Candidate }[]): TradeRules["time"] {
  const shifts = pairs.flatMap(({ row, tick }) => {
    const theirs = timeOf(row.cells.time ?? "");
    const own_us = tick.record.tick?.time_us;
    return theirs === null || own_us === undefined ? [] : [{ theirs, own_us }];
  });
  const part = (isSo: (each: (typeof shifts)[number]) => boolean) =>
    shifts.filter(isSo).length / Math.max(1, shifts.length);
  if (shifts.length === 0 || part(({ theirs, own_us }) => theirs === own_us) > 1 - MOST) {
    const cut = ({ theirs, own_us }: (typeof shifts)[number]) => theirs === Math.floor(own_us / 1_000) * 1_000;
    return shifts.some(({ theirs, own_us }) => theirs !== own_us) && part(cut) >= MOST ? "ms" : "exact";
  }
  const cut = ({ theirs, own_us }: (typeof shifts)[number]) => theirs === Math.floor(own_us / 1_000) * 1_000;
  if (part(cut) >= MOST) return "ms";
  const shift_us = shifts[0]!.own_us - shifts[0]!.theirs;
  return part(({ theirs, own_us }) => own_us - theirs === shift_us) >= MOST ? { shift_us } : "exact";
}

/** The cells of a row that are not those of a record, by the rules of the table, or by none. */
export function tradeCells(
  row: Row,
  of: Candidate,
  table: TradeTable,
  rules: TradeRules | null,
): TradeVerdict["differences"] {
  return table.columns.flatMap(({ name, type }) => {
    const theirs = row.cells[name] ?? null;
    const exact = textOf(of, name);
    if (exact === UNKNOWN || isEqual(name, theirs, exact, rules, type === "float32")) return [];
    return [{ column: name, theirs, exact }];
  });
}

const UNKNOWN = Symbol("unknown");

/** The record's own text; unknown where the audit's records do not have it. */
function textOf(of: Candidate, column: TradeColumn): string | null | typeof UNKNOWN {
  const { tick, raw } = of.record;
  switch (column) {
    case "price":
      return of.price === null ? (raw?.price ?? null) : formatUnits(of.price, SCALE);
    case "last_size":
      return of.size === null ? (raw?.last_size ?? null) : formatUnits(of.size, SCALE);
    case "side":
      return of.side;
    case "time":
      return tick === null ? (raw?.time ?? null) : isoFromUs(tick.time_us);
    default:
      // A quote that is not exact is null in the records, and one of a refused record is not kept.
      return tick?.[column] ?? UNKNOWN;
  }
}

function isEqual(
  column: TradeColumn,
  theirs: string | null,
  exact: string | null,
  rules: TradeRules | null,
  isShort: boolean,
): boolean {
  if (theirs === null || exact === null) return theirs === exact;
  if (column === "side") return theirs.toLowerCase() === exact.toLowerCase();
  if (theirs === exact) return true;
  if (column === "time") return isTime(timeOf(theirs), timeOf(exact), rules?.time ?? "exact");
  const [one, other] = [Number(theirs), Number(exact)];
  if (one === other || rules?.floats !== true) return one === other;
  // The text of a 32-bit column is its shortest; elsewhere such a float is a double of its value.
  return (isShort ? Math.fround(one) : one) === Math.fround(other);
}

function isTime(theirs: number | null, own_us: number | null, rule: TradeRules["time"]): boolean {
  if (theirs === null || own_us === null) return false;
  if (rule === "ms") return theirs === own_us || theirs === Math.floor(own_us / 1_000) * 1_000;
  return theirs + (rule === "exact" ? 0 : rule.shift_us) === own_us;
}
