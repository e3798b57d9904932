/** Read-only SQL over the archive's views for the shell, and exports for the page: the same lock-down as for metrics. */
import { join } from "node:path";
import { TidemarkError } from "../common/errors.ts";
import { METRIC_ROWS_MAX } from "../common/limits.ts";
import { type DataPaths, replayed } from "../common/settings.ts";
import type { Destination } from "./destination.ts";
import { type Answer, LockedDatabase } from "./locked.ts";
import { readManifest } from "./manifest.ts";
import { csvHeader, csvRows } from "./output.ts";
import type { Column, Row } from "./values.ts";
import { copyToParquet, type Selected, streamRows } from "./write.ts";

export const FORMATS = ["table", "json", "csv", "parquet"] as const;
export type Format = (typeof FORMATS)[number];

const PARQUET_FILE = "rows.parquet";

/**
 * Runs one SELECT over the archive as of the last batch and writes its rows. Returns their number; `truncated`: there were more.
 * NO_DATA when there was no batch yet, QUERY when the SQL is refused or fails; then a regular file is as it was.
 */
export async function runQuery(
  paths: DataPaths,
  query: Selected,
  format: Format,
  to: Destination,
): Promise<{ rows: number; truncated: boolean }> {
  const manifest = readManifest(paths.archive);
  if (manifest === null) {
    throw new TidemarkError(
      "NO_DATA",
      `There is no archive in ${paths.root} yet.`,
      replayed(paths) ?? "Run `bun run batch` first, or query with --fresh.",
    );
  }
  const folder = to.folder();
  const database = await LockedDatabase.open(paths.archive, manifest, query.sql, folder);
  try {
    if (format === "parquet") {
      const written = await copyToParquet(database, query, join(folder, PARQUET_FILE));
      await to.finish(PARQUET_FILE);
      return written;
    }
    const written =
      format === "table" ? await writeTable(database, query, to) : await writeText(database, query, format, to);
    await to.finish();
    return written;
  } finally {
    to.abandon();
    database.close();
  }
}

/** JSON as an array of row objects, or CSV: a piece per chunk of rows. */
async function writeText(database: LockedDatabase, query: Selected, format: Format, to: Destination) {
  let isFirst = true;
  const written = await streamRows(database, query, async (rows, columns) => {
    await to.write(format === "csv" ? csvPiece(columns, rows) : jsonPiece(rows, isFirst));
    isFirst &&= rows.length === 0;
  });
  if (format === "json") await to.write(isFirst ? "[]\n" : "]\n");
  return written;
}

/** The first piece has no rows: there the header goes. */
function csvPiece(columns: Column[], rows: Row[]): string {
  return rows.length === 0 ? csvHeader(columns) : csvRows(columns, rows);
}

function jsonPiece(rows: Row[], isFirst: boolean): string {
  if (rows.length === 0) return "";
  return `${isFirst ? "[" : ","}${rows.map((row) => JSON.stringify(row)).join(",")}`;
}

/** A table's columns are as wide as their widest cell, so its rows are read whole, and bounded. */
async function writeTable(database: LockedDatabase, { sql, parameters, rows_max }: Selected, to: Destination) {
  const answer = await database.select(sql, parameters, Math.min(rows_max, METRIC_ROWS_MAX));
  await to.write(table(answer));
  return { rows: answer.rows.length, truncated: answer.truncated };
}

function table({ columns, rows }: Answer): string {
  if (rows.length === 0) return "(no rows)\n";
  const names = columns.map((column) => column.name);
  return `${Bun.inspect.table(rows, names, { colors: process.stdout.isTTY === true && !process.env.NO_COLOR })}\n`;
}
