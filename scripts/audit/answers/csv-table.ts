/** CSV files as one table: columns by the header line of each file, or by --columns. */
import { readFileSync, statSync } from "node:fs";
import { basename, relative } from "node:path";
import { gunzipSync } from "node:zlib";
import { sentence, TidemarkError } from "../../base/errors.ts";
import { isData, unnamed, withLevels } from "./csv-levels.ts";
import { type CsvLine, csvLines } from "./csv-reader.ts";
import { type OutputFiles, partitionCells } from "./output-folder.ts";
import { checkRows, type RawRow, type RawTable, unreadable } from "./raw-table.ts";

/** Bytes of one text file: it is held in memory. */
const TEXT_BYTES_MAX = 500_000_000;

export const CSV_FILE = /\.(csv|tsv|txt)(\.gz)?$/i;

/** One CSV file. `columns`: its names if it has no header line. */
export function csvFile(path: string, columns: readonly string[] | null): RawTable {
  const table = emptyTable(path);
  addFile(table, { path, name: basename(path), extra: [], columns, committed: true });
  if (table.columns.length === 0)
    throw new TidemarkError("NO_DATA", `${path} is empty.`, "Check that the job has written its answer.");
  return table;
}

/** The CSV files of a folder, as Spark writes them. */
export function csvFolder(
  folder: string,
  { committed, uncommitted }: OutputFiles,
  columns: readonly string[] | null,
): RawTable {
  const table = emptyTable(folder);
  const isCommitted = new Set(committed);
  for (const path of [...committed, ...uncommitted])
    addFile(table, {
      path,
      name: relative(folder, path),
      extra: partitionCells(folder, path),
      columns,
      committed: isCommitted.has(path),
    });
  if (table.columns.length === 0)
    throw new TidemarkError(
      "NO_DATA",
      `The CSV files in ${folder} are empty.`,
      "Check that the job has written its answer.",
    );
  return table;
}

function emptyTable(source: string): RawTable {
  return { source, columns: [], rows: [], uncommitted: [], notes: [] };
}

interface CsvSource {
  path: string;
  /** For `where`. */
  name: string;
  extra: { name: string; value: string | null }[];
  columns: readonly string[] | null;
  committed: boolean;
}

function addFile(table: RawTable, source: CsvSource): void {
  const { path, name, extra, committed } = source;
  const all_lines = csvLines(textOf(path), name);
  const header = source.columns ?? headerOf(all_lines, path);
  if (header === null) return;
  const { names, lines } =
    source.columns === null ? withLevels(header, all_lines) : { names: header, lines: all_lines };
  const all = [...names, ...extra.map(({ name }) => name)];
  if (table.columns.length === 0) setColumns(table, all, source.columns === null ? name : "--columns");
  const order = orderOf(table, all, name, source.columns !== null);
  const rows = committed ? table.rows : table.uncommitted;
  const values = extra.map(({ value }) => value);
  try {
    for (const line of lines) {
      mustNotBeHeader(line, source);
      rows.push(rowOf(line, name, names.length, values, order));
      checkRows(table.source, table.rows.length + table.uncommitted.length);
    }
  } catch (error) {
    // A file that was never committed may be cut anywhere.
    if (committed || !(error instanceof TidemarkError)) throw error;
    table.notes.push(`the rest of ${name}, which no batch committed: ${sentence(error)}`);
  }
}

/** With --columns, a header line would be a row. */
function mustNotBeHeader({ line, cells }: CsvLine, { columns, path }: CsvSource): void {
  if (columns === null || line > 1 || cells.some((cell, i) => cell.trim() !== columns[i])) return;
  throw new TidemarkError("USAGE", `${path} has a header line.`, "Leave --columns out.");
}

/** A file's text, unpacked if it is gzipped; throws DATA_DIR when it is too large or can't be read. */
export function textOf(path: string): string {
  const bytes = statSync(path).size;
  if (bytes > TEXT_BYTES_MAX)
    throw unreadable(`${path} has ${bytes} bytes; one text file may have ${TEXT_BYTES_MAX}.`, "Split it into several.");
  try {
    const content = readFileSync(path);
    const text = path.endsWith(".gz") ? gunzipSync(content, { maxOutputLength: TEXT_BYTES_MAX }) : content;
    if (text[0] !== 0xff && text[0] !== 0xfe) return text.toString("utf8");
  } catch (error) {
    throw unreadable(`${path} can't be read: ${sentence(error)}.`, "Check the file and its permissions.");
  }
  throw unreadable(`${path} is UTF-16, not UTF-8.`, "Save it as UTF-8.");
}

/**
 * Names of the columns; null for a file without a line: Spark writes such files for empty partitions.
 * Throws USAGE for a line of data, with `flag` as what to do.
 */
export function headerOf(
  lines: Generator<CsvLine>,
  path: string,
  flag = "--columns window_start,window_end,avg_price",
): string[] | null {
  const { value, done } = lines.next();
  if (done) return null;
  if (value.cells.some(isData))
    throw new TidemarkError(
      "USAGE",
      `${path} has no header line: it begins with ${value.cells.slice(0, 3).join(", ")}.`,
      `Name its columns in order, for example ${flag}.`,
    );
  // pandas leaves the name of its index empty.
  return value.cells.map((cell, i) => cell.trim() || unnamed(i));
}

function setColumns(table: RawTable, names: readonly string[], where: string): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw unreadable(
      `${where} has two columns named "${twice}".`,
      "Rename one, so that each has a meaning; of pandas' levels make one: df.columns = df.columns.map('_'.join).",
    );
  table.columns = names.map((name) => ({ name, type: "untyped" }));
}

/** Where each column of the table is in this file's rows. */
function orderOf(table: RawTable, names: readonly string[], file: string, isGiven: boolean): number[] {
  const order = table.columns.map(({ name }) => names.indexOf(name));
  if (order.includes(-1) || names.length !== order.length)
    throw unreadable(
      `${file} has the columns ${names.join(", ")}, other files have ${table.columns.map(({ name }) => name).join(", ")}.`,
      isGiven
        ? "Audit each kind of file alone."
        : "Audit each kind of file alone; files without a header line need --columns.",
    );
  return order;
}

function rowOf(
  { line, cells }: CsvLine,
  file: string,
  width: number,
  extra: (string | null)[],
  order: number[],
): RawRow {
  if (cells.length !== width)
    throw unreadable(
      `${file}:${line} has ${cells.length} cells instead of ${width}.`,
      "The file may be cut; write it again.",
    );
  const all = [...cells.map((cell) => cell.trim() || null), ...extra];
  return { cells: order.map((i) => all[i]!), where: `${file}:${line}` };
}
