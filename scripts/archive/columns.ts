/** The archive's columns: their names in the SQLite files, and their exact types in Parquet. The docs test compares docs/metrics.md with it. */
import { ARCHIVE_TYPES } from "../contract/window-columns.ts";

/** name → DuckDB type. `from` names the SQLite file. */
export interface Relation {
  store: "ticks" | "windows";
  table: string;
  columns: Record<string, string>;
}

/** The limits of base/limits.ts: prices below 10^10, sizes below 10^12; sums of products of both fit DECIMAL(38,18). */
const PRICE = "DECIMAL(20,10)";
const SIZE = "DECIMAL(20,8)";

export const TICK_COLUMNS: Record<string, string> = {
  insert_id: "BIGINT",
  product_id: "VARCHAR",
  trade_id: "BIGINT",
  time_us: "BIGINT",
  price: PRICE,
  last_size: SIZE,
  side: "VARCHAR",
  best_bid: PRICE,
  best_ask: PRICE,
  source: "VARCHAR",
  appended_us: "BIGINT",
  log_partition: "INTEGER",
  log_offset: "BIGINT",
};

/** A table whose new rows a run adds to those before (changes.ts). */
export interface Changing extends Relation {
  /** Of several collected rows with this key the newest counts. */
  key: string[];
  /** Rises with each change of a row, or with each row where rows never change. */
  number: "change_id" | "rowid";
}

const WINDOW_KEY = ["product_id", "size_us", "window_start_us"];

export const CHANGING: Record<string, Changing> = {
  window_revisions: {
    store: "windows",
    table: "window_revisions",
    columns: {
      revision: "BIGINT",
      caused_by_trade_id: "BIGINT",
      log_partition: "INTEGER",
      log_offset: "BIGINT",
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
      log_partition: "INTEGER",
      log_offset: "BIGINT",
      appended_us: "BIGINT",
    },
    key: ["trade_id", ...WINDOW_KEY],
    number: "rowid",
  },
  dead_letters: {
    store: "ticks",
    table: "dead_letters",
    columns: { log_partition: "INTEGER", log_offset: "BIGINT", appended_us: "BIGINT", reason: "VARCHAR" },
    key: ["log_partition", "log_offset"],
    number: "rowid",
  },
  conflicts: {
    store: "ticks",
    table: "conflicts",
    columns: {
      log_partition: "INTEGER",
      log_offset: "BIGINT",
      appended_us: "BIGINT",
      product_id: "VARCHAR",
      trade_id: "BIGINT",
      time_us: "BIGINT",
      price: PRICE,
      last_size: SIZE,
      side: "VARCHAR",
      best_bid: PRICE,
      best_ask: PRICE,
      source: "VARCHAR",
      pruned: "INTEGER",
    },
    key: ["log_partition", "log_offset"],
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
  stream_settings: { store: "windows", table: "settings", columns: { name: "VARCHAR", value: "VARCHAR" } },
  consume_positions: {
    store: "ticks",
    table: "offsets",
    columns: { log_partition: "INTEGER", next_offset: "BIGINT", first_offset: "BIGINT" },
  },
};

/** An empty relation of these types, for what isn't there yet. */
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

/**
 * One column cast to its type. Quotes are kept as the feed sent them, so a strange one becomes NULL instead of ending the run; so does
 * a notional beyond 10^20, which rules 1 allowed. DuckDB 1.5.5 needs 6 µs to read a text as a decimal of more than 18 digits and 0.1 µs for
 * one of 18, so nearly all cells take the narrow way first: the same value, whatever the text.
 */
export function castCell(name: string, type: string): string {
  const isLoose = name.startsWith("best_") || name === "notional";
  const cast = `${isLoose ? "TRY_CAST" : "CAST"}(${name} AS ${type})`;
  if (!type.startsWith("DECIMAL(20,")) return `${cast} AS ${name}`;
  const narrow = `TRY_CAST(${name} AS ${type.replace("(20,", "(18,")})`;
  return `coalesce(CAST(${narrow} AS ${type}), ${cast}) AS ${name}`;
}

/**
 * A FROM item with these columns of Parquet files, also of files that an older version wrote: a column that they lack is NULL, and
 * narrower decimals become these types.
 */
export function widened(columns: Record<string, string>, parquet: string): string {
  return `(${emptySelect(columns)} UNION ALL BY NAME SELECT * FROM ${parquet})`;
}
