/** A window's certificate: how many of its trade ids were never seen, and how many never issued. */
import type { WindowRow } from "../contract/window.ts";
import { toRow, type Window } from "./aggregate.ts";
import type { ProductState, SizeState } from "./state.ts";

/**
 * Adds to `rows` those of the open windows that grew or whose certificate changed, in order of start.
 * Every open window is checked, so that what is stored does not depend on the size of commits.
 */
export function updatedRows(product: ProductState, size: SizeState, rows: WindowRow[]): void {
  let previous = size.last_trade_id;
  for (const window of size.open.values()) {
    const { after_trade_id, missing, unissued } = window;
    certify(product, window, previous);
    const isSame = after_trade_id === window.after_trade_id && missing === window.missing;
    if (!isSame || unissued !== window.unissued || size.dirty.has(window)) rows.push(toRow(window));
    previous = Math.max(previous, window.last_trade_id);
  }
  size.dirty.clear();
}

/**
 * Sets the certificate, which counts the ids after the previous window's last, up to this one's last
 * (docs/semantics.md "Certificate"). `previous` is -1 for the first window.
 */
export function certify(product: ProductState, window: Window, previous: number): void {
  window.after_trade_id = previous >= 0 ? previous : window.first_trade_id;
  count(product, window);
}

/** Counts the ids of (after, last] that were never seen, and those of them that were never issued. */
export function count({ seen, unissued }: ProductState, window: Window): void {
  const { after_trade_id: after, last_trade_id: last } = window;
  window.missing = last <= after ? 0 : last - after - seen.countBetween(after, last);
  window.unissued = last <= after ? 0 : unissued.countBetween(after, last);
}
