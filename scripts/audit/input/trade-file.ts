/** Ticks from a CSV or Parquet of trades, read by DuckDB as text and judged by the feed's rules. */
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { fileLiteral } from "../../archive/index.ts";
import { sentence, TidemarkError } from "../../base/errors.ts";
import { METRIC_MEMORY } from "../../base/limits.ts";
import type { AuditRecord } from "../audit-types.ts";
import { AuditRecords, auditRecord } from "./audit-record.ts";
import { feedTime, plainNumber, takerSide, tradeId } from "./feed-cells.ts";
import { type TradeField, type TradeSources, tradeSources } from "./trade-columns.ts";

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

interface Column {
  name: string;
  type: string;
}

/**
 * Every row is a record. In the order of the log's offsets where the file has them, else of its rows.
 * Fails with RECORDING for a file that can't be read, with USAGE as tradeSources does.
 */
export async function tradeRecords(file: TradeFile): Promise<AuditRecord[]> {
  const instance = await DuckDBInstance.create(":memory:", {
    memory_limit: METRIC_MEMORY,
    autoload_known_extensions: "false",
    autoinstall_known_extensions: "false",
  });
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    return await readTrades(connection, file);
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    const hint = "It must be a whole CSV with a header line (or --tick-columns), or a whole Parquet file.";
    throw new TidemarkError("RECORDING", `${file.name} can't be read: ${sentence(error)}`, hint, { cause: error });
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function readTrades(connection: DuckDBConnection, file: TradeFile): Promise<AuditRecord[]> {
  const relation = relationOf(file);
  const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${relation}`);
  const columns = described.getRowObjects().map((row) => ({
    name: String(row.column_name),
    type: String(row.column_type),
  }));
  const names = columns.map(({ name }) => name);
  const sources = tradeSources(file.name, names, { mapped: file.mapped, product: file.product });
  const read = await connection.stream(`SELECT ${selected(columns, sources)} FROM ${relation}`);
  const fields = Object.keys(sources) as TradeField[];
  const isBuyerMaker = /buyer_?maker/i.test(columnOf(sources, "side") ?? "");
  const records = new AuditRecords(file.name);
  let row = 0;
  for await (const rows of read.yieldRows()) {
    for (const cells of rows) {
      const texts = new Map(fields.map((field, i) => [field, cells[i] === null ? null : String(cells[i])]));
      const text = (field: TradeField) => texts.get(field) ?? null;
      row++;
      const sides = { side: takerSide(text("side"), isBuyerMaker) };
      const id = tradeId("row" in (sources.trade_id ?? {}) ? String(row) : text("trade_id"));
      records.add(recordOf(text, row, { ...sides, trade_id: id }));
    }
  }
  if (row === 0) throw new TidemarkError("RECORDING", `${file.name} holds no trade.`, "Name a file with trades.");
  return records.inOrder;
}

function relationOf({ kind, files, columns }: TradeFile): string {
  const list = `[${files.map(fileLiteral).join(", ")}]`;
  if (kind === "parquet") return `read_parquet(${list}, union_by_name = true)`;
  if (columns === null) return `read_csv(${list}, all_varchar = true, header = true, union_by_name = true)`;
  const named = columns.map((name) => `'${name.replaceAll("'", "''")}'`).join(", ");
  return `read_csv(${list}, all_varchar = true, header = false, names = [${named}])`;
}

function columnOf(sources: TradeSources, field: TradeField): string | null {
  const source = sources[field];
  return source !== undefined && "column" in source ? source.column : null;
}

/** Each field as text; times of a type of their own as µs since 1970. */
function selected(columns: readonly Column[], sources: TradeSources): string {
  return Object.values(sources)
    .map((source) => {
      if ("row" in source) return "NULL";
      if ("constant" in source) return `'${source.constant.replaceAll("'", "''")}'`;
      const type = columns.find(({ name }) => name === source.column)?.type ?? "";
      const column = `"${source.column.replaceAll('"', '""')}"`;
      return /^(TIMESTAMP|DATE)/.test(type) ? `epoch_us(${column})::VARCHAR` : `${column}::VARCHAR`;
    })
    .join(", ");
}

const encoder = new TextEncoder();

function recordOf(
  text: (field: TradeField) => string | null,
  row: number,
  read: { side: string | null; trade_id: number | string | null },
): AuditRecord {
  const message = {
    type: "ticker",
    product_id: text("product_id"),
    price: plainNumber(text("price")),
    side: read.side,
    time: feedTime(text("time")),
    trade_id: read.trade_id,
    last_size: plainNumber(text("last_size")),
    best_bid: plainNumber(text("best_bid")) ?? undefined,
    best_ask: plainNumber(text("best_ask")) ?? undefined,
    source: text("source") ?? undefined,
  };
  const at = { partition: Number(text("partition") ?? 0), offset: Number(text("offset") ?? row - 1), appended_us: 0 };
  const record = auditRecord(encoder.encode(JSON.stringify(message)), at);
  return { ...record, appended_us: Number(text("appended") ?? record.tick?.time_us ?? 0) };
}
