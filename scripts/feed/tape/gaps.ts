/** Which trade ids of the full tape are missing. Pure: the caller passes the time. For `matches` only. */
import { GAP_IDS_MAX, GAP_NOTE_RECORDS, GAP_WAIT_MS } from "../../base/limits.ts";

/**
 * Ids `lo` to `hi` were missing when it was noticed, `left` still are. Event times (µs) are of the
 * trades around it.
 */
export interface Gap {
  readonly product_id: string;
  readonly lo: number;
  readonly hi: number;
  readonly from_us: number;
  readonly to_us: number;
  /** When it was noticed, on the caller's monotonic clock. */
  readonly since_ms: number;
  /** Empty once every id was found. */
  left: Range[];
  /** How many of them were never issued, as far as this process has noted. */
  unissued: number;
  /** Records that this process had put into the log when the gap was noticed or last noted. */
  records: number;
  /** The log has a note that it is open. */
  isNoted: boolean;
  /** A request to REST for it is running. */
  isBusy: boolean;
}

/** Ids from `lo` to `hi`, both included. */
export interface Range {
  lo: number;
  hi: number;
}

/** A gap as a note in the log describes it. */
export type NotedGap = Pick<Gap, "product_id" | "lo" | "hi" | "from_us" | "to_us">;

interface Seen {
  trade_id: number;
  time_us: number;
}

export class GapTracker {
  readonly #newest = new Map<string, Seen>();
  /** A trade more than GAP_IDS_MAX ids ahead: real if the next one is near it, otherwise an outlier. */
  readonly #ahead = new Map<string, Seen>();
  readonly #gaps = new Map<string, Gap[]>();

  /** `records`: how many records this process has put into the log so far. */
  constructor(
    private readonly records: () => number,
    private readonly wait_ms = GAP_WAIT_MS,
  ) {}

  /**
   * Takes one trade. A jump opens a gap, a trade inside a gap narrows it, a repeated one changes
   * nothing.
   */
  see(product_id: string, trade_id: number, time_us: number, now_ms: number): void {
    const newest = this.#newest.get(product_id);
    if (newest === undefined) {
      this.#newest.set(product_id, { trade_id, time_us });
      return;
    }
    const ahead = this.#ahead.get(product_id);
    const isFar = trade_id > newest.trade_id + GAP_IDS_MAX;
    this.#ahead.delete(product_id);
    if (isFar && (ahead === undefined || Math.abs(trade_id - ahead.trade_id) > GAP_IDS_MAX)) {
      this.#ahead.set(product_id, { trade_id, time_us });
      return;
    }
    if (isFar && ahead !== undefined) this.#move(product_id, newest, ahead, now_ms);
    if (trade_id > newest.trade_id) this.#move(product_id, newest, { trade_id, time_us }, now_ms);
    else if (trade_id < newest.trade_id - GAP_IDS_MAX && time_us > newest.time_us) {
      // The ids restarted, or the newest one was an outlier: follow these ids from here.
      this.#newest.set(product_id, { trade_id, time_us });
    } else this.found(product_id, trade_id, trade_id);
  }

  /** The feed has ended: trades too far ahead to be believed are believed now. */
  end(now_ms: number): void {
    for (const [product_id, ahead] of this.#ahead) this.#move(product_id, this.#newest.get(product_id)!, ahead, now_ms);
    this.#ahead.clear();
  }

  /** Opens a gap that an earlier process noted as open. */
  reopen({ product_id, lo, hi, from_us, to_us }: NotedGap, now_ms: number): void {
    const known = this.#of(product_id).find((gap) => gap.lo === lo && gap.hi === hi);
    const gap = known ?? this.#open(product_id, { lo, hi }, [from_us, to_us], now_ms);
    gap.isNoted = true;
  }

  /** Removes a gap that was closed. */
  forget({ product_id, lo, hi }: NotedGap): void {
    this.#gaps.set(
      product_id,
      this.#of(product_id).filter((gap) => gap.lo !== lo || gap.hi !== hi),
    );
  }

  /** Ids `lo` to `hi` were found, or are noted as missing for good or never issued. */
  found(product_id: string, lo: number, hi: number): void {
    for (const gap of this.#gaps.get(product_id) ?? []) narrow(gap, lo, hi);
  }

  /**
   * Gaps to note as open: older than mere disorder, or noted too many records ago. `all`: every open
   * gap.
   */
  toNote(now_ms: number, all = false): Gap[] {
    return this.open.filter((gap) => {
      if (all || this.records() - gap.records >= GAP_NOTE_RECORDS) return true;
      return !gap.isNoted && now_ms - gap.since_ms >= this.wait_ms;
    });
  }

  /** Gaps to request from REST now, the oldest of each product first. `all`: also the youngest. */
  due(now_ms: number, all = false): Gap[] {
    return this.open.filter((gap) => !gap.isBusy && (all || now_ms - gap.since_ms >= this.wait_ms));
  }

  /** Gaps that lack an id. */
  get open(): Gap[] {
    return this.#all().filter((gap) => gap.left.length > 0);
  }

  /** Removes and returns the gaps that lack no id and have no request running. */
  takeClosed(): Gap[] {
    const isClosed = (gap: Gap) => gap.left.length === 0 && !gap.isBusy;
    const closed = this.#all().filter(isClosed);
    for (const gap of closed) this.forget(gap);
    return closed;
  }

  #all(): Gap[] {
    return [...this.#gaps.values()].flat();
  }

  #move(product_id: string, newest: Seen, to: Seen, now_ms: number): void {
    const range = { lo: newest.trade_id + 1, hi: to.trade_id - 1 };
    if (range.lo <= range.hi) this.#open(product_id, range, [newest.time_us, to.time_us], now_ms);
    newest.trade_id = to.trade_id;
    newest.time_us = to.time_us;
  }

  #open(product_id: string, { lo, hi }: Range, times_us: [number, number], since_ms: number): Gap {
    const times = { from_us: Math.min(...times_us), to_us: Math.max(...times_us) };
    const state = { left: [{ lo, hi }], unissued: 0, records: this.records(), isNoted: false, isBusy: false };
    const gap: Gap = { product_id, lo, hi, ...times, since_ms, ...state };
    this.#of(product_id).push(gap);
    return gap;
  }

  #of(product_id: string): Gap[] {
    const gaps = this.#gaps.get(product_id) ?? [];
    this.#gaps.set(product_id, gaps);
    return gaps;
  }
}

/** How many ids a gap still lacks. */
export function lacking(gap: Gap): number {
  return gap.left.reduce((sum, { lo, hi }) => sum + hi - lo + 1, 0);
}

/** Whether a gap still lacks this id. */
export function lacks(gap: Gap, trade_id: number): boolean {
  return gap.left.some(({ lo, hi }) => lo <= trade_id && trade_id <= hi);
}

function narrow(gap: Gap, lo: number, hi: number): void {
  gap.left = gap.left.flatMap((range) => {
    if (range.hi < lo || range.lo > hi) return [range];
    const parts = [
      { lo: range.lo, hi: lo - 1 },
      { lo: hi + 1, hi: range.hi },
    ];
    return parts.filter((part) => part.lo <= part.hi);
  });
}
