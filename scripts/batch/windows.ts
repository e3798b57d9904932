/** The archive's copy of the stream's windows: each run adds the rows that were written since the last, by their change number; the newest row of a window counts. */
import { THRESHOLDS } from "../common/thresholds.ts";
import { WINDOW_COLUMNS } from "./columns.ts";

/** Rows of windows.db with a change number above `changed_after`. Doubles come out of sqlite_query as text of 15 digits, so only a ratio that doesn't follow from its counts is read. */
export function changedWindows(changed_after: number): { select: string; columns: string[] } {
  const follows = `CAST(buy_count AS REAL) / (sell_count + ${THRESHOLDS.ratio_epsilon})`;
  const cell = (name: string) =>
    name === "buy_sell_ratio"
      ? `CASE WHEN buy_sell_ratio = ${follows} THEN '' ELSE printf('%!.20g', buy_sell_ratio) END AS buy_sell_ratio`
      : name;
  const columns = [...Object.keys(WINDOW_COLUMNS), "change_id"];
  return { select: `SELECT ${columns.map(cell).join(", ")} FROM windows WHERE change_id > ${changed_after}`, columns };
}

/** The same rows with their types, from a FROM item that holds them as text. */
export function typedWindows(from: string): string {
  const cell = ([name, type]: [string, string]) =>
    name === "buy_sell_ratio"
      ? `coalesce(CAST(nullif(buy_sell_ratio, '') AS DOUBLE), CAST(buy_count AS DOUBLE) / (CAST(sell_count AS BIGINT) + CAST(${THRESHOLDS.ratio_epsilon} AS DOUBLE))) AS buy_sell_ratio`
      : `CAST(${name} AS ${type}) AS ${name}`;
  const cells = Object.entries({ ...WINDOW_COLUMNS, change_id: "BIGINT" }).map(cell);
  return `SELECT ${cells.join(", ")} FROM ${from}`;
}

/** Of each window the newest row, from a FROM item with all that were collected. Runs on DuckDB and on Spark. */
export function newestWindows(from: string, more: readonly string[] = []): string {
  const newest =
    "row_number() OVER (PARTITION BY product_id, size_us, window_start_us ORDER BY change_id DESC) AS newest";
  return `SELECT ${[...Object.keys(WINDOW_COLUMNS), ...more].join(", ")} FROM (SELECT *, ${newest} FROM ${from}) WHERE newest = 1`;
}
