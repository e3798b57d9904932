/** Windows, late ticks and the stream's state between commits (docs/semantics.md). */
import type { CommittedColumn, StoredWindow } from "./window-columns.ts";

/** A window as the job makes it: a row of `windows` without what only the commit knows. */
export type WindowRow = Omit<StoredWindow, CommittedColumn>;

/** A closed window with all its late ticks so far. */
export interface RevisionRow extends WindowRow {
  revision: number;
  caused_by_trade_id: number;
  log_partition: number;
  log_offset: number;
}

/** A tick whose own window was closed. */
export interface LateRow {
  product_id: string;
  trade_id: number;
  size_us: number;
  window_start_us: number;
  time_us: number;
  price: string;
  last_size: string;
  side: "buy" | "sell";
  lateness_us: number;
  log_partition: number;
  log_offset: number;
  appended_us: number;
}

/** A tick whose grain had ended at the high mark, or from REST: the price of lateness follows. */
export interface OutOfOrderRow {
  product_id: string;
  trade_id: number;
  time_us: number;
  /** The high mark when the tick was placed. */
  mark_us: number;
  price: string;
  last_size: string;
  source: "feed" | "rest" | "backfill";
  log_partition: number;
  log_offset: number;
}

/** All that one commit has to store of the window job. */
export interface WindowStep {
  /** Rows of windows that grew and are still open. */
  updated: WindowRow[];
  /** Final rows, in the order of closing. */
  closed: WindowRow[];
  late: LateRow[];
  out_of_order: OutOfOrderRow[];
  revisions: RevisionRow[];
  products: ProductRow[];
  ends: ClosedRow[];
  seen: SeenBlock[];
  unissued: UnissuedSpan[];
}

/** A window size; a window begins every `every_us`, which is `size_us` when windows tumble. */
export interface WindowSpec {
  size_us: number;
  every_us: number;
}

/**
 * Microseconds of which every window's start and size is a multiple: a second, or less where the
 * stream has finer windows. A tick is late in no such window while its own grain has not ended.
 */
export function grainUs(windows: readonly WindowSpec[]): number {
  return windows.flatMap(({ size_us, every_us }) => [size_us, every_us]).reduce(commonDivisor, 1_000_000);
}

/** The greatest common divisor of two whole numbers above 0. */
export function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/** What is kept of a product between commits. */
export interface ProductRow {
  product_id: string;
  /** Event-time high mark; Number.MIN_SAFE_INTEGER before the first event that moves it. */
  max_time_us: number;
  first_trade_id: number;
  last_trade_id: number;
  ticks: number;
  duplicates: number;
  late: number;
  skewed: number;
  /** Ids proved never to have been issued, and never seen. */
  unissued: number;
}

/** Per product and size: what is closed, and the trade id from which the next certificate counts. */
export interface ClosedRow {
  product_id: string;
  size_us: number;
  closed_until_us: number;
  last_trade_id: number;
}

/** Trade ids of one block of seen ids: block n holds the ids from n × this on. */
export const SEEN_BLOCK_IDS = 4_096;

/** Which ids of a block were seen. */
export interface SeenBlock {
  product_id: string;
  block: number;
  /** Null: all; 512 bytes: a bitmap; fewer: a sorted list of little-endian 16-bit numbers. */
  bits: Uint8Array | null;
}

/** Ids proved never to have been issued, none of them seen; a product's spans do not touch. */
export interface UnissuedSpan {
  product_id: string;
  first_trade_id: number;
  /** Null: no span begins with that id any more. */
  last_trade_id: number | null;
}
