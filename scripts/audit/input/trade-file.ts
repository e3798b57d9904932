/** Ticks from CSV and Parquet files of trades: every row is a record. */
import { basename } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { fileLiteral } from "../../archive/index.ts";
import { sentence, TidemarkError } from "../../base/errors.ts";
import { METRIC_MEMORY } from "../../base/limits.ts";
import { quotedName } from "../../base/sql-text.ts";
import { csvLines } from "../answers/csv-reader.ts";
import { headerOf, textOf } from "../answers/csv-table.ts";
import type { AuditRecord } from "../audit-types.ts";
import { AuditRecords } from "./audit-record.ts";
import { type TradeSources, tradeSources } from "./trade-columns.ts";
import { TradeRows } from "./trade-record.ts";

interface TradeFile extends TradeOptions {
  /** For people. */
  name: string;
  kind: "csv" | "parquet";
  files: readonly string[];
}

/** What the flags state of it. */
export interface TradeOptions {
  /** Names of a CSV's columns when it has no header line. */
  columns: readonly string[] | null;
  mapped: TradeSources;
  /** For files without a column of products. */
  product: string | null;
}

/**
 * In the order of the log's offsets where the files have them, else of rows. Fails with RECORDING
 * for a file without trades or that can't be read, with USAGE as tradeSources does.
 */
export async function tradeRecords(file: TradeFile): Promise<AuditRecord[]> {
  const records = new AuditRecords(file.name);
  if (file.kind === "csv") readCsv(file, records);
  else await readParquet(file, records);
  const found = records.inOrder;
  if (found.length > 0) return found;
  throw new TidemarkError("RECORDING", `${file.name} holds no trade.`, "Name a file with trades.");
}

function readCsv({ name, files, columns, ...options }: TradeFile, records: AuditRecords): void {
  for (const path of files) {
    const lines = csvLines(textOf(path), basename(path));
    const names = columns ?? headerOf(lines, path, "--tick-columns trade_id,time,price,size,side");
    if (names === null) continue;
    const rows = new TradeRows(tradeSources(files.length === 1 ? name : path, names, options));
    const at = new Map(names.map((column, i) => [column, i]));
    for (const { cells } of lines) {
      const isWhole = cells.length === names.length;
      records.add(
        isWhole
          ? rows.record((column) => cells[at.get(column)!]!.trim() || null)
          : rows.refused(`a line of ${cells.length} cells instead of ${names.length}`),
      );
    }
  }
}

async function readParquet(file: TradeFile, records: AuditRecords): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:", {
    memory_limit: METRIC_MEMORY,
    autoload_known_extensions: "false",
    autoinstall_known_extensions: "false",
  });
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    await readRows(connection, file, records);
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    const hint = "Each file must be a whole Parquet file.";
    throw new TidemarkError("RECORDING", `${file.name} can't be read: ${sentence(error)}`, hint, { cause: error });
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function readRows(connection: DuckDBConnection, file: TradeFile, records: AuditRecords): Promise<void> {
  const relation = `read_parquet([${file.files.map(fileLiteral).join(", ")}], union_by_name = true)`;
  const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${relation}`);
  const types = new Map(
    described.getRowObjects().map(({ column_name, column_type }) => [String(column_name), String(column_type)]),
  );
  const sources = tradeSources(file.name, [...types.keys()], file);
  const read = Object.values(sources).flatMap((source) => ("column" in source ? [source.column] : []));
  const at = new Map(read.map((column, i) => [column, i]));
  const cells = read.map((column) => asText(column, types.get(column)!));
  const rows = new TradeRows(sources);
  const stream = await connection.stream(`SELECT ${cells.join(", ")} FROM ${relation}`);
  for await (const chunk of stream.yieldRows())
    for (const row of chunk) records.add(rows.record((column) => (row[at.get(column)!] as string | null) ?? null));
}

/** A column as text; a time of a type of its own as µs since 1970. */
function asText(column: string, type: string): string {
  const name = quotedName(column);
  return /^(TIMESTAMP|DATE)/.test(type) ? `epoch_us(${name})::VARCHAR` : `${name}::VARCHAR`;
}
