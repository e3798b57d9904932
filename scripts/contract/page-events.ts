/** What `serve` sends to an open page: the answer of /api/chart, and the events of /events. */

/**
 * One window to be drawn: its start in seconds since 1970, prices and volume as doubles (exact digits
 * are in the tables and exports). `vwap` is null without volume.
 */
export type Bar = [
  start_s: number,
  open: number,
  high: number,
  low: number,
  close: number,
  volume: number,
  trades: number,
  vwap: number | null,
];

/** The stream's window: `state` 0 open, 1 closed, 2 flushed; `late` ticks are in its revisions only. */
export type StreamBar = [...Bar, state: number, late: number];

/** The reconciliation's judgement; `open`: not closed yet. */
export type Outcome = "equal" | "explained" | "unexplained" | "pending" | "unread" | "history" | "open";

/** A cell of the ribbon: the window's outcome, and the late ticks that explain it. */
export type Cell = [start_s: number, outcome: Outcome, late: number];

/** A span without a feed. */
export type OutageSpan = [from_s: number, to_s: number, reason: string];

/** A batch run that is done: when it ended (this machine), and the event time that its answers reach. */
export type RunMark = [run_id: number, ended_s: number, newest_s: number];

/** GET /api/chart: both pipelines' windows of one product and size, by start, in a span. */
export interface ChartAnswer {
  product: string;
  /** For example `1m`. */
  window: string;
  size_s: number;
  /** From one window's start to the next: `size_s` unless windows hop. */
  every_s: number;
  from_s: number;
  /** Exclusive. */
  to_s: number;
  /** Whether windows of the requested span are left out before `from_s`: an answer has at most 10,000. */
  is_cut: boolean;
  stream: StreamBar[];
  batch: Bar[];
  cells: Cell[];
  outages: OutageSpan[];
  runs: RunMark[];
  /** The newest run that is done; 0: none. */
  run_id: number;
  /** Event time that the newest run's answers reach; null before the first. */
  horizon_s: number | null;
  /** Start of the oldest window of either pipeline; null without one. */
  first_s: number | null;
  /** The batch's windows before it are in the archive only: GET /api/chart/older. Null: none are. */
  older_before_s: number | null;
  /** The commit of windows.db that this is of: what /events sends after it is newer. */
  id: string;
}

/** What a page shows, in an address: `BTC-USD/1m`, `ETH-USD/5m`. */
export type SelectionKey = string;

/** Event `windows`: the stream's windows that changed. */
export interface WindowsEvent {
  of: SelectionKey;
  /** True: too much has changed to list it; the page asks /api/chart again. */
  reload: boolean;
  stream: StreamBar[];
}

/** Event `batch`: a run has ended; the windows that it changed. */
export interface BatchEvent {
  of: SelectionKey;
  reload: boolean;
  run: RunMark;
  horizon_s: number | null;
  batch: Bar[];
  cells: Cell[];
}

/** A reader of the log, or the feed: where it is in event time, and why it waits. */
export interface Lane {
  name: "log" | "stream" | "consume" | "batch";
  state: "running" | "rest" | "silent" | "absent";
  /** Event time up to which it has read, ms since 1970; null: nothing yet. */
  read_ms: number | null;
  /** Records that it has not read; null: not known. */
  behind: number | null;
  /** Age of the oldest received tick that it lacks; 0: it lacks none; null: not known. */
  lag_ms: number | null;
  /** In words: what it does or waits for, since when it was not heard of. */
  reason: string;
}

/** Event `status`, once per second: figures that move with time. What is unchanged is sent again. */
export interface StatusEvent {
  of: SelectionKey;
  /** This server's clock, ms since 1970. */
  at_ms: number;
  mode: "live" | "replay" | null;
  /** Of a replay; null: live, or at full speed. */
  speed: number | null;
  /** The exchange's clock at `at_ms`, ms since 1970: it runs on at `speed`. Null: not known, or ended. */
  exchange_ms: number | null;
  /** When the feed ended, ms since 1970; null while it runs. */
  ended_ms: number | null;
  /** The newest trade: exact price, event time in ms. */
  price: string | null;
  traded_ms: number | null;
  /** Trades per second of event time over the last minute; null: not known. */
  trades_per_s: number | null;
  /** The newest open window: start, its trades, and the event time at which it closes (end + lateness). */
  open: { start_s: number; trades: number; closes_ms: number } | null;
  /** Event time of the newest tick in each answer, ms since 1970. */
  stream_newest_ms: number | null;
  batch_newest_ms: number | null;
  lanes: Lane[];
  /** When the next batch run begins, this server's clock; null: none is planned. */
  next_run_ms: number | null;
  /** The verdict in a few words for the tab's title, for example `55 of 58 equal`. */
  verdict: string;
  /** Whether a difference has no explanation. */
  is_alarm: boolean;
}

/** Event `title`, for a hidden tab, at most every 10 s. */
export type TitleEvent = Pick<StatusEvent, "of" | "at_ms" | "price" | "verdict" | "is_alarm">;

/** Event `parts`: HTML of what changed, by the id of the element that it replaces. */
export interface PartsEvent {
  of: SelectionKey;
  html: Record<string, string>;
}
