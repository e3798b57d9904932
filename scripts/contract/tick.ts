/** The types that travel from the log to the stores. Prices and sizes are exact: value = mantissa / 10^scale. */

/** Digits of a decimal as a whole number: a safe integer, or a bigint beyond it (more than 15 digits, which few feeds send). */
export type Mantissa = number | bigint;

/** One trade. `*_mantissa` has no trailing zero unless scale is 0; times are whole microseconds since 1970 UTC. */
export interface Tick {
  product_id: string;
  /** 0 … 2^53 − 1; larger ids are refused, never rounded. */
  trade_id: number;
  time_us: number;
  price_mantissa: Mantissa;
  price_scale: number;
  size_mantissa: Mantissa;
  size_scale: number;
  /** The taker's side. */
  side: "buy" | "sell";
}

/** A tick with all that the store keeps of it. Quotes are decimal text as they came, or null. */
export interface FullTick extends Tick {
  best_bid: string | null;
  best_ask: string | null;
  /** "feed", or "rest" when it was filled from the exchange's REST answer. */
  source: "feed" | "rest";
}

/** Where a record stands in the log, and when the log took it (microseconds since 1970 UTC). */
export interface Position {
  partition: number;
  offset: number;
  appended_us: number;
}

/** A record that is no tick: kept whole, with the reason. */
export interface DeadLetter extends Position {
  reason: string;
  value: Uint8Array;
}

/** A dead letter's reason without its value: `price is "1e5"` and `price is "-1"` are one kind. */
export function reasonKind(reason: string): string {
  return reason.split(/ is |: /, 1)[0]!.slice(0, 64);
}

/** A span without a feed, or trade ids that could not be filled; the ids are the last before and the first after it. */
export interface Outage {
  product_id: string;
  from_us: number;
  to_us: number;
  last_trade_id: number | null;
  first_trade_id: number | null;
  reason: string;
}

/**
 * Ids that the full tape lacks: those after `last_trade_id` and before `first_trade_id`, which name the gap. The last note of a gap says how it
 * is: `opened` while ids are asked for, `closed` once they were found or are missing for good. Times are those of the trades around it.
 */
export interface GapNote {
  product_id: string;
  state: "opened" | "closed";
  from_us: number;
  to_us: number;
  last_trade_id: number;
  first_trade_id: number;
  /** Ids that are missing: still, or for good. */
  missing: number;
  reason: string;
}

/** The reason of an open gap, in its note and in the row of `outages` that is removed once it is closed. */
export const OPEN_GAP_REASON = "the gap is open: REST is asked for these trades";
