/** By which fields of a trade a consumer takes others for repeats of it, beside its id (W13). */
import type { Mantissa } from "../../contract/tick.ts";
import type { AuditRecord } from "../audit-types.ts";

/** A record with the numbers that a consumer reads in it; null where they are none. */
interface Stored {
  record: AuditRecord;
  price: { mantissa: Mantissa; scale: number } | null;
  size: Stored["price"];
}

/** The one that merges least first. */
export const MERGING_KEYS = ["time, price and size", "time and price", "time"] as const;
export type MergingKey = (typeof MERGING_KEYS)[number];

export function isMerging(key: string): key is MergingKey {
  return (MERGING_KEYS as readonly string[]).includes(key);
}

/** What a trade has in common with those that are the same by this key; numbers as doubles. */
export function mergedBy(key: MergingKey, { record: { tick, raw }, price, size }: Stored): string {
  const time = tick?.time_us ?? raw?.time;
  if (key === "time") return `${time}`;
  if (key === "time and price") return `${time} ${double(price)}`;
  return `${time} ${double(price)} ${double(size)}`;
}

function double(value: Stored["price"]): number | null {
  return value && Number(`${value.mantissa}e-${value.scale}`);
}

/** Which record of a merged set the table has. */
export interface Merges<T> {
  key: MergingKey;
  keeps: "first" | "last";
  /** Trades that it leaves out. */
  missing: ReadonlySet<T>;
}

/** Trades that have to be merged before it is a rule: a single one can be lost. */
export const MERGED_MIN = 2;

/**
 * The key by which a table with these trades has merged the others: of no set it has two, of each the
 * first, or of each the last. Null where no key does that.
 */
export function mergesOf<T extends Stored>(ticks: readonly T[], isFound: (tick: T) => boolean): Merges<T> | null {
  for (const key of MERGING_KEYS) {
    const sets = Map.groupBy(ticks, (tick) => mergedBy(key, tick));
    const missing = new Set<T>();
    const kept = { first: true, last: true };
    let isRule = true;
    for (const set of sets.values()) {
      if (set.length === 1) continue;
      const found = set.filter(isFound);
      if (found.length > 1) isRule = false;
      if (!isRule) break;
      if (found.length === 0) continue;
      kept.first &&= found[0] === set[0];
      kept.last &&= found[0] === set.at(-1);
      for (const tick of set) if (tick !== found[0]) missing.add(tick);
    }
    if (isRule && (kept.first || kept.last) && missing.size >= MERGED_MIN)
      return { key, keeps: kept.first ? "first" : "last", missing };
  }
  return null;
}
