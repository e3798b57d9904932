/** Schema, CSV files, API, archive and documents have the columns of contract/window-columns.ts. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  API_COLUMNS,
  ARCHIVE_TYPES,
  CELL_KINDS,
  CSV_COLUMNS,
  REPLACED_COLUMNS,
  WINDOW_COLUMNS,
} from "../../scripts/contract/window-columns.ts";
import WINDOWS_SQL from "../../scripts/store/schema/windows.sql" with { type: "text" };
import { ROOT } from "../support/data.ts";

const REVISION = ["revision", "caused_by_trade_id", "log_partition", "log_offset"].map(
  (name) => `${name} INTEGER NOT NULL`,
);

/** The table of columns as SQLite describes them. */
const DECLARED = Object.entries(WINDOW_COLUMNS).map(([name, column]) => {
  const isNullable = "nullable" in column;
  return `${name} ${CELL_KINDS[column.kind].sqlite}${isNullable ? "" : " NOT NULL"}`;
});

function columnsOf(schema: string, table: string): string[] {
  using db = new Database(":memory:");
  db.exec(schema);
  const columns = db.query<{ name: string; type: string; notnull: number }, []>(`PRAGMA table_info(${table})`).all();
  return columns.map(({ name, type, notnull }) => `${name} ${type}${notnull ? " NOT NULL" : ""}`);
}

/** Names in `code` between two texts of a document, in their order. */
function named(page: string, from: string, to: string): string[] {
  const text = readFileSync(join(ROOT, "docs", page), "utf8");
  const start = text.indexOf(from);
  const end = text.indexOf(to, start + from.length);
  expect([page, start >= 0, end > start]).toEqual([page, true, true]);
  return [...text.slice(start, end).matchAll(/`([a-z_]+)`/g)].map(([, name]) => name!);
}
const inOrder = (names: readonly string[], all: readonly string[]) => names.filter((name) => all.includes(name));

test("windows and window_revisions have the table's columns, with their types, in its order", () => {
  expect(columnsOf(WINDOWS_SQL, "windows")).toEqual(DECLARED);
  expect(columnsOf(WINDOWS_SQL, "window_revisions")).toEqual([...REVISION, ...DECLARED]);
});

test("a schema with another type, without a column or with one too many is found", () => {
  for (const [text, other] of [
    ["buy_sell_ratio REAL", "buy_sell_ratio TEXT"],
    ["vwap TEXT,", "vwap TEXT NOT NULL,"],
    ["received_us INTEGER NOT NULL,", ""],
    ["received_us INTEGER NOT NULL,", "received_us INTEGER NOT NULL, sent_us INTEGER,"],
  ] as const) {
    const changed = WINDOWS_SQL.replace(text, other);
    expect(changed).not.toBe(WINDOWS_SQL);
    expect(columnsOf(changed, "windows")).not.toEqual(DECLARED);
  }
});

test("stream_csv/ has the replaced pipeline's twelve columns, then Tidemark's, as its page lists them", () => {
  expect(REPLACED_COLUMNS).toHaveLength(12);
  expect(named("replaced-pipeline.md", "Its twelve columns, in order:", "Tidemark's file")).toEqual(REPLACED_COLUMNS);
  const own = named("replaced-pipeline.md", "Tidemark's file has these first", "There is one file");
  expect([...REPLACED_COLUMNS, ...own]).toEqual(CSV_COLUMNS);
});

test("docs/http.md lists the columns of the API in their order", () => {
  expect(inOrder(named("http.md", "## A window", "## /events"), API_COLUMNS)).toEqual(API_COLUMNS);
});

test("docs/metrics.md lists the archive's columns in their order", () => {
  const archived = Object.keys(ARCHIVE_TYPES);
  const listed = named("metrics.md", "### windows\n", "### window_revisions");
  expect([...new Set(inOrder(listed, archived))]).toEqual(archived);
});
