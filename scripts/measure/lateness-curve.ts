/** The price of lateness: what each allowed lateness would have left out, exact and from one pass. */
import { divideHalfUp, formatUnits, parseUnits } from "../base/decimal.ts";
import { PRICE_SCALE_MAX, SIZE_SCALE_MAX } from "../base/limits.ts";
import type { OutOfOrderRow } from "../contract/window.ts";

/** A window with all its ticks so far, late ones included: the last revision, or the row. */
export interface WholeWindow {
  start_us: number;
  ticks: number;
  /** Decimal text: sum of sizes, and sum of price × size. */
  total_volume: string;
  notional: string;
}

/** A part of a whole, exact: 99.99 % is 9,999 of 10,000. */
export interface Share {
  part: bigint;
  whole: bigint;
}

/** What one allowed lateness costs. */
export interface LatenessPoint {
  lateness_us: number;
  /** Ticks of the feed whose window had closed, of all. */
  late_ticks: number;
  ticks: number;
  /** Windows with such a tick, and windows that had closed; null where the windows are not known. */
  windows_revised: number;
  windows_closed: number | null;
  /** Windows of which a reader had seen nothing before a late tick came. */
  windows_unseen: number | null;
  /** Largest |final row − last revision| of one window, decimal text. */
  volume_error_max: string | null;
  vwap_error_max: string | null;
}

/** What a curve is about. Times are microseconds since 1970 UTC; rows before `from_us` are left out. */
interface CurveSpec {
  size_us: number;
  from_us: number;
  /** The product's event-time high mark now. */
  mark_us: number;
  /** Size of the windows given, a divisor of `size_us`; else they are only counted for their ticks. */
  whole_size_us: number;
}

/** Sum of sizes, and of price × size, in units of SIZE_SCALE_MAX and NOTIONAL digits. */
interface Amounts {
  volume: bigint;
  notional: bigint;
}

/** A tick behind the end of its window when it was placed. */
interface Behind {
  start_us: number;
  past_us: number;
  amounts: Amounts;
}

interface Known {
  ticks: number;
  /** Largest `past_us` of its ticks; −1 where every tick is in time at every lateness. */
  past_us: number;
  /** Of windows that some lateness revises; else not summed. */
  whole: Amounts;
}

/** Start of the window of this size that holds a time; floor, also before 1970. */
function startOf(time_us: number, size_us: number): number {
  return Math.floor(time_us / size_us) * size_us;
}

/**
 * High mark − end of the tick's window, microseconds: late at every lateness up to this one, and in
 * time at every larger one. A window is closed when its end is at most high mark − lateness
 * (docs/semantics.md).
 */
export function pastEnd({ time_us, mark_us }: Pick<OutOfOrderRow, "time_us" | "mark_us">, size_us: number): number {
  return mark_us - (startOf(time_us, size_us) + size_us);
}

/**
 * The curve of one product and one size of tumbling windows. Ticks filled from REST are late for
 * another reason than the feed's order, so they don't count.
 */
export class LatenessCurve {
  readonly #spec: CurveSpec;
  /** Largest `past_us` first. */
  readonly #behind: Behind[] = [];
  readonly #windows = new Map<number, Known>();
  readonly #isWhole: boolean;
  #ticks = 0;
  /** `past_us` of the windows that some lateness revises, largest first; ends of all, smallest first. */
  readonly #revised: number[];
  readonly #ends: number[];

  constructor(rows: Iterable<OutOfOrderRow>, windows: Iterable<WholeWindow>, spec: CurveSpec) {
    this.#spec = spec;
    this.#isWhole = spec.size_us % spec.whole_size_us === 0;
    const filled = this.#place(rows);
    for (const window of windows) this.#add(window);
    for (const [start_us, ticks] of filled) {
      this.#ticks -= ticks;
      const window = this.#windows.get(start_us);
      if (window !== undefined) window.ticks -= ticks;
    }
    const known = [...this.#windows];
    this.#revised = known.flatMap(([, { past_us }]) => (past_us >= 0 ? [past_us] : [])).sort((a, b) => b - a);
    const counted = known.filter(([, { ticks }]) => ticks > 0);
    this.#ends = counted.map(([start_us]) => start_us + spec.size_us).sort((a, b) => a - b);
  }

  at(lateness_us: number): LatenessPoint {
    const late = this.#behind.slice(
      0,
      countAtLeast(this.#behind.length, (i) => this.#behind[i]!.past_us, lateness_us),
    );
    return {
      lateness_us,
      late_ticks: late.length,
      ticks: this.#ticks,
      windows_revised: countAtLeast(this.#revised.length, (i) => this.#revised[i]!, lateness_us),
      windows_closed: this.#isWhole ? this.#closed(lateness_us) : null,
      ...(this.#isWhole ? this.#errors(late) : { windows_unseen: null, volume_error_max: null, vwap_error_max: null }),
    };
  }

  /** The smallest lateness, microseconds, with this share of the ticks in time; null without ticks. */
  smallestForTicks(want: Share): number | null {
    if (this.#ticks === 0) return null;
    const allowed = Number((BigInt(this.#ticks) * (want.whole - want.part)) / want.whole);
    const first = this.#behind[allowed];
    return first === undefined ? 0 : first.past_us + 1;
  }

  /**
   * The smallest lateness, microseconds, with this share of the closed windows without a revision;
   * null if none has it, or the windows are not known.
   */
  smallestForWindows(want: Share): number | null {
    if (!this.#isWhole) return null;
    // Between two of these the revised windows are the same, and the closed ones only fewer.
    const steps = [0, ...new Set(this.#revised.map((past_us) => past_us + 1).reverse())];
    const found = steps.find((lateness_us) => {
      const closed = BigInt(this.#closed(lateness_us));
      const revised = BigInt(countAtLeast(this.#revised.length, (i) => this.#revised[i]!, lateness_us));
      return closed > 0n && (closed - revised) * want.whole >= closed * want.part;
    });
    return found ?? null;
  }

  /** Keeps the feed's ticks that some lateness leaves out; returns each window's ticks from REST. */
  #place(rows: Iterable<OutOfOrderRow>): Map<number, number> {
    const { size_us, from_us } = this.#spec;
    const filled = new Map<number, number>();
    for (const row of rows) {
      if (row.time_us < from_us) continue;
      const start_us = startOf(row.time_us, size_us);
      const past_us = pastEnd(row, size_us);
      if (row.source !== "feed") filled.set(start_us, (filled.get(start_us) ?? 0) + 1);
      else if (past_us >= 0) {
        this.#behind.push({ start_us, past_us, amounts: amountsOf(row) });
        const window = this.#window(start_us);
        window.past_us = Math.max(window.past_us, past_us);
      }
    }
    this.#behind.sort((a, b) => b.past_us - a.past_us);
    return filled;
  }

  #add(window: WholeWindow): void {
    if (window.start_us < this.#spec.from_us) return;
    this.#ticks += window.ticks;
    if (!this.#isWhole) return;
    const known = this.#window(startOf(window.start_us, this.#spec.size_us));
    known.ticks += window.ticks;
    if (known.past_us < 0) return;
    known.whole.volume += parseUnits(window.total_volume, SIZE_SCALE_MAX);
    known.whole.notional += parseUnits(window.notional, NOTIONAL);
  }

  #window(start_us: number): Known {
    let known = this.#windows.get(start_us);
    if (known === undefined) {
      known = { ticks: 0, past_us: -1, whole: { volume: 0n, notional: 0n } };
      this.#windows.set(start_us, known);
    }
    return known;
  }

  #closed(lateness_us: number): number {
    const until_us = this.#spec.mark_us - lateness_us;
    const { length } = this.#ends;
    return countAtLeast(length, (i) => -this.#ends[i]!, -until_us);
  }

  #errors(late: readonly Behind[]): Pick<LatenessPoint, "windows_unseen" | "volume_error_max" | "vwap_error_max"> {
    let windows_unseen = 0;
    let volume_error = 0n;
    let vwap_error = 0n;
    const missed = new Map<number, Amounts & { ticks: number }>();
    for (const { start_us, amounts } of late) {
      const sum = missed.get(start_us) ?? { ticks: 0, volume: 0n, notional: 0n };
      sum.ticks++;
      sum.volume += amounts.volume;
      sum.notional += amounts.notional;
      missed.set(start_us, sum);
    }
    for (const [start_us, { ticks, volume, notional }] of missed) {
      const known = this.#windows.get(start_us)!;
      if (volume > volume_error) volume_error = volume;
      if (ticks === known.ticks) windows_unseen++;
      const seen = { volume: known.whole.volume - volume, notional: known.whole.notional - notional };
      const [before, after] = [vwapOf(seen), vwapOf(known.whole)];
      if (before === null || after === null) continue;
      const error = before > after ? before - after : after - before;
      if (error > vwap_error) vwap_error = error;
    }
    return {
      windows_unseen,
      volume_error_max: formatUnits(volume_error, SIZE_SCALE_MAX),
      vwap_error_max: formatUnits(vwap_error, PRICE_SCALE_MAX),
    };
  }
}

/**
 * Event part of finality, microseconds, per window end: the first high mark that reaches end +
 * lateness, minus end; null while none does. `path`: the values that the high mark took, rising.
 */
export function finalityDelays(
  path: readonly number[],
  ends_us: readonly number[],
  lateness_us: number,
): (number | null)[] {
  return ends_us.map((end_us) => {
    const below = countAtLeast(path.length, (i) => -path[i]!, -(end_us + lateness_us - 1));
    const mark_us = path[below];
    return mark_us === undefined ? null : mark_us - end_us;
  });
}

/** Digits after the point of a percentage. */
const SHARE_DIGITS = 12;

/** `99.99%` → 9,999 of 10,000; null when the text is not a share from 0 to 100 %. */
export function parseShare(text: string): Share | null {
  const match = /^(\d{1,3})(?:\.(\d{1,12}))?%$/.exec(text.trim());
  if (!match) return null;
  const fraction = match[2] ?? "";
  const share = { part: BigInt(match[1]! + fraction), whole: 100n * 10n ** BigInt(fraction.length) };
  return share.part <= share.whole ? share : null;
}

/** 9,999 of 10,000 → `99.99%`. */
export function formatShare({ part, whole }: Share): string {
  return `${formatUnits((part * 10n ** BigInt(SHARE_DIGITS + 2)) / whole, SHARE_DIGITS)}%`;
}

const NOTIONAL = PRICE_SCALE_MAX + SIZE_SCALE_MAX;

function amountsOf({ price, last_size }: OutOfOrderRow): Amounts {
  const volume = parseUnits(last_size, SIZE_SCALE_MAX);
  return { volume, notional: parseUnits(price, PRICE_SCALE_MAX) * volume };
}

/** At PRICE_SCALE_MAX digits, rounded as a window's row; null without volume. */
function vwapOf({ volume, notional }: Amounts): bigint | null {
  return volume <= 0n ? null : divideHalfUp(notional, volume);
}

/** How many of the first values are at least `least`, where they fall. */
function countAtLeast(length: number, valueAt: (i: number) => number, least: number): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (valueAt(middle) >= least) low = middle + 1;
    else high = middle;
  }
  return low;
}
