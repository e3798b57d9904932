/** Ids of a product that `backfill` has walked through, as ranges without overlap. */

/** Ids from `first_trade_id` to `last_trade_id`, both included, of which REST had `trades`. */
export interface Walked {
  first_trade_id: number;
  last_trade_id: number;
  trades: number;
}

/** The ranges with another one, by id: those that touch or overlap become one. */
export function withWalked(ranges: readonly Walked[], added: Walked): Walked[] {
  let one = added;
  const apart: Walked[] = [];
  for (const range of ranges) {
    if (range.last_trade_id + 1 < added.first_trade_id || added.last_trade_id + 1 < range.first_trade_id)
      apart.push(range);
    else one = joined(range, one);
  }
  return [...apart, one].sort((a, b) => a.first_trade_id - b.first_trade_id);
}

/** Trades in the overlap were counted twice: there are at most as many as ids. */
function joined(a: Walked, b: Walked): Walked {
  const first_trade_id = Math.min(a.first_trade_id, b.first_trade_id);
  const last_trade_id = Math.max(a.last_trade_id, b.last_trade_id);
  const trades = Math.min(a.trades + b.trades, last_trade_id - first_trade_id + 1);
  return { first_trade_id, last_trade_id, trades };
}
