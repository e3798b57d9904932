/** Read-only SQL over the archive's views for `query` and exports, locked down as metrics are. */
import { type Manifest, readArchive } from "../archive/index.ts";
import { csvHeader, csvRows } from "../base/csv.ts";
import { type DataPaths, replayed } from "../base/data-dir.ts";
import { TidemarkError } from "../base/errors.ts";
import { METRIC_ROWS_MAX } from "../base/limits.ts";
import { printable } from "../base/printable.ts";
import type { Column, Row } from "../contract/results.ts";
import type { Destination } from "./destination.ts";
import { LockedDatabase, type QueryResult } from "./locked.ts";
import { copyToParquet, type Query, streamRows } from "./rows-out.ts";

export const FORMATS = ["table", "json", "csv", "parquet"] as const;
export type Format = (typeof FORMATS)[number];

/** `truncated`: there were more rows. */
export interface Written {
  rows: number;
  truncated: boolean;
}

/**
 * Runs one SELECT over the archive as of the last batch, writes its rows, returns their number.
 * Rejects with NO_DATA before the first batch, QUERY if the SQL is refused or fails; a regular file is
 * as before.
 */
export async function runQuery(paths: DataPaths, query: Query, format: Format, to: Destination): Promise<Written> {
  let failure: unknown = null;
  const written = await readArchive(paths.archive, async (manifest) => {
    // A pipe does not give back what it took, so the query does not run again over a newer state.
    if (failure !== null && !to.isFresh) throw failure;
    try {
      return await write(paths.archive, manifest, query, format, to);
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      to.abandon();
    }
  });
  if (written !== null) return written;
  throw new TidemarkError(
    "NO_DATA",
    `There is no archive in ${paths.root} yet.`,
    replayed(paths) ?? "Run `bun run batch` first, or query with --fresh.",
  );
}

async function write(
  archive: string,
  manifest: Manifest,
  query: Query,
  format: Format,
  to: Destination,
): Promise<Written> {
  const folder = to.folder();
  const database = await LockedDatabase.open(archive, manifest, query.sql, folder);
  try {
    if (format === "parquet") {
      const { name, ...written } = await copyToParquet(database, query, folder);
      await to.finish(name);
      return written;
    }
    const written =
      format === "table" ? await writeTable(database, query, to) : await writeText(database, query, format, to);
    await to.finish();
    return written;
  } finally {
    database.close();
  }
}

/** JSON as an array of row objects, or CSV: a piece per chunk of rows. */
async function writeText(database: LockedDatabase, query: Query, format: Format, to: Destination) {
  let isFirst = true;
  const written = await streamRows(database, query, async (rows, columns) => {
    await to.write(format === "csv" ? csvPiece(columns, rows) : jsonPiece(rows, isFirst));
    isFirst &&= rows.length === 0;
  });
  if (format === "json") await to.write(isFirst ? "[]\n" : "]\n");
  return written;
}

/** The first piece has no rows: it is the header. */
function csvPiece(columns: Column[], rows: Row[]): string {
  return rows.length === 0 ? csvHeader(columns) : csvRows(columns, rows);
}

function jsonPiece(rows: Row[], isFirst: boolean): string {
  if (rows.length === 0) return "";
  return `${isFirst ? "[" : ","}${rows.map((row) => JSON.stringify(row)).join(",")}`;
}

/** A table's columns are as wide as their widest cell, so its rows are read whole, and bounded. */
async function writeTable(database: LockedDatabase, { sql, parameters, rows_max }: Query, to: Destination) {
  const result = await database.select(sql, parameters, Math.min(rows_max, METRIC_ROWS_MAX));
  await to.write(table(result));
  return { rows: result.rows.length, truncated: result.truncated };
}

function table({ columns, rows }: QueryResult): string {
  if (rows.length === 0) return "(no rows)\n";
  const names = columns.map((column) => column.name);
  const shown = rows.map((row) => Object.fromEntries(names.map((name) => [printable(name), shownCell(row[name])])));
  const colors = process.stdout.isTTY === true && !process.env.NO_COLOR;
  const heads = names.map((name) => printable(name));
  return `${Bun.inspect.table(shown, heads, { colors })}\n`;
}

/** The feed's text must not control a terminal. */
function shownCell(value: unknown): unknown {
  return typeof value === "string" ? printable(value, Number.POSITIVE_INFINITY) : value;
}
