/** Parquet files and tables of a DuckDB file as text: every number exact, times as whole µs. */
import { statSync } from "node:fs";
import { basename, relative } from "node:path";
import {
  type DuckDBConnection,
  DuckDBInstance,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
} from "@duckdb/node-api";
import { fileLiteral } from "../../archive/index.ts";
import { sentence, shortened, TidemarkError } from "../../base/errors.ts";
import { quoted, quotedName } from "../../base/sql-text.ts";
import { type OutputFiles, partitionCells } from "./output-folder.ts";
import {
  checkRows,
  type NamedColumns,
  type RawColumn,
  type RawRow,
  type RawTable,
  type RawType,
  unreadable,
} from "./raw-table.ts";

export const PARQUET_FILE = /\.(parquet|parq|pq)$/i;

/** Memory of the instance: a chunk of rows and one row group. */
const MEMORY = "1GB";
const STRUCT_DEPTH_MAX = 3;

/** One Parquet file. */
export function parquetFile(path: string): Promise<RawTable> {
  return connected(path, async (connection) => {
    const table: RawTable = { source: path, columns: [], rows: [], uncommitted: [], notes: [] };
    await addParquet(connection, table, table.rows, { path, name: basename(path), extra: [] });
    return table;
  });
}

/** The Parquet files of a folder, as Spark writes them. */
export function parquetFolder(folder: string, { committed, uncommitted }: OutputFiles): Promise<RawTable> {
  return connected(folder, async (connection) => {
    const table: RawTable = { source: folder, columns: [], rows: [], uncommitted: [], notes: [] };
    const named = (path: string) => ({ path, name: relative(folder, path), extra: partitionCells(folder, path) });
    for (const path of committed) await addParquet(connection, table, table.rows, named(path));
    for (const path of uncommitted) {
      try {
        await addParquet(connection, table, table.uncommitted, named(path));
      } catch (error) {
        // A file that was never committed may be cut anywhere.
        table.notes.push(`${relative(folder, path)}, which no batch committed: ${sentence(error)}`);
      }
    }
    return table;
  });
}

/**
 * Reads the table or view of a DuckDB file that `choose` names among all. Rejects as `choose`, or with
 * DATA_DIR.
 */
export function duckdbTable(file: string, choose: (tables: readonly NamedColumns[]) => string): Promise<RawTable> {
  return connected(file, async (connection) => {
    await connection.run(`ATTACH ${quoted(file)} AS foreign_file (TYPE duckdb, READ_ONLY)`);
    const found = await connection.runAndReadAll(
      "SELECT schema_name, table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() " +
        "WHERE database_name = 'foreign_file' AND NOT internal GROUP BY ALL ORDER BY 1, 2",
    );
    const tables = found.getRowsJson().map(([schema, table, columns]) => ({
      name: schema === "main" ? String(table) : `${schema}.${table}`,
      from: ["foreign_file", String(schema), String(table)].map(quotedName).join("."),
      columns: columns as string[],
    }));
    const name = choose(tables);
    const { from } = tables.find((each) => each.name === name)!;
    const table: RawTable = { source: `${file}:${name}`, columns: [], rows: [], uncommitted: [], notes: [] };
    await mustFit(connection, table, from);
    await addRows(connection, table, table.rows, from, (row) => `${name} row ${row}`, []);
    return table;
  });
}

async function connected<T>(source: string, read: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(":memory:", {
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    memory_limit: MEMORY,
    threads: "2",
    preserve_insertion_order: "true",
  });
  try {
    const connection = await instance.connect();
    try {
      return await read(connection);
    } finally {
      connection.closeSync();
    }
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    const isLocked = /lock/i.test(sentence(error));
    throw unreadable(
      `${source} can't be read: ${shortened(sentence(error))}`,
      isLocked
        ? "Another process has it open for writing: end it, or copy the file."
        : "Check the file and its permissions.",
    );
  } finally {
    instance.closeSync();
  }
}

interface ParquetSource {
  path: string;
  name: string;
  extra: { name: string; value: string | null }[];
}

/** Refuses a large file by its count of rows, which costs a query, before any row is read. */
const COUNTED_BYTES = 1_000_000;

async function addParquet(
  connection: DuckDBConnection,
  table: RawTable,
  rows: RawRow[],
  { path, name, extra }: ParquetSource,
): Promise<void> {
  const from = `read_parquet(${fileLiteral(path)}, hive_partitioning = false)`;
  if (statSync(path).size > COUNTED_BYTES) await mustFit(connection, table, from);
  await addRows(connection, table, rows, from, (row) => `${name} row ${row}`, extra);
}

async function mustFit(connection: DuckDBConnection, table: RawTable, from: string): Promise<void> {
  const [counted] = (await connection.runAndReadAll(`SELECT count(*) FROM ${from}`)).getRows();
  checkRows(table.source, table.rows.length + table.uncommitted.length + Number(counted![0]));
}

async function addRows(
  connection: DuckDBConnection,
  table: RawTable,
  rows: RawRow[],
  from: string,
  where: (row: number) => string,
  extra: { name: string; value: string | null }[],
): Promise<void> {
  const empty = await connection.run(`SELECT * FROM ${from} LIMIT 0`);
  const fields = empty
    .columnNames()
    .flatMap((name, i) => fieldsOf(name, quotedName(name), empty.columnType(i), STRUCT_DEPTH_MAX));
  const columns: RawColumn[] = [...fields, ...extra.map(({ name }) => ({ name, type: "untyped" as const }))];
  if (table.columns.length === 0) table.columns = columns.map(({ name, type }) => ({ name, type }));
  const order = table.columns.map((own) =>
    columns.findIndex(({ name, type }) => name === own.name && type === own.type),
  );
  if (order.includes(-1) || columns.length !== order.length)
    throw unreadable(
      `${where(1).replace(/ row 1$/, "")} has the columns ${described(columns)}, other files have ${described(table.columns)}.`,
      "Audit each kind of file alone.",
    );
  const values = extra.map(({ value }) => value);
  const result = await connection.stream(`SELECT ${fields.map(({ sql }) => sql).join(", ")} FROM ${from}`);
  let row = 0;
  for await (const chunk of result.yieldRows())
    for (const cells of chunk) {
      const all = [...cells.map((cell, i) => textOf(cell, fields[i]!.type)), ...values];
      rows.push({ cells: order.map((i) => all[i]!), where: where(++row) });
      if (row % 10_000 === 0) checkRows(table.source, table.rows.length + table.uncommitted.length);
    }
  checkRows(table.source, table.rows.length + table.uncommitted.length);
}

function described(columns: readonly RawColumn[]): string {
  return columns.map(({ name, type }) => `${name} (${type})`).join(", ");
}

interface Field extends RawColumn {
  /** An expression of type VARCHAR. */
  sql: string;
}

/** A column's cells as text; of a struct, one column per field, named `window.start`. */
function fieldsOf(name: string, sql: string, type: DuckDBType, depth: number): Field[] {
  if (type instanceof DuckDBStructType && depth > 0)
    return type.entryNames.flatMap((entry, i) =>
      fieldsOf(`${name}.${entry}`, `struct_extract(${sql}, ${quoted(entry)})`, type.entryTypes[i]!, depth - 1),
    );
  const own = TYPES.get(type.typeId) ?? "text";
  const isTime = own === "timestamp" || own === "timestamptz";
  const timestamp = own === "timestamp" ? `CAST(${sql} AS TIMESTAMP)` : sql;
  const value = isTime ? `CASE WHEN isfinite(${timestamp}) THEN epoch_us(${timestamp}) END` : sql;
  return [{ name, type: own, sql: `CAST(${value} AS VARCHAR)` }];
}

const INTEGERS = [
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.USMALLINT,
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.UHUGEINT,
];
const TIMESTAMPS = [
  DuckDBTypeId.TIMESTAMP,
  DuckDBTypeId.TIMESTAMP_S,
  DuckDBTypeId.TIMESTAMP_MS,
  DuckDBTypeId.TIMESTAMP_NS,
  DuckDBTypeId.DATE,
];
const TYPES = new Map<DuckDBTypeId, RawType>([
  ...INTEGERS.map((id) => [id, "integer"] as const),
  ...TIMESTAMPS.map((id) => [id, "timestamp"] as const),
  [DuckDBTypeId.TIMESTAMP_TZ, "timestamptz"],
  [DuckDBTypeId.FLOAT, "float32"],
  [DuckDBTypeId.DOUBLE, "float64"],
  [DuckDBTypeId.DECIMAL, "decimal"],
  [DuckDBTypeId.VARCHAR, "untyped"],
]);

/** DuckDB's text of a value as other sources write it: `5.0` of a float is `5`. */
function textOf(cell: unknown, type: RawType): string | null {
  if (cell === null) return null;
  const text = String(cell);
  if (type !== "float32" && type !== "float64") return text;
  if (text === "nan") return "NaN";
  if (/inf$/.test(text)) return text.startsWith("-") ? "-Infinity" : "Infinity";
  return text.replace(/\.0$/, "");
}
