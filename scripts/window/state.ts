/** The window job's state per product and size, how it is read back, and what a commit stores. */
import { formatDecimal } from "../base/decimal.ts";
import type { Position, Tick } from "../contract/tick.ts";
import type { ClosedRow, OutOfOrderRow, ProductRow, WindowRow, WindowSpec, WindowStep } from "../contract/window.ts";
import { fromRow, type Window } from "./aggregate.ts";
import { EventClock, NO_TIME } from "./clock.ts";
import { SeenIds } from "./seen.ts";
import { UnissuedIds } from "./unissued.ts";

export interface JobSettings {
  windows: WindowSpec[];
  lateness_us: number;
  max_skew_us: number;
}

/** Without a source it is the feed's. */
export type SourcedTick = Tick & { source?: OutOfOrderRow["source"] };

/** Reads committed state back, synchronously; empty before the first commit. */
export interface StateSource {
  product(product_id: string): ProductRow | undefined;
  closed(product_id: string, size_us: number): ClosedRow | undefined;
  openWindows(product_id: string, size_us: number): WindowRow[];
  /** A closed window's last revision, or its final row with revision 0. */
  closedWindow(product_id: string, size_us: number, start_us: number): (WindowRow & { revision: number }) | undefined;
  /** Start of the first closed row after `start_us`; a window of late ticks alone has no row. */
  nextClosed(product_id: string, size_us: number, start_us: number): number | undefined;
  seenBlock(product_id: string, block: number): Uint8Array | null | undefined;
  /** Which of the blocks `from` to `to` are stored. */
  seenBlocks(product_id: string, from: number, to: number): number[];
  /** Spans of ids that were never issued, by first id. */
  unissued(product_id: string): { first_trade_id: number; last_trade_id: number }[];
  /** Starts of closed windows whose certificate, of row or revision, counts an id of `lo` to `hi`. */
  closedOver(product_id: string, size_us: number, lo: number, hi: number): number[];
}

export interface StepResult extends WindowStep {
  counts: { ticks: number; duplicates: number; late: number; skewed: number };
}

export interface SizeState {
  spec: WindowSpec;
  /** By start and in order of start (openWindow), so that no close and no commit sorts. */
  open: Map<number, Window>;
  /** The latest start that was ever opened. */
  newest_us: number;
  /** The window of the last tick, nearly always of the next one too. */
  current: Window | null;
  /** Smallest end of an open window. */
  next_end_us: number;
  closed_until_us: number;
  last_trade_id: number;
  hasClosed: boolean;
  /** Starts of the windows closed since the last commit, in their order in time. */
  closed_starts: number[];
  dirty: Set<Window>;
}

export interface ProductState {
  row: ProductRow;
  clock: EventClock;
  seen: SeenIds;
  unissued: UnissuedIds;
  sizes: SizeState[];
  touched: boolean;
}

/** A product's committed state, or the state before its first tick. */
export function loadProduct(product_id: string, settings: JobSettings, source: StateSource): ProductState {
  const row: ProductRow = source.product(product_id) ?? {
    product_id,
    max_time_us: NO_TIME,
    first_trade_id: Number.MAX_SAFE_INTEGER,
    last_trade_id: -1,
    ticks: 0,
    duplicates: 0,
    late: 0,
    skewed: 0,
    unissued: 0,
  };
  const seen = new SeenIds(product_id, {
    load: (block) => source.seenBlock(product_id, block),
    between: (from, to) => source.seenBlocks(product_id, from, to),
  });
  const unissued = new UnissuedIds(product_id, source.unissued(product_id));
  const sizes = settings.windows.map((spec) => loadSize(product_id, spec, source));
  return { row, clock: new EventClock(row.max_time_us), seen, unissued, sizes, touched: false };
}

function loadSize(product_id: string, spec: WindowSpec, source: StateSource): SizeState {
  const ends = source.closed(product_id, spec.size_us);
  const rows = source.openWindows(product_id, spec.size_us).sort((a, b) => a.window_start_us - b.window_start_us);
  const open = new Map(rows.map((row) => [row.window_start_us, fromRow(row, 0)]));
  return {
    spec,
    open,
    newest_us: rows.at(-1)?.window_start_us ?? NO_TIME,
    current: null,
    next_end_us: firstEnd(open),
    closed_until_us: ends?.closed_until_us ?? NO_TIME,
    last_trade_id: ends?.last_trade_id ?? -1,
    hasClosed: ends !== undefined,
    closed_starts: [],
    dirty: new Set(),
  };
}

/** Adds a window to the open ones, which is nearly always the newest. */
export function openWindow(size: SizeState, window: Window): void {
  size.open.set(window.start_us, window);
  if (window.start_us >= size.newest_us) size.newest_us = window.start_us;
  else size.open = new Map([...size.open].sort(([a], [b]) => a - b));
  size.next_end_us = firstEnd(size.open);
}

/** The smallest end of the open windows, MAX_SAFE_INTEGER when there is none. */
export function firstEnd(open: ReadonlyMap<number, Window>): number {
  for (const window of open.values()) return window.start_us + window.size_us;
  return Number.MAX_SAFE_INTEGER;
}

export function emptyResult(): StepResult {
  return {
    updated: [],
    closed: [],
    late: [],
    out_of_order: [],
    revisions: [],
    products: [],
    ends: [],
    seen: [],
    unissued: [],
    counts: { ticks: 0, duplicates: 0, late: 0, skewed: 0 },
  };
}

/** Whether some window may have closed before the tick, or it was filled from REST. */
export function isOutOfOrder({ time_us, source }: SourcedTick, mark_us: number, grain_us: number): boolean {
  if (source === "rest") return true;
  return time_us < mark_us && Math.floor(time_us / grain_us) < Math.floor(mark_us / grain_us);
}

/** What is kept of a tick out of order; `mark_us` is the product's high mark. */
export function outOfOrder(tick: SourcedTick, mark_us: number, at: Position): OutOfOrderRow {
  return {
    product_id: tick.product_id,
    trade_id: tick.trade_id,
    time_us: tick.time_us,
    mark_us,
    price: formatDecimal(tick.price_mantissa, tick.price_scale),
    last_size: formatDecimal(tick.size_mantissa, tick.size_scale),
    source: tick.source ?? "feed",
    log_partition: at.partition,
    log_offset: at.offset,
  };
}
