/** Ticks, dead letters, outages and gaps, as they travel from the log to the stores. */

/** The digits of an exact decimal (value = mantissa / 10^scale): a bigint beyond a safe integer. */
export type Mantissa = number | bigint;

/** One trade. A mantissa has no trailing zero unless its scale is 0; times are µs since 1970 UTC. */
export interface Tick {
  product_id: string;
  /** From 0 to 2^53 − 1; larger ids are refused, never rounded. */
  trade_id: number;
  time_us: number;
  price_mantissa: Mantissa;
  price_scale: number;
  size_mantissa: Mantissa;
  size_scale: number;
  /** The taker's side. */
  side: "buy" | "sell";
}

/** A tick with all that `consume` stores. Quotes are decimal text as they came, or null. */
export interface FullTick extends Tick {
  best_bid: string | null;
  best_ask: string | null;
  /** "rest" when a gap was filled from REST, "backfill" for history: consume alone takes that. */
  source: "feed" | "rest" | "backfill";
}

/** Where a record is in the log, and when the log took it (µs since 1970 UTC). */
export interface Position {
  partition: number;
  offset: number;
  appended_us: number;
}

/** A record that is not a tick: kept whole, with the reason. */
export interface DeadLetter extends Position {
  reason: string;
  value: Uint8Array;
}

/** A reason without its value: `price is "1e5"` and `price is "-1"` are one kind. */
export function reasonKind(reason: string): string {
  return reason.split(/ is |: /, 1)[0]!.slice(0, 64);
}

/** A span without a feed, or ids that could not be filled. The ids are those just around it. */
export interface Outage {
  product_id: string;
  from_us: number;
  to_us: number;
  last_trade_id: number | null;
  first_trade_id: number | null;
  reason: string;
}

/**
 * A gap of the full tape: the ids between `last_trade_id` and `first_trade_id`, which name it. Its
 * last note is valid: `opened` while REST is asked for ids, `closed` once they were found or are
 * missing for good.
 */
export interface GapNote {
  product_id: string;
  state: "opened" | "closed";
  from_us: number;
  to_us: number;
  last_trade_id: number;
  first_trade_id: number;
  /** How many ids are missing: still, or for good. */
  missing: number;
  reason: string;
}

/**
 * Ids `first_trade_id` to `last_trade_id` were never issued: one REST page had the trades just below
 * and above them, and none between.
 */
export interface UnissuedNote {
  product_id: string;
  first_trade_id: number;
  last_trade_id: number;
  /** `backfill`: it was proved while history was loaded. */
  source?: "backfill";
}

/**
 * `backfill` has walked down from `last_trade_id` to `first_trade_id`: the `trades` that REST has of
 * these ids are in the log before the note.
 */
export interface WalkedNote {
  product_id: string;
  first_trade_id: number;
  last_trade_id: number;
  trades: number;
}

/**
 * The reason in the note of an open gap, and in its row of `outages`, which is removed once it is
 * closed.
 */
export const OPEN_GAP_REASON = "the gap is open: REST is asked for these trades";
