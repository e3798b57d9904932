/** All that is known of one window, for its page, GET /api/explain and `bun run explain`. */
import type { Outcome } from "./page-events.ts";

/** The columns in which both pipelines are compared, in the order in which they are shown. */
export const COMPARED_COLUMNS = [
  "trade_count",
  "open_price",
  "max_price",
  "min_price",
  "close_price",
  "avg_price",
  "vwap",
  "total_volume",
  "notional",
  "price_sum",
  "price_range",
  "buy_count",
  "sell_count",
  "buy_sell_ratio",
  "market_sentiment",
  "volatility_flag",
  "volume_spike",
  "first_trade_id",
  "last_trade_id",
] as const;

export type ComparedColumn = (typeof COMPARED_COLUMNS)[number];

/** By column, exact decimals without trailing zeros; null where the window has no such value. */
export type WindowValues = Record<ComparedColumn, string | null>;

/** One column on both sides; null: that side has no such window, or no such value. */
export interface DetailColumn {
  column: ComparedColumn;
  stream: string | null;
  /** What the late ticks add to counts and sums; null for other columns, and without late ticks. */
  late: string | null;
  batch: string | null;
  /** Null: it is not compared, because a side is not there or the window is open. */
  mark: "equal" | "differs" | null;
  /** Leading characters of `batch` that are those of `stream`. */
  same: number;
}

/** A tick that came after its window had closed; times in ISO 8601 UTC. */
export interface LateTick {
  trade_id: number;
  time: string;
  price: string;
  last_size: string;
  side: string;
  /** Event-time high mark − its time, when it came. */
  lateness_ms: number;
  log_partition: number;
  log_offset: number;
}

/** The closed window with all its late ticks so far. */
export interface Revision {
  window_start: string;
  revision: number;
  /** A late tick's, or the first id of the window that a proof proves never issued. */
  caused_by_trade_id: number;
  log_partition: number;
  log_offset: number;
  trade_count: number;
  missing: number;
  unissued: number;
  committed_at: string;
}

interface LogPlace {
  log_partition: number;
  log_offset: number;
}

/** A tick of the window, as consume stored it. */
export interface DetailTick extends LogPlace {
  trade_id: number;
  /** ISO 8601 UTC. */
  time: string;
  price: string;
  last_size: string;
  side: "buy" | "sell";
  source: string;
  /** When the log took it. */
  appended_at: string;
  /** It came after its window had closed: in the revisions, and not in the final row. */
  is_late: boolean;
  /** It is in the answers of the run that made the batch's side. */
  in_batch: boolean;
}

export interface DetailTicks {
  /** Where they were read; `archive` is not read yet if `is_pending`. */
  from: "ticks.db" | "archive";
  /** Some are not in ticks.db any more: the archive must be read, which takes a moment. */
  is_pending: boolean;
  /** By time and id, at most as many as were asked for. */
  rows: DetailTick[];
  /** The window has more than `rows`. */
  is_cut: boolean;
  /** Address of the export of all ticks of the span. */
  export: string;
  /** Why they can't be read; null if they can. */
  error: string | null;
  /** Consume may not have stored all ticks of the stream's row yet. */
  is_behind: boolean;
}

/** One of the windows from which a larger one is summed. */
export interface DetailPart {
  id: string;
  /** Address of its page. */
  path: string;
  window_start: string;
  outcome: Outcome | null;
  late: number;
  trade_count: number;
  total_volume: string;
}

export interface WindowDetail {
  /** `BTC-USD@2023-09-05T16:30/1m`. */
  id: string;
  path: string;
  product: string;
  /** The size: `1m`. */
  window: string;
  /** ISO 8601 UTC. */
  window_start: string;
  window_end: string;
  start_us: number;
  size_us: number;
  /** From one window's start to the next. */
  every_us: number;
  /** Only what was known at this time, of this machine's clock; null: now. */
  as_of: string | null;
  /** `late`: all its ticks were late, so that it has revisions only. */
  state: "open" | "closed" | "flushed" | "late" | "none";
  /** Null: no run has judged it. */
  outcome: Outcome | null;
  /** The outcome as a sentence. */
  verdict: string;
  columns: DetailColumn[];
  /** Null: the stream has no such window. */
  stream: {
    /** Ids up to its last that were never seen, when it closed; and those missing still. */
    missing: number;
    missing_still: number;
    /** Of those missing still, how many are proved never to have been issued. */
    unissued: number;
    /** Ticks stamped too far ahead. */
    skewed: number;
    /** The first tick placed in it. */
    opened: LogPlace | null;
    /** The record that closed it; null while it is open, and if --flush closed it. */
    closed: (LogPlace & { time: string | null; committed_at: string }) | null;
    /** When the log took its newest tick. */
    received_at: string;
    committed_at: string;
  } | null;
  /** What made the batch's side; null: no run has this window. */
  batch: {
    run_id: number;
    ended_at: string | null;
    /** Which SQL, and where its values are from. */
    metric: string;
    file: string;
    sql: string;
    note: string;
  } | null;
  /** Without it: why it can't be read; null if there is no reason. */
  batch_error: string | null;
  /** All late ticks, and the first of them by arrival. */
  late_count: number;
  late: LateTick[];
  revision_count: number;
  revisions: Revision[];
  /** Of a size that the stream does not keep: the size and the windows from which it is summed. */
  summed_from: string | null;
  parts: DetailPart[];
  ticks: DetailTicks;
}
