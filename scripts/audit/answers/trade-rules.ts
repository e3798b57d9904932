/** The rules that all rows of a foreign table of trades follow; a row of its own way is unexplained. */

import { timeOf } from "./answer-times.ts";
import type { Candidate } from "./consumed.ts";
import { fromDecimal } from "./exact-sum.ts";
import type { TradeTable } from "./other-kinds.ts";
import { type CellRules, tradeCells } from "./trade-cells.ts";
import type { TradeLog } from "./trade-log.ts";

export interface TradeRules extends CellRules {
  /** The last record of a repeated id replaces the first. */
  replaces: boolean;
  /** Trades whose id does not fit 32 bits, by what is left of it (W6). */
  wrapped: ReadonlyMap<string, Candidate[]>;
  how: string[];
}

interface Pair {
  row: TradeTable["rows"][number];
  tick: Candidate;
}

/** Part of the rows that must follow a rule, of this many, evenly spread. */
const MOST = 0.9;
const SAMPLE_ROWS = 10_000;
const ID_BITS = 32;

/** Finds the rules of a table: numbers and times by a sample, repeats by all rows of such ids. */
export function tradeRules(table: TradeTable, log: TradeLog): TradeRules {
  const every = Math.ceil(table.rows.length / SAMPLE_ROWS);
  const paired = (row: Pair["row"]): Pair[] => {
    const tick = log.tickOf(row);
    return tick === undefined ? [] : [{ row, tick }];
  };
  const pairs = table.rows.filter((_, i) => i % every === 0).flatMap(paired);
  const rules: TradeRules = {
    replaces: false,
    floats: false,
    time: timeRule(pairs),
    wrapped: wrappedIds(log),
    how: [],
  };
  const fits = ({ row }: Pair, of: Candidate, own: CellRules = rules) => tradeCells(row, of, table, own).length === 0;
  const wrong = pairs.filter((pair) => !fits(pair, pair.tick));
  const floats = wrong.filter((pair) => fits(pair, pair.tick, { ...rules, floats: true })).length;
  rules.floats = floats > 0 && floats >= MOST * wrong.length && floats * 2 > pairs.length;
  const repeated = table.rows
    .filter(({ trade_id }) => trade_id !== null && log.isRepeated(trade_id))
    .flatMap(paired)
    .filter(({ tick }) => log.with(tick.id).some((other) => isOther(other, tick)));
  const last = repeated.filter((pair) => fits(pair, log.with(pair.tick.id).at(-1)!)).length;
  rules.replaces = last > repeated.filter((pair) => fits(pair, pair.tick)).length;
  const { replaces, time, how } = rules;
  if (replaces)
    how.push(`The last record of a repeated id replaces the first (${last} of ${repeated.length} that differ).`);
  if (rules.floats) how.push(`Numbers are 32-bit floats (${floats} of ${pairs.length} rows that were tried).`);
  if (time === "ms") how.push("Times are cut to milliseconds.");
  else if (time !== "exact") how.push(`Times differ by ${-time.shift_us / 1e6} s from UTC.`);
  return rules;
}

function isOther(other: Candidate, tick: Candidate): boolean {
  const isSame = (one: Candidate["price"], two: Candidate["price"]) =>
    (one && fromDecimal(one)) === (two && fromDecimal(two));
  if (other === tick) return false;
  return !isSame(other.price, tick.price) || !isSame(other.size, tick.size) || other.side !== tick.side;
}

function wrappedIds({ ticks }: TradeLog): Map<string, Candidate[]> {
  const large = ticks.filter(({ id }) => Number(id) >= 2 ** (ID_BITS - 1));
  return Map.groupBy(large, ({ id }) => String(BigInt.asIntN(ID_BITS, BigInt(id))));
}

/** Whether most times are cut to whole milliseconds, or differ by one constant. */
function timeRule(pairs: readonly Pair[]): CellRules["time"] {
  const times = pairs.flatMap(({ row, tick }) => {
    const theirs = timeOf(row.cells.time ?? "");
    const own_us = tick.record.tick?.time_us;
    return theirs === null || own_us === undefined ? [] : [{ theirs, own_us }];
  });
  const isMost = (rule: (time: (typeof times)[number]) => boolean) => times.filter(rule).length >= MOST * times.length;
  if (isMost(({ theirs, own_us }) => theirs === own_us)) return "exact";
  if (isMost(({ theirs, own_us }) => theirs === Math.floor(own_us / 1_000) * 1_000)) return "ms";
  // One row may be of its own way, two of three are not.
  const some = [0, Math.floor(times.length / 2), times.length - 1].map((i) => times[i]!.own_us - times[i]!.theirs);
  const shift_us = some.find((shift) => isMost(({ theirs, own_us }) => own_us - theirs === shift));
  return shift_us === undefined ? "exact" : { shift_us };
}
