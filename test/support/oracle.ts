/** The naive answer: each window by filtering and sorting all moves, sums in bigints, no state. */
import { divideHalfUp, formatUnits, pow10 } from "../../scripts/base/decimal.ts";
import type { Tick } from "../../scripts/contract/tick.ts";
import type { WindowSpec } from "../../scripts/contract/window.ts";
import type { JobSettings } from "../../scripts/window/state.ts";

/** A record of the log, or a flush, which comes from outside. */
export type Move =
  | { kind: "tick"; tick: Tick; appended_us: number }
  | { kind: "heartbeat"; product_id: string; time_us: number; appended_us: number }
  | { kind: "unissued"; product_id: string; first_trade_id: number; last_trade_id: number; appended_us: number }
  | { kind: "flush" };
export type Logged = Move & { offset: number };

/** A tick that is not a duplicate; `passed`: it passed the skew check. */
interface Seen {
  tick: Tick;
  offset: number;
  passed: boolean;
}

export interface Expected {
  /** By product, size and start. */
  windows: Record<string, object>;
  revisions: Record<string, object[]>;
  late: object[];
  counts: { ticks: number; duplicates: number; late: number; skewed: number };
}

export function oracle(log: Logged[], settings: JobSettings): Expected {
  const expected: Expected = {
    windows: {},
    revisions: {},
    late: [],
    counts: { ticks: 0, duplicates: 0, late: 0, skewed: 0 },
  };
  const products = log.flatMap((move) => (move.kind === "tick" ? [move.tick.product_id] : []));
  for (const product_id of new Set(products)) {
    const product = new NaiveProduct(product_id, log, settings);
    const late_ids = new Set<number>();
    for (const spec of settings.windows) {
      const size = new NaiveSize(product, spec);
      const key = (start: number) => `${product_id} ${spec.size_us} ${start}`;
      const windows = size.windows();
      for (const [start, { row }] of windows) expected.windows[key(start)] = row;
      for (const { start, row, window } of size.revisions(windows)) {
        if (row !== null) late_ids.add(window.caused_by_trade_id);
        if (row !== null) expected.late.push(row);
        const earlier = expected.revisions[key(start)] ?? [];
        expected.revisions[key(start)] = [...earlier, { ...window, revision: earlier.length + 1 }];
      }
    }
    expected.counts.ticks += product.seen.length;
    expected.counts.duplicates += products.filter((id) => id === product_id).length - product.seen.length;
    expected.counts.skewed += product.seen.filter(({ passed }) => !passed).length;
    expected.counts.late += late_ids.size;
  }
  return expected;
}

class NaiveProduct {
  readonly seen: Seen[] = [];
  /** Each proof's ids. */
  readonly proofs: { offset: number; ids: number[] }[] = [];
  readonly #times: { offset: number; time_us: number }[] = [];

  constructor(
    readonly product_id: string,
    readonly log: Logged[],
    readonly settings: JobSettings,
  ) {
    const ids = new Set<number>();
    let highest = Number.MIN_SAFE_INTEGER;
    for (const move of log) {
      if (move.kind === "flush" || (move.kind === "tick" ? move.tick : move).product_id !== product_id) continue;
      if (move.kind === "unissued") {
        const { first_trade_id: first, last_trade_id: last } = move;
        this.proofs.push({ offset: move.offset, ids: Array.from({ length: last - first + 1 }, (_, i) => first + i) });
        continue;
      }
      const time_us = move.kind === "tick" ? move.tick.time_us : move.time_us;
      const invalid = move.appended_us < Date.UTC(2016, 0, 1) * 1_000 || move.appended_us < highest - 30 * 86_400e6;
      const passed = time_us <= move.appended_us + settings.max_skew_us || invalid;
      if (passed && !(move.kind === "tick" && ids.has(move.tick.trade_id))) highest = Math.max(highest, time_us);
      if (move.kind === "tick") {
        if (ids.has(move.tick.trade_id)) continue;
        ids.add(move.tick.trade_id);
        this.seen.push({ tick: move.tick, offset: move.offset, passed });
      }
      if (passed) this.#times.push({ offset: move.offset, time_us });
    }
  }

  /** The event-time high mark after a move. */
  max(offset: number): number {
    return Math.max(...this.#times.filter((one) => one.offset <= offset).map((one) => one.time_us));
  }

  certificate(after_trade_id: number, last: number, offset: number) {
    const between = this.seen.filter(
      (s) => s.offset <= offset && s.tick.trade_id > after_trade_id && s.tick.trade_id <= last,
    );
    const unissued = [...this.#proved(offset)].filter((id) => id > after_trade_id && id <= last).length;
    return { after_trade_id, missing: Math.max(0, last - after_trade_id - between.length), unissued };
  }

  /** What a proof proves first: no earlier one did, and no tick has come. */
  fresh({ offset, ids }: NaiveProduct["proofs"][number]): number[] {
    const before = this.#proved(offset - 1);
    return ids.filter((id) => !before.has(id) && this.#proved(offset).has(id));
  }

  /** Ids that were proved up to a move and not seen up to it. */
  #proved(offset: number): Set<number> {
    const proved = new Set(this.proofs.flatMap((proof) => (proof.offset <= offset ? proof.ids : [])));
    for (const { tick, offset: at } of this.seen) if (at <= offset) proved.delete(tick.trade_id);
    return proved;
  }
}

/** The windows of one size of one product. */
class NaiveSize {
  /** After the move `offset`, windows that end by `until_us` are closed. */
  readonly #flushes: { offset: number; until_us: number }[] = [];
  readonly #starts: number[];

  constructor(
    readonly product: NaiveProduct,
    readonly spec: WindowSpec,
  ) {
    this.#starts = [...new Set(product.seen.flatMap((s) => this.#startsOf(s.tick)))].sort((a, b) => a - b);
    for (const { kind, offset } of product.log) {
      if (kind !== "flush") continue;
      const reached = this.#starts.filter((start) => start <= product.max(offset) && !this.#isClosed(start, offset));
      const open = reached.filter((start) => this.#onTime(start).some((s) => s.offset < offset));
      this.#flushes.push({ offset, until_us: Math.max(...open.map((start) => start + spec.size_us)) });
    }
  }

  /** Final rows and open ones, in the order of closing; certificates follow one another in it. */
  windows(): Map<number, { row: { after_trade_id: number }; offset: number }> {
    const rows = this.#starts
      .map((start) => ({ start, ticks: this.#onTime(start) }))
      .filter(({ ticks }) => ticks.length > 0)
      .map((row) => ({ ...row, ...this.#closing(row.start, row.ticks[0]!.offset) }))
      .sort((a, b) => a.offset - b.offset || a.start - b.start);
    let previous = -1;
    const found: ReturnType<NaiveSize["windows"]> = new Map();
    for (const { start, ticks, final, offset } of rows) {
      const window = naiveWindow(ticks);
      const after = previous >= 0 ? previous : window.first_trade_id;
      const certificate = this.product.certificate(after, window.last_trade_id, offset);
      const row = { ...window, ...certificate, final, closed_offset: final === 1 ? offset : null };
      found.set(start, { row, offset });
      previous = Math.max(previous, window.last_trade_id);
    }
    return found;
  }

  /** Late ticks and proofs with the windows that they revise, in the order of the log. */
  *revisions(windows: ReturnType<NaiveSize["windows"]>) {
    const { seen, proofs } = this.product;
    for (const one of [...seen, ...proofs].sort((a, b) => a.offset - b.offset)) {
      if ("tick" in one) yield* this.#late(windows, one);
      else yield* this.#proved(windows, one);
    }
  }

  /**
   * A late tick with the windows that it revises: its own, and the next one if its certificate
   * counted it as missing (then without a row).
   */
  *#late(windows: ReturnType<NaiveSize["windows"]>, { tick, offset }: Seen) {
    const starts = this.#startsOf(tick);
    for (const start of starts.filter((one) => this.#isClosed(one, offset))) {
      const { product_id, trade_id, time_us, side } = tick;
      const lateness_us = this.product.max(offset) - time_us;
      const row = { product_id, trade_id, time_us, side, window_start_us: start, lateness_us, log_offset: offset };
      const window = this.#revised(windows, start, trade_id, offset);
      yield { start, row: { ...row, size_us: this.spec.size_us }, window };
    }
    if (!this.#isClosed(starts[0]!, offset)) return;
    const closed = [...windows].filter(([start, window]) => start > starts[0]! && window.offset < offset);
    const next = Math.min(...closed.map(([start]) => start));
    if (next === Number.POSITIVE_INFINITY) return;
    const window = this.#revised(windows, next, tick.trade_id, offset);
    const missed = window.after_trade_id < tick.trade_id && tick.trade_id <= window.last_trade_id;
    if (missed) yield { start: next, row: null, window };
  }

  /** A proof with every closed window whose certificate counts an id that it is the first to prove. */
  *#proved(windows: ReturnType<NaiveSize["windows"]>, proof: NaiveProduct["proofs"][number]) {
    const { offset } = proof;
    const fresh = this.product.fresh(proof);
    for (const start of this.#starts) {
      const row = windows.get(start);
      const ticks = this.product.seen.filter((s) => s.offset < offset && this.#startsOf(s.tick).includes(start));
      const hasClosed = row !== undefined ? row.offset < offset : ticks.some((s) => this.#isClosed(start, s.offset));
      if (!hasClosed) continue;
      const { after_trade_id, last_trade_id } = this.#revised(windows, start, -1, offset);
      const id = fresh.find((one) => one > after_trade_id && one <= last_trade_id);
      if (id !== undefined) yield { start, row: null, window: this.#revised(windows, start, id, offset) };
    }
  }

  #revised(windows: ReturnType<NaiveSize["windows"]>, start: number, caused_by_trade_id: number, offset: number) {
    const all = this.product.seen.filter((s) => s.offset <= offset && this.#startsOf(s.tick).includes(start));
    const late = all.filter((s) => this.#isClosed(start, s.offset));
    const window = naiveWindow(all);
    const after = windows.get(start)?.row.after_trade_id ?? late[0]!.tick.trade_id;
    const certificate = this.product.certificate(after, window.last_trade_id, offset);
    return { ...window, ...certificate, caused_by_trade_id };
  }

  #startsOf({ time_us }: Tick): number[] {
    const { size_us, every_us } = this.spec;
    const first = Math.floor(time_us / every_us) * every_us;
    const all = Array.from({ length: Math.ceil(size_us / every_us) }, (_, k) => first - k * every_us);
    return all.filter((start) => start > time_us - size_us);
  }

  /** Whether the window is closed just before the move is placed. */
  #isClosed(start: number, offset: number): boolean {
    const end_us = start + this.spec.size_us;
    if (end_us <= this.product.max(offset) - this.product.settings.lateness_us) return true;
    return this.#flushes.some((flush) => flush.offset < offset && end_us <= flush.until_us);
  }

  #onTime(start: number): Seen[] {
    return this.product.seen.filter((s) => this.#startsOf(s.tick).includes(start) && !this.#isClosed(start, s.offset));
  }

  /** The first move after `from` that closes a window, and how; 0 while it is open. */
  #closing(start: number, from: number): { final: number; offset: number } {
    const { log, settings } = this.product;
    for (const { kind, offset } of log.filter((move) => move.offset > from)) {
      const max_us = this.product.max(offset);
      if (start + this.spec.size_us <= max_us - settings.lateness_us) return { final: 1, offset };
      if (kind === "flush" && start <= max_us) return { final: 2, offset };
    }
    return { final: 0, offset: Number.POSITIVE_INFINITY };
  }
}

/** The window over exactly these ticks. */
function naiveWindow(seen: Seen[]) {
  const ticks = seen.map(({ tick }) => tick);
  const price = (t: Tick) => BigInt(t.price_mantissa) * pow10(10 - t.price_scale);
  const size = (t: Tick) => BigInt(t.size_mantissa) * pow10(8 - t.size_scale);
  const sum = (of: (t: Tick) => bigint) => ticks.reduce((total, t) => total + of(t), 0n);
  const byTime = [...ticks].sort((a, b) => a.time_us - b.time_us || a.trade_id - b.trade_id);
  const prices = ticks.map(price).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const ids = ticks.map((t) => t.trade_id).sort((a, b) => a - b);
  const [prices_sum, volume, notional] = [sum(price), sum(size), sum((t) => price(t) * size(t))];
  return {
    product_id: ticks[0]!.product_id,
    trade_count: ticks.length,
    buy_count: ticks.filter((t) => t.side === "buy").length,
    sell_count: ticks.filter((t) => t.side === "sell").length,
    price_sum: formatUnits(prices_sum, 10),
    avg_price: formatUnits(divideHalfUp(prices_sum, BigInt(ticks.length)), 10),
    total_volume: formatUnits(volume, 8),
    notional: formatUnits(notional, 18),
    vwap: volume === 0n ? null : formatUnits(divideHalfUp(notional, volume), 10),
    min_price: formatUnits(prices[0]!, 10),
    max_price: formatUnits(prices.at(-1)!, 10),
    price_range: formatUnits(prices.at(-1)! - prices[0]!, 10),
    open_price: formatUnits(price(byTime[0]!), 10),
    close_price: formatUnits(price(byTime.at(-1)!), 10),
    first_trade_id: ids[0]!,
    last_trade_id: ids.at(-1)!,
    skewed: seen.filter(({ passed }) => !passed).length,
  };
}
