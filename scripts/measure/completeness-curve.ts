/** Ticks by the time from their window's end to the answer, counted from the rows of each commit. */
import { curveName } from "../contract/measures.ts";
import type { WindowRow, WindowStep } from "../contract/window.ts";
import type { SliceHistograms } from "./slices.ts";

/** Ticks that a commit adds to the row of one window. */
export interface Growth {
  size_us: number;
  window_end_us: number;
  ticks: number;
}

type Rows = Pick<WindowStep, "updated" | "closed">;

export class CompletenessCurve {
  /** Ticks in the committed rows of open windows. */
  #counts = new Map<string, number>();

  /** `stored`: ticks in a window's committed row; 0 without one. */
  constructor(
    private readonly histograms: SliceHistograms,
    private readonly stored: (row: WindowRow) => number,
  ) {}

  /**
   * What a step will add; call it before its commit. `firsts`: the first offset that the step read of
   * each partition, so that a window opened by it needs no look-up.
   */
  growth({ updated, closed }: Rows, firsts: ReadonlyMap<number, number>): Growth[] {
    const growthOf = (row: WindowRow): Growth => {
      const { opened_partition, opened_offset, size_us, window_end_us, trade_count } = row;
      const first = firsts.get(opened_partition ?? -1) ?? Number.POSITIVE_INFINITY;
      const before = opened_offset !== null && opened_offset >= first ? 0 : this.#before(row);
      return { size_us, window_end_us, ticks: trade_count - before };
    };
    return [...updated.map(growthOf), ...closed.map(growthOf)];
  }

  /** The step is committed. `exchange_us`: the exchange's time then; null: not known, nothing is counted. */
  committed(step: Rows & Pick<WindowStep, "late">, growth: readonly Growth[], exchange_us: number | null): void {
    for (const row of step.updated) this.#counts.set(keyOf(row), row.trade_count);
    for (const row of step.closed) this.#counts.delete(keyOf(row));
    if (exchange_us === null) return;
    for (const { size_us, window_end_us, ticks } of growth)
      if (ticks > 0) this.#of(size_us).add(Math.max(0, exchange_us - window_end_us), ticks);
    // A late tick is in revisions only: the window's final row never has it.
    for (const { size_us } of step.late) this.#of(size_us).add(Number.MAX_SAFE_INTEGER);
  }

  /** Another process may have committed: rows are read from the store again. */
  reset(): void {
    this.#counts.clear();
  }

  #before(row: WindowRow): number {
    return this.#counts.get(keyOf(row)) ?? this.stored(row);
  }

  #of(size_us: number) {
    return this.histograms.of(curveName(size_us));
  }
}

function keyOf({ product_id, size_us, window_start_us }: WindowRow): string {
  return `${size_us} ${window_start_us} ${product_id}`;
}
