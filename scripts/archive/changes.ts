/** Tables of the SQLite files that grow without an end: each run adds to the archive the rows that were written since the last; the newest row of a key counts. */
import { THRESHOLDS } from "../contract/thresholds.ts";
import { type Changing, castCell } from "./columns.ts";

interface Select {
  select: string;
  columns: string[];
}

/**
 * One row: `newest`, the table's last change number, and `mark`, what must be as it was for a run to go on after `changed_to`. A change number that
 * is a rowid may be another row's after a VACUUM by hand, so there the mark is the row's place in the log.
 */
export function newestChange({ table, number }: Changing, changed_to: number): Select {
  const mark =
    number === "rowid"
      ? `(SELECT ${PLACE} FROM ${table} WHERE rowid = ${changed_to})`
      : `max(${number}) >= ${changed_to}`;
  return { select: `SELECT max(${number}) AS newest, ${mark} AS mark FROM ${table}`, columns: ["newest", "mark"] };
}

const PLACE = "log_partition || ':' || log_offset";

/** One row, from a FROM item over a file that was just written: its last change number and the mark for the next run. */
export function lastChange({ number }: Changing, from: string): string {
  const mark = number === "rowid" ? `arg_max(${PLACE}, change_id)` : "1";
  return `SELECT max(change_id) AS changed_to, CAST(${mark} AS VARCHAR) AS mark FROM ${from}`;
}

/** Rows with a change number above `after`. Doubles come out of sqlite_query as text of 15 digits, so only a ratio that doesn't follow from its counts is read. */
export function changedRows({ table, number, columns }: Changing, after: number): Select {
  const follows = `CAST(buy_count AS REAL) / (sell_count + ${THRESHOLDS.ratio_epsilon})`;
  const cell = (name: string) =>
    name === "buy_sell_ratio"
      ? `CASE WHEN buy_sell_ratio = ${follows} THEN '' ELSE printf('%!.20g', buy_sell_ratio) END AS buy_sell_ratio`
      : name;
  const cells = [...Object.keys(columns).map(cell), `${number} AS change_id`];
  return {
    select: `SELECT ${cells.join(", ")} FROM ${table} WHERE ${number} > ${after}`,
    columns: [...Object.keys(columns), "change_id"],
  };
}

/** The same rows with their types, from a FROM item that holds them as text. */
export function typedRows({ columns }: Changing, from: string): string {
  const cell = ([name, type]: [string, string]) =>
    name === "buy_sell_ratio"
      ? `coalesce(CAST(nullif(buy_sell_ratio, '') AS DOUBLE), CAST(buy_count AS DOUBLE) / (CAST(sell_count AS BIGINT) + CAST(${THRESHOLDS.ratio_epsilon} AS DOUBLE))) AS buy_sell_ratio`
      : castCell(name, type);
  const cells = Object.entries({ ...columns, change_id: "BIGINT" }).map(cell);
  return `SELECT ${cells.join(", ")} FROM ${from}`;
}

/** Of each key the newest row, from a FROM item with all that were collected. Runs on DuckDB and on Spark. */
export function newestRows({ columns, key }: Changing, from: string, more: readonly string[] = []): string {
  const newest = `row_number() OVER (PARTITION BY ${key.join(", ")} ORDER BY change_id DESC) AS newest`;
  return `SELECT ${[...Object.keys(columns), ...more].join(", ")} FROM (SELECT *, ${newest} FROM ${from}) WHERE newest = 1`;
}
