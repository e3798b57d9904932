/** Reads a foreign answer from files, tables or topics, and decides by its columns what it is. */
import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { sentence, systemCode, TidemarkError } from "../../base/errors.ts";
import { AUDIT_COLUMNS, type AuditRecord } from "../audit-types.ts";
import { parseMap, type Recognised, tradeColumns, type WindowRole, windowColumns } from "./column-names.ts";
import { CSV_FILE, csvFile, csvFolder, textOf } from "./csv-table.ts";
import { duckdbTable, PARQUET_FILE, parquetFile, parquetFolder } from "./duckdb-table.ts";
import { JSON_FILE, jsonFolder } from "./json-folder.ts";
import { batchRows, tradeTable } from "./other-answers.ts";
import type { AnswerOptions, ForeignAnswers, TopicReader } from "./other-kinds.ts";
import { outputFiles } from "./output-folder.ts";
import { type NamedColumns, type RawTable, unreadable } from "./raw-table.ts";
import { sqliteTable } from "./sqlite-rows.ts";
import { addFileTimes, startColumn } from "./start-column.ts";
import { lineRecords, topicTable } from "./topic-table.ts";
import { windowAnswers } from "./window-answers.ts";
import { splitWindows } from "./window-texts.ts";

/**
 * A foreign answer by its place: a file of CSV, Parquet or JSON lines; a folder of one kind of them;
 * `FILE:TABLE` of a SQLite or DuckDB file, the table left out when only one fits; or the URL of a
 * topic, which `topicReader` reads. Rejects with USAGE where columns, table or size are not clear,
 * NO_DATA without a row, and DATA_DIR for what can't be read.
 */
export async function readAnswers(
  url: string,
  options: AnswerOptions,
  topicReader?: TopicReader,
): Promise<ForeignAnswers> {
  const map = parseMap(options.map);
  const table = await tableAt(url, options, map, topicReader).catch((error) => {
    // The file system's own errors, such as a folder without permission.
    if (error instanceof TidemarkError || systemCode(error) === "") throw error;
    throw unreadable(`${url} can't be read: ${sentence(error)}.`, "Check the path and its permissions.");
  });
  splitWindows(table);
  withStart(table, map, options.records);
  const names = table.columns.map(({ name }) => name);
  const kind = kindOf(names, map);
  if (kind === "trades") return { kind, answers: tradeTable(table, tradeColumns(names, map)) };
  const columns = windowColumns(names, map);
  if (kind === "windows") return { kind, answers: windowAnswers(table, columns, options) };
  if (kind === "batch_row") return { kind, answers: batchRows(table, columns) };
  throw unknownKind(table.source, names, columns);
}

/** Names the start of windows in `map` where only its cells or the files' names show it. */
function withStart(table: RawTable, map: Map<string, string>, records: readonly AuditRecord[]): void {
  const names = table.columns.map(({ name }) => name);
  if (isTrades(names, map)) return;
  const { at, rest } = windowColumns(names, map);
  if (at.window_start !== undefined || !AUDIT_COLUMNS.some((name) => at[name] !== undefined)) return;
  const column = startColumn(
    table,
    rest.filter((i) => !map.has(names[i]!)),
    records,
  );
  const name = column === null ? FILE_TIMES : names[column]!;
  if (column === null && !addFileTimes(table, FILE_TIMES)) return;
  map.set(name, "window_start");
  table.found_start = column === null ? name : `"${name}"`;
}

/** How the times in the names of files are called. */
const FILE_TIMES = "the names of the files";

type Kind = ForeignAnswers["kind"];

/** What a table with these columns is; null when it is not an answer. Throws USAGE as `recognised`. */
function kindOf(names: readonly string[], map: ReadonlyMap<string, string>): Kind | null {
  if (isTrades(names, map)) return "trades";
  const { at } = windowColumns(names, map);
  if (!AUDIT_COLUMNS.some((name) => at[name] !== undefined)) return null;
  if (at.window_start !== undefined) return "windows";
  return at.trade_count !== undefined && (at.avg_price ?? at.max_price ?? at.total_volume) !== undefined
    ? "batch_row"
    : null;
}

/** A row per trade: an id, a price, a size, and nothing that only a window has. */
function isTrades(names: readonly string[], map: ReadonlyMap<string, string>): boolean {
  try {
    if ([...map.values()].includes("window_start")) return false;
    const { at } = tradeColumns(names, map);
    return at.trade_id !== undefined && at.price !== undefined && (at.last_size ?? at.time) !== undefined;
  } catch {
    return false;
  }
}

function unknownKind(source: string, names: readonly string[], { at }: Recognised<WindowRole>): TidemarkError {
  const lacks = at.window_start === undefined ? "window_start" : "avg_price";
  const what = lacks === "window_start" ? "the start of a window" : "a value of a window";
  return new TidemarkError(
    "USAGE",
    `No column of ${source} is recognised as ${what}. Its columns: ${names.join(", ")}.`,
    `Name one with --map theirs=${lacks}.`,
  );
}

async function tableAt(
  url: string,
  { columns }: AnswerOptions,
  map: ReadonlyMap<string, string>,
  topicReader: TopicReader | undefined,
): Promise<RawTable> {
  if (/^kafka(\+ssl)?:\/\//.test(url)) {
    if (topicReader === undefined) throw unreadable(`${url} can't be read here.`, "Name a file.");
    const table = await topicTable(url, topicReader(url));
    if (table.columns.length === 0)
      throw new TidemarkError("NO_DATA", `${url} has no record with a value.`, "Check the topic's name.");
    return table;
  }
  const { path, name } = placeOf(url);
  if (statSync(path).isDirectory()) return folderTable(path, columns);
  const kind = contentOf(path);
  const isDatabase = kind === "sqlite" || kind === "duckdb";
  if (columns !== null && kind !== "csv")
    throw new TidemarkError(
      "USAGE",
      `--columns is for CSV, and ${path} is not.`,
      "Leave it out, or use --map theirs=ours.",
    );
  if (name !== null && !isDatabase)
    throw new TidemarkError(
      "USAGE",
      `${path} is not a SQLite or DuckDB file, so it has no table "${name}".`,
      `Use ${path}.`,
    );
  const choose = (tables: readonly NamedColumns[]) => chosen(path, name, tables, map);
  if (kind === "sqlite") return sqliteTable(path, choose);
  if (kind === "duckdb") return duckdbTable(path, choose);
  if (kind === "json") return topicTable(path, lineRecords(path, textOf(path)));
  return kind === "parquet" ? parquetFile(path) : csvFile(path, columns);
}

/** `FILE:TABLE` where no file has the whole name. */
function placeOf(url: string): { path: string; name: string | null } {
  if (existsSync(url)) return { path: url, name: null };
  const at = url.lastIndexOf(":");
  if (at > 0 && existsSync(url.slice(0, at))) return { path: url.slice(0, at), name: url.slice(at + 1) };
  throw unreadable(
    `${at > 1 && !url.includes("/", at) ? url.slice(0, at) : url} does not exist.`,
    "Check the path of --answers.",
  );
}

/** Kinds of files that a folder can have, and their ending. */
const FOLDER_KINDS = { CSV: CSV_FILE, Parquet: PARQUET_FILE, JSON: JSON_FILE } as const;

async function folderTable(folder: string, columns: readonly string[] | null): Promise<RawTable> {
  const found = Object.entries(FOLDER_KINDS)
    .map(([kind, ending]) => ({ kind, files: outputFiles(folder, ending) }))
    .map((one) => ({ ...one, count: one.files.committed.length + one.files.uncommitted.length }))
    .filter(({ count }) => count > 0);
  const [first, second] = found;
  if (second !== undefined)
    throw new TidemarkError(
      "USAGE",
      `${folder} has ${found.map(({ kind, count }) => `${count} ${kind} files`).join(" and ")}.`,
      "Name one file, or a folder with one kind.",
    );
  if (first === undefined)
    throw new TidemarkError(
      "NO_DATA",
      `${folder} has no CSV, Parquet or JSON file.`,
      "Name the folder that the job writes to.",
    );
  if (first.kind !== "CSV" && columns !== null)
    throw new TidemarkError(
      "USAGE",
      `--columns is for CSV, and ${folder} has ${first.kind} files.`,
      "Use --map theirs=ours.",
    );
  const { files } = first;
  const table =
    first.kind === "CSV"
      ? csvFolder(folder, files, columns)
      : await (first.kind === "JSON" ? jsonFolder(folder, files) : parquetFolder(folder, files));
  return { ...table, isAppended: files.isAppended };
}

/** By the file's first bytes, since endings are not reliable. */
function contentOf(path: string): "sqlite" | "duckdb" | "parquet" | "json" | "csv" {
  const head = Buffer.alloc(16);
  try {
    const file = openSync(path, "r");
    try {
      readSync(file, head, 0, head.length, 0);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw unreadable(`${path} can't be read: ${sentence(error)}.`, "Check the file and its permissions.");
  }
  if (head.toString("latin1") === "SQLite format 3\0") return "sqlite";
  if (head.toString("latin1", 8, 12) === "DUCK") return "duckdb";
  if (head.toString("latin1", 0, 4) === "PAR1") return "parquet";
  if (PARQUET_FILE.test(path))
    throw unreadable(`${path} is not a Parquet file: it is cut, or was never completed.`, "Write it again.");
  if (head[0] === "[".charCodeAt(0))
    throw unreadable(`${path} is a JSON array.`, "Write one object per line, for example with jq -c '.[]'.");
  return head[0] === "{".charCodeAt(0) || /\.jsonl(\.gz)?$/i.test(path) ? "json" : "csv";
}

/** The named table, or the only one that is an answer. */
function chosen(
  file: string,
  name: string | null,
  tables: readonly NamedColumns[],
  map: ReadonlyMap<string, string>,
): string {
  const names = tables.map(({ name }) => name);
  if (name !== null && names.includes(name)) return name;
  if (tables.length === 0)
    throw new TidemarkError("NO_DATA", `${file} has no table.`, "Check that the job has written it.");
  if (name !== null)
    throw new TidemarkError(
      "USAGE",
      `${file} has no table "${name}". Its tables: ${names.join(", ")}.`,
      `Use for example ${file}:${names[0]}.`,
    );
  const fitting = tables
    .map(({ name, columns }) => ({ name, fit: fitOf(columns, map) }))
    .filter(({ fit }) => fit > 0)
    .sort((a, b) => b.fit - a.fit)
    .map(({ name }) => name);
  if (fitting.length === 1) return fitting[0]!;
  if (tables.length === 1) return names[0]!;
  const described = tables.map(({ name, columns }) => `${name} (${columns.slice(0, 12).join(", ")})`).join("; ");
  throw new TidemarkError(
    "USAGE",
    fitting.length > 1
      ? `${fitting.length} tables of ${file} can be the answer: ${fitting.join(", ")}.`
      : `No table of ${file} has the columns of an answer. Its tables: ${described}.`,
    `Name one, for example ${file}:${fitting[0] ?? names[0]}${fitting.length > 1 ? "" : ", and its columns with --map theirs=ours"}.`,
  );
}

/**
 * How many columns are recognised; 0 when they are not those of an answer. Names of struct fields are
 * not known before a table is read: a `window` is one of windows.
 */
function fitOf(columns: readonly string[], map: ReadonlyMap<string, string>): number {
  try {
    const known = columns.map((name) => (/^window$/i.test(name) ? "window.start" : name));
    const own = new Map([...map].filter(([theirs]) => known.includes(theirs)));
    const kind = kindOf(known, own);
    const { at } = kind === "trades" ? tradeColumns(known, own) : windowColumns(known, own);
    return kind === null ? 0 : Object.keys(at).length;
  } catch {
    // Two columns fit one role: the table's own error names them.
    return 1;
  }
}
