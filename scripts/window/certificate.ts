/** A window's certificate: how many of its trade ids were never seen; 0 proves it complete. */
import type { WindowRow } from "../contract/window.ts";
import { toRow, type Window } from "./aggregate.ts";
import type { SeenIds } from "./seen.ts";
import type { ProductState, SizeState } from "./state.ts";

/**
 * Adds to `rows` those of the open windows that grew or whose certificate changed, in order of start.
 * Every open window is checked, so that what is stored does not depend on the size of commits.
 */
export function updatedRows(product: ProductState, size: SizeState, rows: WindowRow[]): void {
  let previous = size.last_trade_id;
  for (const window of size.open.values()) {
    const { after_trade_id, missing } = window;
    certify(product, window, previous);
    const moved = after_trade_id !== window.after_trade_id || missing !== window.missing;
    if (moved || size.dirty.has(window)) rows.push(toRow(window));
    previous = Math.max(previous, window.last_trade_id);
  }
  size.dirty.clear();
}

/**
 * Sets after_trade_id and missing, the ids after the previous window's last, up to this one's last,
 * that were never seen (docs/semantics.md "Certificate"). `previous` is -1 for the first window.
 */
export function certify(product: ProductState, window: Window, previous: number): void {
  window.after_trade_id = previous >= 0 ? previous : window.first_trade_id;
  window.missing = missing(product.seen, window.after_trade_id, window.last_trade_id);
}

/** Ids of (after, last] that were never seen. */
export function missing(seen: SeenIds, after: number, last: number): number {
  return last <= after ? 0 : last - after - seen.countBetween(after, last);
}
