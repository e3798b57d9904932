/** A window as it is stored, shown and compared: the reference's columns and ours (design.md "Stream semantics"). */

/** One row of `windows` or `window_revisions`, without the columns that only a commit knows. Decimals are exact text. */
export interface WindowRow {
  product_id: string;
  size_us: number;
  window_start_us: number;
  window_end_us: number;
  window_start: string;
  window_end: string;
  avg_price: string;
  max_price: string;
  min_price: string;
  price_range: string;
  volatility_flag: "High" | "Normal";
  total_volume: string;
  trade_count: number;
  buy_sell_ratio: number;
  market_sentiment: "Bullish" | "Bearish" | "Neutral";
  volume_spike: "Spike" | "Normal";
  buy_count: number;
  sell_count: number;
  open_price: string;
  close_price: string;
  price_sum: string;
  notional: string;
  /** Null when the volume is 0: such a window holds only trades of size 0. */
  vwap: string | null;
  first_trade_id: number;
  last_trade_id: number;
  missing: number;
  /** 0 open, 1 closed by the watermark, 2 closed by --flush. */
  final: 0 | 1 | 2;
  open_time_us: number;
  open_trade_id: number;
  close_time_us: number;
  close_trade_id: number;
  after_trade_id: number;
  skewed: number;
  closed_partition: number | null;
  closed_offset: number | null;
  received_us: number;
  /** Ids in `missing` that are proven never to have been issued; 0 without such a proof. */
  unissued: number;
  /** The log position of the first tick placed in it; null in a row of schema 1. */
  opened_partition: number | null;
  opened_offset: number | null;
}

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

/** One window size and how often a window of it begins; `every_us` equals `size_us` when windows tumble. */
export interface WindowSpec {
  size_us: number;
  every_us: number;
}

/** What is kept of a product between commits. */
export interface ProductRow {
  product_id: string;
  /** M, the largest event time seen; Number.MIN_SAFE_INTEGER before the first that counts. */
  max_time_us: number;
  first_trade_id: number;
  last_trade_id: number;
  ticks: number;
  duplicates: number;
  late: number;
  skewed: number;
}

/** Per product and size: what is closed, and the trade id from which the next certificate counts. */
export interface ClosedRow {
  product_id: string;
  size_us: number;
  closed_until_us: number;
  last_trade_id: number;
}

/** 4,096 trade ids; null: every one was seen; 512 bytes: a bitmap; fewer: a sorted list of little-endian 16-bit numbers. */
export interface SeenBlock {
  product_id: string;
  block: number;
  bits: Uint8Array | null;
}
