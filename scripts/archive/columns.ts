/** The archive's tables: their columns in SQLite and the exact types in Parquet. */
import { ARCHIVE_TYPES } from "../contract/window-columns.ts";

/** A table of ticks.db or windows.db. */
interface Relation {
  store: "ticks" | "windows";
  table: string;
  /** name → DuckDB type. */
  columns: Record<string, string>;
}

/**
 * The limits of base/limits.ts: prices below 10^10, sizes below 10^12; sums of products of both fit
 * DECIMAL(38,18).
 */
const PRICE = "DECIMAL(20,10)";
const SIZE = "DECIMAL(20,8)";

/** What a record states of its trade. */
const TRADE = {
  product_id: "VARCHAR",
  trade_id: "BIGINT",
  time_us: "BIGINT",
  price: PRICE,
  last_size: SIZE,
  side: "VARCHAR",
  best_bid: PRICE,
  best_ask: PRICE,
  source: "VARCHAR",
};
/** Where a record is in the log, and when the log took it. */
const OFFSET = { log_partition: "INTEGER", log_offset: "BIGINT" };
const RECORD = { ...OFFSET, appended_us: "BIGINT" };

/** Of a stored tick. */
export const TICK_COLUMNS: Record<string, string> = {
  insert_id: "BIGINT",
  ...TRADE,
  appended_us: "BIGINT",
  ...OFFSET,
};

/** Of a stored tick as a run reads it (docs/decisions/0082-receipts-not-archived.md). */
export const STORED_COLUMNS = { ...TICK_COLUMNS, received_us: "BIGINT" };

/** A table whose new rows each run adds to those before (changes.ts). */
export interface Changing extends Relation {
  /** The newest of several collected rows with this key counts. */
  key: string[];
  /** Rises with each change of a row, or with each row where rows never change. */
  number: "change_id" | "rowid";
}

const WINDOW_KEY = ["product_id", "size_us", "window_start_us"];

/** By the names of the archive's folders. */
export const CHANGING: Record<string, Changing> = {
  // Before the windows: then these hold every tick of its rows.
  out_of_order: {
    store: "windows",
    table: "out_of_order",
    columns: {
      product_id: "VARCHAR",
      trade_id: "BIGINT",
      time_us: "BIGINT",
      mark_us: "BIGINT",
      price: PRICE,
      last_size: SIZE,
      source: "VARCHAR",
      log_partition: "INTEGER",
      log_offset: "BIGINT",
    },
    key: ["product_id", "trade_id"],
    number: "rowid",
  },
  window_revisions: {
    store: "windows",
    table: "window_revisions",
    columns: {
      revision: "BIGINT",
      caused_by_trade_id: "BIGINT",
      ...OFFSET,
      ...ARCHIVE_TYPES,
    },
    key: [...WINDOW_KEY, "revision"],
    number: "rowid",
  },
  late_ticks: {
    store: "windows",
    table: "late_ticks",
    columns: {
      product_id: "VARCHAR",
      trade_id: "BIGINT",
      size_us: "BIGINT",
      window_start_us: "BIGINT",
      time_us: "BIGINT",
      price: PRICE,
      last_size: SIZE,
      side: "VARCHAR",
      lateness_us: "BIGINT",
      ...RECORD,
    },
    key: ["trade_id", ...WINDOW_KEY],
    number: "rowid",
  },
  dead_letters: {
    store: "ticks",
    table: "dead_letters",
    columns: { ...RECORD, reason: "VARCHAR" },
    key: ["log_partition", "log_offset"],
    number: "rowid",
  },
  conflicts: {
    store: "ticks",
    table: "conflicts",
    columns: { ...RECORD, ...TRADE, pruned: "INTEGER" },
    key: ["log_partition", "log_offset"],
    number: "rowid",
  },
  history_minutes: {
    store: "ticks",
    table: "history_minutes",
    columns: { product_id: "VARCHAR", minute_us: "BIGINT", ...OFFSET },
    key: ["product_id", "minute_us"],
    number: "rowid",
  },
  windows: { store: "windows", table: "windows", columns: ARCHIVE_TYPES, key: WINDOW_KEY, number: "change_id" },
};

/** What each run copies whole: a few rows. */
export const SNAPSHOT: Record<string, Relation> = {
  outages: {
    store: "ticks",
    table: "outages",
    columns: {
      product_id: "VARCHAR",
      from_us: "BIGINT",
      to_us: "BIGINT",
      last_trade_id: "BIGINT",
      first_trade_id: "BIGINT",
      reason: "VARCHAR",
    },
  },
  stream_positions: {
    store: "windows",
    table: "offsets",
    columns: { log_partition: "INTEGER", next_offset: "BIGINT", first_offset: "BIGINT" },
  },
  stream_positions_after: {
    store: "windows",
    table: "offsets",
    columns: { log_partition: "INTEGER", next_offset: "BIGINT" },
  },
  product_marks: {
    store: "windows",
    table: "product_marks",
    columns: { product_id: "VARCHAR", mark_us: "BIGINT", since_us: "BIGINT" },
  },
  unissued: {
    store: "windows",
    table: "unissued_ids",
    columns: { product_id: "VARCHAR", first_trade_id: "BIGINT", last_trade_id: "BIGINT" },
  },
  stream_settings: { store: "windows", table: "settings", columns: { name: "VARCHAR", value: "VARCHAR" } },
  consume_positions: {
    store: "ticks",
    table: "offsets",
    columns: { log_partition: "INTEGER", next_offset: "BIGINT", first_offset: "BIGINT" },
  },
};

/** An empty relation of these types, for what does not exist yet. */
export function emptySelect(columns: Record<string, string>): string {
  const cells = Object.entries(columns).map(([name, type]) => `CAST(NULL AS ${type}) AS ${name}`);
  return `SELECT ${cells.join(", ")} WHERE false`;
}

/** Each column cast to its type. */
export function castSelect(columns: Record<string, string>): string {
  return Object.entries(columns)
    .map(([name, type]) => castCell(name, type))
    .join(", ");
}

/** One column cast to its type. Of an invalid quote, and of a notional beyond 10^20 (rules 1), NULL. */
export function castCell(name: string, type: string): string {
  const isLoose = name.startsWith("best_") || name === "notional";
  const cast = `${isLoose ? "TRY_CAST" : "CAST"}(${name} AS ${type})`;
  if (!type.startsWith("DECIMAL(20,")) return `${cast} AS ${name}`;
  // DuckDB 1.5.5 reads a decimal of 18 digits in 0.1 µs and a wider one in 6 µs, to the same value.
  const narrow = `TRY_CAST(${name} AS ${type.replace("(20,", "(18,")})`;
  return `coalesce(CAST(${narrow} AS ${type}), ${cast}) AS ${name}`;
}

/**
 * A FROM item with these columns of Parquet files, also of an older version's: a column that they lack
 * is NULL, and narrower decimals become these types.
 */
export function widened(columns: Record<string, string>, parquet: string): string {
  return `(${emptySelect(columns)} UNION ALL BY NAME SELECT * FROM ${parquet})`;
}
