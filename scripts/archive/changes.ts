/** SELECTs that collect what changed in a table since the last run, and that read it back. */
import { THRESHOLDS } from "../contract/thresholds.ts";
import { type Changing, castCell } from "./columns.ts";

/** On one SQLite file. */
interface Select {
  select: string;
  columns: string[];
}

/**
 * One row: `newest`, the table's last change number, and `mark`, which must be unchanged for a run to
 * continue after `changed_to`. A rowid may be another row's after a VACUUM, so its mark is an offset.
 */
export function newestChange({ table, number }: Changing, changed_to: number): Select {
  const mark =
    number === "rowid"
      ? `(SELECT ${RECORD_OFFSET} FROM ${table} WHERE rowid = ${changed_to})`
      : `max(${number}) >= ${changed_to}`;
  return { select: `SELECT max(${number}) AS newest, ${mark} AS mark FROM ${table}`, columns: ["newest", "mark"] };
}

const RECORD_OFFSET = "log_partition || ':' || log_offset";

/**
 * One row, from a FROM item over a file that was just written: its last change number and the mark for
 * the next run.
 */
export function lastChange({ number }: Changing, from: string): string {
  const mark = number === "rowid" ? `arg_max(${RECORD_OFFSET}, change_id)` : "1";
  return `SELECT max(change_id) AS changed_to, CAST(${mark} AS VARCHAR) AS mark FROM ${from}`;
}

/**
 * Rows with a change number above `after`. sqlite_query returns doubles as text of 15 digits, so a
 * ratio that follows from its counts is computed by `typedRows`, and any other is printed whole.
 */
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

/** The newest row of each key, from a FROM item with all collected rows. Runs on DuckDB and on Spark. */
export function newestRows({ columns, key }: Changing, from: string, more: readonly string[] = []): string {
  const newest = `row_number() OVER (PARTITION BY ${key.join(", ")} ORDER BY change_id DESC) AS newest`;
  return `SELECT ${[...Object.keys(columns), ...more].join(", ")} FROM (SELECT *, ${newest} FROM ${from}) WHERE newest = 1`;
}
