/** What a foreign consumer's table holds after part of the log: each trade that it could have stored. */
import { parseUnits, pow10 } from "../../base/decimal.ts";
import type { AuditRecord } from "../audit-types.ts";

/** Decimals of prices and sizes as bigints of this scale; exact for each tick. */
export const SCALE = 20;

/** A record that a consumer could have stored. */
export interface Candidate {
  /** Of the record among all. */
  index: number;
  record: AuditRecord;
  id: string;
  product_id: string | null;
  /** Units of 10^-SCALE; null where it is not a number. */
  price: bigint | null;
  size: bigint | null;
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
  key: "product and id" | "id";
  /** Whether messages without quotes are skipped. */
  quotes: boolean;
}

/** The consumer that makes no mistake. */
export const EXACT: Consumer = { malformed: "skipped", repeats: "first", key: "product and id", quotes: false };

/** Every record with an id, in log order. */
export function candidatesOf(records: readonly AuditRecord[]): Candidate[] {
  return records.flatMap((record, index): Candidate[] => {
    const { tick, raw } = record;
    if (tick !== null)
      return [
        {
          index,
          record,
          id: String(tick.trade_id),
          product_id: tick.product_id,
          price: BigInt(tick.price_mantissa) * pow10(SCALE - tick.price_scale),
          size: BigInt(tick.size_mantissa) * pow10(SCALE - tick.size_scale),
          side: tick.side,
          isTick: true,
          hasQuotes: tick.best_bid !== null && tick.best_ask !== null,
        },
      ];
    if (raw === null || raw.trade_id === null) return [];
    const { trade_id, product_id, price, last_size, side } = raw;
    const numbers = { price: lenientUnits(price), size: lenientUnits(last_size) };
    return [{ index, record, id: trade_id, product_id, ...numbers, side, isTick: false, hasQuotes: true }];
  });
}

/** A number as a float parser takes it; null for anything else, also for more digits than SCALE. */
function lenientUnits(text: string | null): bigint | null {
  if (text === null || text.length > SCALE * 2) return null;
  try {
    return parseUnits(text.trim(), SCALE);
  } catch {
    return null;
  }
}

/** Whether this consumer stores the record, if it does not know its key yet. */
function isStored(consumer: Consumer, { isTick, hasQuotes, price, size }: Candidate): boolean {
  if (consumer.quotes && !hasQuotes) return false;
  if (isTick || consumer.malformed === "nulls") return true;
  return consumer.malformed === "numbers" && price !== null && size !== null;
}

function keyOf(consumer: Consumer, { id, product_id }: Candidate): string {
  return consumer.key === "id" ? id : `${id} ${product_id}`;
}

/** The rows of the consumer's table after the candidates in `part`. */
export function tableAfter(consumer: Consumer, part: readonly Candidate[]): Candidate[] {
  const stored = part.filter((each) => isStored(consumer, each));
  if (consumer.repeats === "all") return stored;
  const rows = new Map<string, Candidate>();
  for (const each of stored) {
    const key = keyOf(consumer, each);
    if (consumer.repeats === "last" || !rows.has(key)) rows.set(key, each);
  }
  return [...rows.values()];
}

/**
 * Ends (exclusive) of the parts from `from` on after which the table has `count` rows: the earliest
 * and the latest; none when it never has.
 */
export function endsOf(consumer: Consumer, all: readonly Candidate[], from: number, count: number): number[] {
  const keys = new Set<string>();
  let rows = 0;
  let earliest: number | null = null;
  for (let i = from; i < all.length; i++) {
    if (!isStored(consumer, all[i]!)) continue;
    if (consumer.repeats === "all") rows++;
    else rows = keys.add(keyOf(consumer, all[i]!)).size;
    if (rows === count) earliest ??= i + 1;
    if (rows > count) return earliest === null ? [] : [...new Set([earliest, i])];
  }
  return earliest === null ? [] : [...new Set([earliest, all.length])];
}

/** Where a consumer that read to the end had begun, if its table has `count` rows: the latest start. */
export function startOf(consumer: Consumer, all: readonly Candidate[], count: number): number | null {
  const keys = new Set<string>();
  let rows = 0;
  for (let i = all.length - 1; i >= 0; i--) {
    if (!isStored(consumer, all[i]!)) continue;
    if (consumer.repeats === "all") rows++;
    else rows = keys.add(keyOf(consumer, all[i]!)).size;
    if (rows === count) return i;
  }
  return null;
}

/**
 * Consumers that can differ over this log, the fewest mistakes first. A choice is left out where the
 * log has no record on which it depends.
 */
export function consumersOf(all: readonly Candidate[]): Consumer[] {
  const ids = new Set<string>();
  const repeated = all.some(({ id, product_id }) => ids.size === ids.add(`${id} ${product_id}`).size);
  const products = new Set(all.map(({ product_id }) => product_id));
  const refused = all.some(({ isTick }) => !isTick);
  const quoted = new Set(all.flatMap(({ isTick, hasQuotes }) => (isTick ? [hasQuotes] : []))).size > 1;
  const consumers = (refused ? (["skipped", "numbers", "nulls"] as const) : (["skipped"] as const)).flatMap(
    (malformed) =>
      (repeated ? (["first", "last", "all"] as const) : (["first"] as const)).flatMap((repeats) =>
        (products.size > 1 ? (["product and id", "id"] as const) : (["product and id"] as const)).flatMap((key) =>
          (quoted ? [false, true] : [false]).map((quotes): Consumer => ({ malformed, repeats, key, quotes })),
        ),
      ),
  );
  return consumers.sort((a, b) => mistakesOf(a) - mistakesOf(b));
}

function mistakesOf(consumer: Consumer): number {
  return (Object.keys(EXACT) as (keyof Consumer)[]).filter((choice) => consumer[choice] !== EXACT[choice]).length;
}
