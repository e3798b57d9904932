/** What `backfill` did for a product, and the sentence about it. */
import { plural } from "../base/printable.ts";

/** What one product has now, and what this run did for it. */
export interface BackfilledProduct {
  product: string;
  /** Loaded by this run. */
  loaded: number;
  /** History before the feed's first trade, with what earlier runs loaded. */
  trades: number;
  /** Ids within what this run loaded that REST proved never issued. */
  unissued: number;
  /** Ids within what this run loaded that REST does not have, without those. */
  lacking: number;
  /** Entries of REST that are not valid trades: they are not among `lacking`. */
  invalid: number;
  /** The lowest id that was reached; null: nothing. */
  oldest_id: number | null;
  /** Event times of the oldest and the newest trade that this run loaded, ISO 8601; null: none. */
  oldest: string | null;
  newest: string | null;
  /** The id of the feed's first trade; null: the feed has sent none yet. */
  feed_begins: number | null;
  /** Why it ended; null: it was stopped. */
  end: "from" | "trades" | "first trade" | "failed" | null;
}

const ENDS = {
  from: "--from is reached",
  trades: "--trades is reached",
  "first trade": "the exchange has no older trade",
  failed: "it failed",
};

/** What was done for a product, as a sentence. */
export function backfilledText(found: BackfilledProduct): string {
  const { product, loaded, trades, unissued, lacking, invalid, oldest, newest, feed_begins, end } = found;
  const span = oldest === null ? "" : `, from ${oldest} to ${newest}`;
  const between = [
    unissued === 0 ? "" : `; ${plural(unissued, "id")} in between ${unissued === 1 ? "was" : "were"} never issued`,
    lacking === 0 ? "" : `; REST lacks ${plural(lacking, "id")} in between`,
    invalid === 0 ? "" : `; ${plural(invalid, "entry", "entries")} of REST ${invalid === 1 ? "is" : "are"} not valid`,
  ].join("");
  const why = end === null ? "stopped; the same command continues here" : ENDS[end];
  const all =
    feed_begins === null
      ? `${trades} in all, and no trade of the feed yet: run it again after the first start, it loads what came between`
      : `${trades} in all before the feed's first one`;
  return `${product}: ${plural(loaded, "trade")} loaded${span}${between}; ${all}; ${why}`;
}
