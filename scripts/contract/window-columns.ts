/** A window's columns, once: what each holds, and where it is stored, exported and shown. */

/** What a cell holds: its type in SQLite, and in the archive's Parquet files (null: not kept there). */
export const CELL_KINDS = {
  /** Text that somebody chose. */
  text: { sqlite: "TEXT", archive: "VARCHAR" },
  /** One of a few words. */
  flag: { sqlite: "TEXT", archive: "VARCHAR" },
  /** ISO 8601 in UTC; the archive derives it from the column in microseconds. */
  iso: { sqlite: "TEXT", archive: null },
  /** Microseconds since 1970 UTC, or of a duration. */
  micros: { sqlite: "INTEGER", archive: "BIGINT" },
  /** Exact decimals as text without trailing zeros: the limits are those of base/limits.ts. */
  price: { sqlite: "TEXT", archive: "DECIMAL(20,10)" },
  price_sum: { sqlite: "TEXT", archive: "DECIMAL(38,10)" },
  volume: { sqlite: "TEXT", archive: "DECIMAL(38,8)" },
  notional: { sqlite: "TEXT", archive: "DECIMAL(38,18)" },
  ratio: { sqlite: "REAL", archive: "DOUBLE" },
  count: { sqlite: "INTEGER", archive: "BIGINT" },
  trade_id: { sqlite: "INTEGER", archive: "BIGINT" },
  state: { sqlite: "INTEGER", archive: "INTEGER" },
  partition: { sqlite: "INTEGER", archive: "INTEGER" },
  offset: { sqlite: "INTEGER", archive: "BIGINT" },
} as const;

interface Column {
  kind: keyof typeof CELL_KINDS;
  /** All values, where they are few. */
  values?: readonly (string | number)[];
  nullable?: true;
  /** In stream_csv/ and the API: first the replaced pipeline's twelve, then Tidemark's own. */
  shown?: "replaced" | "own";
  /** False: only the store needs it. */
  archived?: false;
  /** The commit sets it, not the window job. */
  committed?: true;
  /** The version of windows.db that added it, when it is not the first. */
  since?: 2;
}

/** In the order of the tables `windows` and `window_revisions`, and of the archive. */
export const WINDOW_COLUMNS = {
  product_id: { kind: "text", shown: "own" },
  size_us: { kind: "micros" },
  window_start_us: { kind: "micros" },
  window_end_us: { kind: "micros" },
  window_start: { kind: "iso", shown: "replaced" },
  window_end: { kind: "iso", shown: "replaced" },
  avg_price: { kind: "price", shown: "replaced" },
  max_price: { kind: "price", shown: "replaced" },
  min_price: { kind: "price", shown: "replaced" },
  price_range: { kind: "price", shown: "replaced" },
  volatility_flag: { kind: "flag", values: ["High", "Normal"], shown: "replaced" },
  total_volume: { kind: "volume", shown: "replaced" },
  trade_count: { kind: "count", shown: "replaced" },
  buy_sell_ratio: { kind: "ratio", shown: "replaced" },
  market_sentiment: { kind: "flag", values: ["Bullish", "Bearish", "Neutral"], shown: "replaced" },
  volume_spike: { kind: "flag", values: ["Spike", "Normal"], shown: "replaced" },
  buy_count: { kind: "count", shown: "own" },
  sell_count: { kind: "count", shown: "own" },
  /** Of the trade with the smallest `(time, trade_id)`. */
  open_price: { kind: "price", shown: "own" },
  /** Of the trade with the largest `(time, trade_id)`. */
  close_price: { kind: "price", shown: "own" },
  price_sum: { kind: "price_sum", shown: "own" },
  /** Sum of price × size. */
  notional: { kind: "notional", shown: "own" },
  /** Null when the volume is 0: such a window holds only trades of size 0. */
  vwap: { kind: "price", nullable: true, shown: "own" },
  first_trade_id: { kind: "trade_id", shown: "own" },
  last_trade_id: { kind: "trade_id", shown: "own" },
  /** Ids after `after_trade_id` up to `last_trade_id` that were never seen. */
  missing: { kind: "count", shown: "own" },
  /** 0 open, 1 closed by the watermark, 2 closed by --flush. */
  final: { kind: "state", values: [0, 1, 2] },
  open_time_us: { kind: "micros" },
  open_trade_id: { kind: "trade_id" },
  close_time_us: { kind: "micros" },
  close_trade_id: { kind: "trade_id" },
  /** The largest id of the product's windows before it. */
  after_trade_id: { kind: "trade_id", archived: false },
  /** Ticks stamped further ahead of the log than --max-skew. */
  skewed: { kind: "count", archived: false },
  /** The position of the record that closed it; null while it is open. */
  closed_partition: { kind: "partition", nullable: true },
  closed_offset: { kind: "offset", nullable: true },
  /** When the log took its newest tick. */
  received_us: { kind: "micros" },
  /** The time of the commit, the only column that reads the local clock. */
  updated_at: { kind: "micros", committed: true },
  /** The number of the commit: rises with each one that touched the row. */
  change_id: { kind: "count", archived: false, committed: true },
  /** Ids in `missing` that are proved never to have been issued; 0 without such a proof. */
  unissued: { kind: "count", since: 2 },
  /** The position of the first tick placed in it; null in a row of schema 1. */
  opened_partition: { kind: "partition", nullable: true, since: 2 },
  opened_offset: { kind: "offset", nullable: true, since: 2 },
} as const satisfies Record<string, Column>;

type Columns = typeof WINDOW_COLUMNS;
type Cell<C extends Column> =
  | (C extends { values: readonly (infer V)[] }
      ? V
      : (typeof CELL_KINDS)[C["kind"]]["sqlite"] extends "TEXT"
        ? string
        : number)
  | (C extends { nullable: true } ? null : never);
/** Names of the columns with these properties. */
type Named<Has> = { [N in keyof Columns]: Columns[N] extends Has ? N : never }[keyof Columns];

/** A row of `windows`. */
export type StoredWindow = { -readonly [N in keyof Columns]: Cell<Columns[N]> };
/** What the window job does not know of it. */
export type CommittedColumn = Named<{ committed: true }>;

/** The API computes them: `size_us` as a duration, and the late ticks in the last revision. */
type ComputedColumn = "window_size" | "late";
type ShownColumn = Named<{ shown: string }>;
type ApiColumn = ShownColumn | ComputedColumn | "skewed" | "final" | "updated_at" | "unissued";

/** Names of the columns that `has` accepts, in the order of the table; `N` narrows their type. */
export function windowColumns<N extends keyof Columns>(has: (column: Column) => boolean): N[] {
  return Object.entries<Column>(WINDOW_COLUMNS).flatMap(([name, column]) => (has(column) ? [name as N] : []));
}

/** What a file of stream_csv/ began with in every version (docs/replaced-pipeline.md "Windows"). */
export const REPLACED_COLUMNS = windowColumns<ShownColumn>(({ shown }) => shown === "replaced");
const OWN_COLUMNS = windowColumns<ShownColumn>(({ shown }) => shown === "own");

/** A line of stream_csv/. */
export const CSV_COLUMNS = [...REPLACED_COLUMNS, ...OWN_COLUMNS];

/** A window of the API, and a line of an export of windows (docs/http.md "A window"). */
export const API_COLUMNS: ApiColumn[] = [
  ...REPLACED_COLUMNS,
  ...OWN_COLUMNS.flatMap((name): ApiColumn[] => (name === "product_id" ? [name, "window_size"] : [name])),
  ...(["skewed", "late", "final", "updated_at", "unissued"] as const),
];

/** Columns of the archive and their DuckDB types. */
export const ARCHIVE_TYPES: Record<string, string> = Object.fromEntries(
  Object.entries<Column>(WINDOW_COLUMNS).flatMap(([name, { kind, archived }]) => {
    const type = CELL_KINDS[kind].archive;
    return type === null || archived === false ? [] : [[name, type]];
  }),
);
