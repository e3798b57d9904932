/** The window job: one record after another changes its state and yields rows of windows. */
import { formatDecimal } from "../base/decimal.ts";
import type { Position, Tick, UnissuedNote } from "../contract/tick.ts";
import { grainUs } from "../contract/window.ts";
import { addTick, emptyWindow, toRow, type Window } from "./aggregate.ts";
import { certify, count, updatedRows } from "./certificate.ts";
import { ClosedWindows } from "./closed-windows.ts";
import {
  emptyResult,
  firstEnd,
  isOutOfOrder,
  type JobSettings,
  loadProduct,
  openWindow,
  outOfOrder,
  type ProductState,
  type SizeState,
  type SourcedTick,
  type StateSource,
  type StepResult,
} from "./state.ts";
import { firstIn } from "./unissued.ts";
import { isClosed, lastStart } from "./windower.ts";

/** The rules of docs/semantics.md "Order of steps", without input, output or local clock. */
export class WindowJob {
  #products = new Map<string, ProductState>();
  #touched: ProductState[] = [];
  /** Products of results that are taken and not yet committed. */
  #pending: ProductState[] = [];
  readonly #closed: ClosedWindows;
  #last: ProductState | null = null;
  #result = emptyResult();
  readonly #grain_us: number;
  /**
   * For reports, not part of the state: how far ahead the last skewed stamp was, and the first record
   * whose append time is invalid.
   */
  readonly noticed: { ahead_us: number; unjudged: Position | null } = { ahead_us: 0, unjudged: null };

  constructor(
    readonly settings: JobSettings,
    readonly source: StateSource,
  ) {
    this.#grain_us = grainUs(settings.windows);
    this.#closed = new ClosedWindows(source);
  }

  /** Takes one tick, which is in the log at `at`; without a source it is the feed's. */
  tick(tick: SourcedTick, at: Position): void {
    const product = this.#product(tick.product_id);
    const row = product.row;
    if (!product.seen.add(tick.trade_id)) {
      row.duplicates++;
      this.#result.counts.duplicates++;
      return;
    }
    row.ticks++;
    this.#result.counts.ticks++;
    row.unissued -= product.unissued.see(tick.trade_id);
    if (tick.trade_id > row.last_trade_id) row.last_trade_id = tick.trade_id;
    if (tick.trade_id < row.first_trade_id) row.first_trade_id = tick.trade_id;
    const passed = this.#observe(product, tick.time_us, at);
    if (!passed) {
      row.skewed++;
      this.#result.counts.skewed++;
    }
    const mark_us = product.clock.max_time_us;
    if (isOutOfOrder(tick, mark_us, this.#grain_us)) this.#result.out_of_order.push(outOfOrder(tick, mark_us, at));
    this.#closePassed(product, at);
    let late = false;
    for (const size of product.sizes) {
      const { size_us, every_us } = size.spec;
      const last = lastStart(tick.time_us, size.spec);
      for (let start = last; start > tick.time_us - size_us; start -= every_us) {
        if (isClosed(start, size.spec, size.closed_until_us)) {
          this.#late(product, size, start, tick, at, passed);
          late = true;
        } else {
          this.#place(product, size, start, tick, at, passed);
        }
      }
      if (isClosed(last, size.spec, size.closed_until_us)) this.#fill(product, size, last, tick, at);
    }
    if (late) {
      row.late++;
      this.#result.counts.late++;
    }
  }

  /** Moves the high mark and closes windows, without a trade (docs/semantics.md "Heartbeats"). */
  heartbeat(product_id: string, time_us: number, at: Position): void {
    const product = this.#product(product_id);
    this.#observe(product, time_us, at);
    this.#closePassed(product, at);
  }

  /** Takes a proof that ids were never issued: it revises each closed window that counts one of them. */
  unissued({ product_id, first_trade_id, last_trade_id }: UnissuedNote, at: Position): void {
    const product = this.#product(product_id);
    const fresh = product.unissued.add(first_trade_id, last_trade_id, product.seen);
    const [first, last] = [fresh[0], fresh.at(-1)];
    if (first === undefined || last === undefined) return;
    for (const { lo, hi } of fresh) product.row.unissued += hi - lo + 1;
    // Certificates count ids above the first one seen: proofs of history revise nothing.
    if (last.hi <= product.row.first_trade_id) return;
    for (const { spec } of product.sizes) {
      for (const window of this.#closed.certifying(product_id, spec.size_us, first.lo, last.hi)) {
        const id = firstIn(fresh, window.after_trade_id, window.last_trade_id);
        if (id !== undefined) this.#revise(product, window, id, at);
      }
    }
  }

  /**
   * Closes every open window that began by the high mark, as flushed. A later window holds only
   * skewed stamps: closed, it would make every tick until then late (docs/semantics.md "End of input").
   */
  flush(product_ids: Iterable<string>): void {
    for (const product_id of product_ids) {
      const product = this.#product(product_id);
      for (const size of product.sizes) {
        for (const window of size.open.values()) {
          if (window.start_us <= product.clock.max_time_us) this.#close(product, size, window, 2, null);
        }
      }
    }
  }

  /** What changed since the last call, for one commit. After it is stored, call `committed`. */
  take(): StepResult {
    const result = this.#result;
    for (const product of this.#touched) {
      product.row.max_time_us = product.clock.max_time_us;
      result.products.push({ ...product.row });
      result.seen.push(...product.seen.dirty());
      result.unissued.push(...product.unissued.dirty());
      for (const size of product.sizes) {
        const { product_id } = product.row;
        const { closed_until_us, last_trade_id } = size;
        if (size.hasClosed)
          result.ends.push({ product_id, size_us: size.spec.size_us, closed_until_us, last_trade_id });
        updatedRows(product, size, result.updated);
      }
      product.touched = false;
    }
    for (const product of this.#touched) this.#pending.push(product);
    this.#touched = [];
    this.#result = emptyResult();
    return result;
  }

  /** The last result is stored: from now on what it held may leave memory. */
  committed(): void {
    for (const product of this.#pending) {
      product.seen.committed();
      product.unissued.committed();
      for (const size of product.sizes) size.closed_starts = [];
    }
    this.#pending = [];
    this.#closed.committed();
  }

  /** Forgets everything in memory; the next tick reads the committed state again. */
  reset(): void {
    this.#products.clear();
    this.#closed.clear();
    this.#touched = [];
    this.#pending = [];
    this.#last = null;
    this.#result = emptyResult();
  }

  #product(product_id: string): ProductState {
    let product = this.#last;
    if (product === null || product.row.product_id !== product_id) {
      product = this.#products.get(product_id) ?? loadProduct(product_id, this.settings, this.source);
      this.#products.set(product_id, product);
      this.#last = product;
    }
    if (!product.touched) {
      product.touched = true;
      this.#touched.push(product);
    }
    return product;
  }

  #observe(product: ProductState, time_us: number, at: Position): boolean {
    const { max_skew_us } = this.settings;
    const ahead_us = time_us - at.appended_us;
    if (ahead_us > max_skew_us) {
      if (product.clock.canJudge(at.appended_us)) this.noticed.ahead_us = ahead_us;
      else this.noticed.unjudged ??= { ...at };
    }
    return product.clock.observe(time_us, at.appended_us, max_skew_us);
  }

  #closePassed(product: ProductState, at: Position): void {
    const watermark = product.clock.watermark(this.settings.lateness_us);
    for (const size of product.sizes) {
      if (watermark <= size.closed_until_us) continue;
      if (size.next_end_us <= watermark) {
        for (const window of size.open.values()) {
          if (window.start_us + window.size_us > watermark) break;
          this.#close(product, size, window, 1, at);
        }
      }
      size.closed_until_us = watermark;
      size.hasClosed = true;
    }
  }

  #close(product: ProductState, size: SizeState, window: Window, final: 1 | 2, at: Position | null): void {
    certify(product, window, size.last_trade_id);
    window.final = final;
    window.closed_partition = at?.partition ?? null;
    window.closed_offset = at?.offset ?? null;
    size.last_trade_id = Math.max(size.last_trade_id, window.last_trade_id);
    size.closed_until_us = Math.max(size.closed_until_us, window.start_us + window.size_us);
    size.hasClosed = true;
    size.closed_starts.push(window.start_us);
    size.open.delete(window.start_us);
    size.dirty.delete(window);
    if (size.current === window) size.current = null;
    size.next_end_us = firstEnd(size.open);
    this.#closed.add(window);
    this.#result.closed.push(toRow(window));
  }

  #place(product: ProductState, size: SizeState, start_us: number, tick: Tick, at: Position, passed: boolean): void {
    let window = size.current;
    if (window === null || window.start_us !== start_us) {
      window = size.open.get(start_us) ?? null;
      if (window === null) {
        window = emptyWindow(product.row.product_id, size.spec.size_us, start_us, -1);
        openWindow(size, window);
      }
      size.current = window;
    }
    addTick(window, tick, at);
    if (!passed) window.skewed++;
    size.dirty.add(window);
  }

  #late(product: ProductState, size: SizeState, start_us: number, tick: Tick, at: Position, passed: boolean): void {
    const { product_id } = product.row;
    const size_us = size.spec.size_us;
    this.#result.late.push({
      product_id,
      trade_id: tick.trade_id,
      size_us,
      window_start_us: start_us,
      time_us: tick.time_us,
      price: formatDecimal(tick.price_mantissa, tick.price_scale),
      last_size: formatDecimal(tick.size_mantissa, tick.size_scale),
      side: tick.side,
      lateness_us: product.clock.max_time_us - tick.time_us,
      log_partition: at.partition,
      log_offset: at.offset,
      appended_us: at.appended_us,
    });
    const window = this.#closed.get(product_id, size_us, start_us, tick.trade_id);
    addTick(window, tick, at);
    if (!passed) window.skewed++;
    this.#revise(product, window, tick.trade_id, at);
  }

  /** A late tick whose id the next closed window counted as missing revises that one too. */
  #fill(product: ProductState, size: SizeState, start_us: number, tick: Tick, at: Position): void {
    const { product_id } = product.row;
    const { size_us } = size.spec;
    const next_us =
      this.source.nextClosed(product_id, size_us, start_us) ?? size.closed_starts.find((start) => start > start_us);
    if (next_us === undefined) return;
    const window = this.#closed.get(product_id, size_us, next_us, -1);
    if (tick.trade_id <= window.after_trade_id || tick.trade_id > window.last_trade_id) return;
    const closedNow = window.closed_partition === at.partition && window.closed_offset === at.offset;
    if (!closedNow) this.#revise(product, window, tick.trade_id, at);
  }

  #revise(product: ProductState, window: Window, caused_by_trade_id: number, at: Position): void {
    window.revision++;
    count(product, window);
    this.#result.revisions.push({
      ...toRow(window),
      revision: window.revision,
      caused_by_trade_id,
      log_partition: at.partition,
      log_offset: at.offset,
    });
  }
}
