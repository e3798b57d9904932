/** The completeness certificate: how many trade ids up to a window's last were never seen since the window before it. 0 proves that nothing is missing. */
import type { WindowRow } from "../contract/window.ts";
import { toRow, type Window } from "./aggregate.ts";
import type { SeenIds } from "./seen.ts";
import type { ProductState, SizeState } from "./state.ts";

/**
 * Rows of the open windows that grew or whose certificate moved, in order of start. Every open window is asked, so that what is
 * stored does not depend on where the commits fell.
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

/** Sets after_trade_id and missing: the ids after the previous window's last, up to this one's last, that were never seen. */
export function certify(product: ProductState, window: Window, previous: number): void {
  window.after_trade_id = previous >= 0 ? previous : window.first_trade_id;
  window.missing = missing(product.seen, window.after_trade_id, window.last_trade_id);
}

/** Ids of (after, last] that were never seen. */
export function missing(seen: SeenIds, after: number, last: number): number {
  return last <= after ? 0 : last - after - seen.countBetween(after, last);
}
