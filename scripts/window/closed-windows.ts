/** The closed windows that revisions continue: the newest in memory, all others as they are stored. */
import { CLOSED_WINDOWS_CACHE_MAX } from "../base/limits.ts";
import { emptyWindow, fromRow, type Window } from "./aggregate.ts";
import type { StateSource } from "./state.ts";

export class ClosedWindows {
  readonly #windows = new Map<string, Window>();

  constructor(private readonly source: StateSource) {}

  add(window: Window): void {
    this.#windows.set(key(window.product_id, window.size_us, window.start_us), window);
  }

  /**
   * A closed window with all its late ticks so far. A window without a tick in time begins its
   * certificate at `trade_id`.
   */
  get(product_id: string, size_us: number, start_us: number, trade_id: number): Window {
    const known = this.#windows.get(key(product_id, size_us, start_us));
    if (known !== undefined) return known;
    const row = this.source.closedWindow(product_id, size_us, start_us);
    const window = row ? fromRow(row, row.revision) : emptyWindow(product_id, size_us, start_us, trade_id);
    if (row === undefined) window.final = 1;
    this.add(window);
    return window;
  }

  /** Those whose certificate counts an id of `lo` to `hi`, by start. */
  certifying(product_id: string, size_us: number, lo: number, hi: number): Window[] {
    const starts = new Set(this.source.closedOver(product_id, size_us, lo, hi));
    // What is not committed yet is in memory alone.
    for (const one of this.#windows.values())
      if (one.product_id === product_id && one.size_us === size_us) starts.add(one.start_us);
    const windows = [...starts].sort((a, b) => a - b).map((start_us) => this.get(product_id, size_us, start_us, -1));
    return windows.filter(({ after_trade_id, last_trade_id }) => after_trade_id < hi && last_trade_id >= lo);
  }

  /** All is stored: the oldest may leave memory. */
  committed(): void {
    for (const name of this.#windows.keys()) {
      if (this.#windows.size <= CLOSED_WINDOWS_CACHE_MAX) break;
      this.#windows.delete(name);
    }
  }

  clear(): void {
    this.#windows.clear();
  }
}

function key(product_id: string, size_us: number, start_us: number): string {
  return `${size_us} ${start_us} ${product_id}`;
}
