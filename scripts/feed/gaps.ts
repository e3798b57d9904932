/** Which trade ids of the full tape are missing: pure, told the time by its caller. In `ticker` a jump is coverage, so this is for `matches` only. */
import { GAP_WAIT_MS } from "../common/limits.ts";

/** Ids `lo` to `hi` were never seen. Times are those of the trades around it, in microseconds. */
export interface Gap {
  product_id: string;
  lo: number;
  hi: number;
  from_us: number;
  to_us: number;
  /** Noticed then, on the caller's monotonic clock. */
  since_ms: number;
}

export class GapTracker {
  readonly #newest = new Map<string, { trade_id: number; time_us: number }>();
  readonly #gaps = new Map<string, Gap[]>();

  constructor(private readonly wait_ms = GAP_WAIT_MS) {}

  /** Sees one trade. A jump opens a gap, a trade inside a gap narrows it, a repeated one changes nothing. */
  see(product_id: string, trade_id: number, time_us: number, now_ms: number): void {
    const newest = this.#newest.get(product_id);
    if (newest === undefined) {
      this.#newest.set(product_id, { trade_id, time_us });
      return;
    }
    if (trade_id <= newest.trade_id) {
      this.remove(product_id, trade_id, trade_id);
      return;
    }
    if (trade_id > newest.trade_id + 1) {
      const gap = { product_id, lo: newest.trade_id + 1, hi: trade_id - 1, from_us: newest.time_us, to_us: time_us };
      this.#of(product_id).push({ ...gap, since_ms: now_ms });
    }
    newest.trade_id = trade_id;
    newest.time_us = time_us;
  }

  /** The oldest gap that can't be mere disorder any more, or null. `all`: however young. */
  due(now_ms: number, all = false): Gap | null {
    for (const gaps of this.#gaps.values()) {
      for (const gap of gaps) if (all || now_ms - gap.since_ms >= this.wait_ms) return { ...gap };
    }
    return null;
  }

  /** What is still missing between two ids. */
  missing(product_id: string, lo: number, hi: number): Gap[] {
    return this.#of(product_id)
      .filter((gap) => gap.lo <= hi && gap.hi >= lo)
      .map((gap) => ({ ...gap, lo: Math.max(lo, gap.lo), hi: Math.min(hi, gap.hi) }));
  }

  /** Ids `lo` to `hi` are found, or given up: they are no gap any more. */
  remove(product_id: string, lo: number, hi: number): void {
    const gaps = this.#gaps.get(product_id);
    if (gaps === undefined) return;
    const left = gaps.flatMap((gap) => {
      if (gap.hi < lo || gap.lo > hi) return [gap];
      return [
        { ...gap, hi: lo - 1 },
        { ...gap, lo: hi + 1 },
      ].filter((part) => part.lo <= part.hi);
    });
    this.#gaps.set(product_id, left);
  }

  get open(): number {
    let count = 0;
    for (const gaps of this.#gaps.values()) count += gaps.length;
    return count;
  }

  #of(product_id: string): Gap[] {
    const gaps = this.#gaps.get(product_id) ?? [];
    this.#gaps.set(product_id, gaps);
    return gaps;
  }
}
