/** What a foreign consumer's table holds after part of the log: each trade that it could have stored. */
import type { Mantissa } from "../../contract/tick.ts";
import type { AuditRecord } from "../audit-types.ts";
import { isMerging, MERGING_KEYS, type MergingKey, mergedBy } from "./consumed-keys.ts";

/** An exact decimal: mantissa ÷ 10^scale. */
export interface Decimal {
  mantissa: Mantissa;
  scale: number;
}

/** A record that a consumer could have stored. */
export interface Candidate {
  /** Of the record among all. */
  index: number;
  record: AuditRecord;
  id: string;
  product_id: string | null;
  /** Number of its id, and of its product and id, among those of the log. */
  id_number: number;
  key_number: number;
  /** Null where it is not a number. */
  price: Decimal | null;
  size: Decimal | null;
  side: string | null;
  /** Whether Tidemark's rules accept it as a trade. */
  isTick: boolean;
  hasQuotes: boolean;
}

/** How a consumer stores: one way for all of the log. */
export interface Consumer {
  /** What a refused record does: nothing; a row where its numbers are numbers; a row with nulls. */
  malformed: "skipped" | "numbers" | "nulls";
  /** A repeated key: its first record stays, its last replaces it, or each is a row. */
  repeats: "first" | "last" | "all";
  key: "product and id" | "id" | MergingKey;
  /** Whether messages without quotes are skipped. */
  quotes: boolean;
}

/** The consumer that makes no mistake. */
export const EXACT: Consumer = { malformed: "skipped", repeats: "first", key: "product and id", quotes: false };

/** Every record with an id, in log order. */
export function candidatesOf(records: readonly AuditRecord[]): Candidate[] {
  const numbers = new Map<string, number>();
  const numberOf = (key: string) => {
    const number = numbers.get(key) ?? numbers.size;
    if (number === numbers.size) numbers.set(key, number);
    return number;
  };
  const candidates: Candidate[] = [];
  for (const [index, record] of records.entries()) {
    const { tick, raw } = record;
    const id = tick === null ? (raw?.trade_id ?? null) : String(tick.trade_id);
    if (id === null) continue;
    const product_id = tick === null ? raw!.product_id : tick.product_id;
    candidates.push({
      index,
      record,
      id,
      product_id,
      id_number: numberOf(id),
      key_number: numberOf(`${id} ${product_id}`),
      price: tick === null ? lenient(raw!.price) : { mantissa: tick.price_mantissa, scale: tick.price_scale },
      size: tick === null ? lenient(raw!.last_size) : { mantissa: tick.size_mantissa, scale: tick.size_scale },
      side: tick === null ? raw!.side : tick.side,
      isTick: tick !== null,
      hasQuotes: tick === null || (tick.best_bid !== null && tick.best_ask !== null),
    });
  }
  return candidates;
}

/** Decimals and other digits of a refused number; with more it is not a number. */
const DIGITS_MAX = 20;

/** A number as a float parser takes it; null for anything else, and for one of too many digits. */
function lenient(text: string | null): Decimal | null {
  const [, sign, whole, fraction = ""] = /^\s*([+-]?)(\d+)(?:\.(\d*))?\s*$/.exec(text ?? "") ?? [];
  if (whole === undefined || whole.length > DIGITS_MAX || fraction.length > DIGITS_MAX) return null;
  const mantissa = BigInt(whole + fraction);
  return { mantissa: sign === "-" ? -mantissa : mantissa, scale: fraction.length };
}

/** Whether this consumer stores the record, if it does not know its key yet. */
function isStored(consumer: Consumer, { isTick, hasQuotes, price, size }: Candidate): boolean {
  if (consumer.quotes && !hasQuotes) return false;
  if (isTick || consumer.malformed === "nulls") return true;
  return consumer.malformed === "numbers" && price !== null && size !== null;
}

/** Numbers of ids and of keys are below this. */
function numbersOf(all: readonly Candidate[]): number {
  return 2 * all.length;
}

/** Numbers of merged sets, by index of the record: of each log and key once. */
const merged = new WeakMap<readonly Candidate[], Map<MergingKey, Int32Array>>();

/** The number of a candidate's key to this consumer. */
function keysBy({ key }: Consumer, all: readonly Candidate[]): (each: Candidate) => number {
  if (!isMerging(key)) return key === "id" ? (each) => each.id_number : (each) => each.key_number;
  const byKey = merged.get(all) ?? new Map<MergingKey, Int32Array>();
  merged.set(all, byKey);
  let numbers = byKey.get(key);
  if (numbers === undefined) {
    numbers = new Int32Array((all.at(-1)?.index ?? 0) + 1);
    const known = new Map<string, number>();
    for (const each of all) {
      const text = mergedBy(key, each);
      const number = known.get(text) ?? known.size;
      known.set(text, number);
      numbers[each.index] = number;
    }
    byKey.set(key, numbers);
  }
  return (each) => numbers[each.index]!;
}

/** The rows of the consumer's table after the candidates from `from` up to `to` (exclusive). */
export function tableAfter(consumer: Consumer, all: readonly Candidate[], from: number, to: number): Candidate[] {
  const rows: Candidate[] = [];
  const rowOf = new Int32Array(numbersOf(all));
  const keyOf = keysBy(consumer, all);
  for (let i = from; i < to; i++) {
    const each = all[i]!;
    if (!isStored(consumer, each)) continue;
    const key = keyOf(each);
    if (consumer.repeats === "all" || rowOf[key] === 0) rowOf[key] = rows.push(each);
    else if (consumer.repeats === "last") rows[rowOf[key]! - 1] = each;
  }
  return rows;
}

/** Counts a table's rows, record by record in any order. */
function counter(consumer: Consumer, all: readonly Candidate[]): (each: Candidate) => number {
  const known = new Uint8Array(numbersOf(all));
  const keyOf = keysBy(consumer, all);
  let rows = 0;
  return (each) => {
    if (!isStored(consumer, each)) return rows;
    const key = keyOf(each);
    if (consumer.repeats === "all" || known[key] === 0) rows++;
    known[key] = 1;
    return rows;
  };
}

/**
 * Ends (exclusive) of the parts from the start on after which the table has `count` rows: the
 * earliest and the latest; none when it never has.
 */
export function endsOf(consumer: Consumer, all: readonly Candidate[], count: number): number[] {
  const rowsWith = counter(consumer, all);
  let earliest: number | null = null;
  for (const [i, each] of all.entries()) {
    const rows = rowsWith(each);
    if (rows === count) earliest ??= i + 1;
    if (rows > count) return earliest === null ? [] : [...new Set([earliest, i])];
  }
  return earliest === null ? [] : [...new Set([earliest, all.length])];
}

/** Where a consumer that read to the end had begun, if its table has `count` rows: the latest start. */
export function startOf(consumer: Consumer, all: readonly Candidate[], count: number): number | null {
  const rowsWith = counter(consumer, all);
  for (let i = all.length - 1; i >= 0; i--) if (rowsWith(all[i]!) === count) return i;
  return null;
}

/**
 * Consumers that can differ over this log, the fewest mistakes first, those that merge trades last. A
 * choice is left out where the log has no record on which it depends.
 */
export function consumersOf(all: readonly Candidate[]): Consumer[] {
  const byId = consumersById(all);
  const merging = byId.filter(({ key, repeats }) => key === EXACT.key && repeats !== "all");
  return [...byId, ...MERGING_KEYS.flatMap((key) => merging.map((one) => ({ ...one, key })))];
}

function consumersById(all: readonly Candidate[]): Consumer[] {
  const ticks = all.filter(({ isTick }) => isTick);
  const refused = all.filter(({ isTick }) => !isTick);
  const hasNumbers = ({ price, size }: Candidate) => price !== null && size !== null;
  const malformed: Consumer["malformed"][] = ["skipped"];
  if (refused.some(hasNumbers)) malformed.push("numbers");
  if (!refused.every(hasNumbers)) malformed.push("nulls");
  const isRepeated = new Set(all.map(({ key_number }) => key_number)).size < all.length;
  const repeats: Consumer["repeats"][] = isRepeated ? ["first", "last", "all"] : ["first"];
  const keys: Consumer["key"][] = ["product and id"];
  if (new Set(all.map(({ product_id }) => product_id)).size > 1) keys.push("id");
  const isQuoted = new Set(ticks.map(({ hasQuotes }) => hasQuotes)).size > 1;
  const quotes = isQuoted ? [false, true] : [false];
  return malformed
    .flatMap((malformed) => repeats.map((repeats) => ({ malformed, repeats })))
    .flatMap((some) => keys.flatMap((key) => quotes.map((quotes): Consumer => ({ ...some, key, quotes }))))
    .sort((a, b) => mistakesIn(a) - mistakesIn(b));
}

function mistakesIn(consumer: Consumer): number {
  return (Object.keys(EXACT) as (keyof Consumer)[]).filter((choice) => consumer[choice] !== EXACT[choice]).length;
}
