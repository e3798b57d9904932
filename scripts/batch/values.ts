/** DuckDB's values as JSON: decimals as exact text without trailing zeros, times in ISO 8601 UTC, big integers exact. */
import {
  DuckDBDateValue,
  DuckDBDecimalValue,
  type DuckDBResult,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBValue,
} from "@duckdb/node-api";
import { isoFromUs } from "../common/clock.ts";
import { formatUnits } from "../common/decimal.ts";
import { TidemarkError } from "../common/errors.ts";
import { METRIC_ROWS_MAX, NAME_CHARACTERS_MAX, RESULT_BYTES_MAX, ROW_CHARACTERS_MAX } from "../common/limits.ts";

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type Row = Record<string, Json>;
export interface Column {
  name: string;
  /** DuckDB's name of the type. */
  type: string;
}

export function readColumns(result: DuckDBResult): Column[] {
  const names = result.deduplicatedColumnNames();
  return names.map((name, i) => ({ name, type: String(result.columnType(i)) }));
}

/** At most `rows_max` rows; `truncated` says that there were more. Rejects with QUERY when they hold more text than memory should. */
export async function readRows(result: DuckDBResult, rows_max: number): Promise<{ rows: Row[]; truncated: boolean }> {
  const names = result.deduplicatedColumnNames();
  const rows: Row[] = [];
  const characters_max = rows_max > METRIC_ROWS_MAX ? rows_max * ROW_CHARACTERS_MAX : RESULT_BYTES_MAX;
  const long = names.findIndex((name) => name.length > NAME_CHARACTERS_MAX);
  if (long >= 0)
    throw new TidemarkError(
      "QUERY",
      `The name of column ${long + 1} has ${names[long]!.length} characters; at most ${NAME_CHARACTERS_MAX}.`,
    );
  // As JSON each row repeats the names, with four characters of marks each.
  const names_length = names.reduce((sum, name) => sum + name.length + 4, 0);
  const types_length = names.reduce((sum, _, i) => sum + String(result.columnType(i)).length, 0);
  let characters = names_length + types_length;
  if (characters > characters_max)
    throw new TidemarkError("QUERY", `The names and types of its columns have over ${characters_max} characters.`);
  for await (const chunk of result.yieldRows()) {
    for (const values of chunk) {
      if (rows.length === rows_max) return { rows, truncated: true };
      const row = Object.fromEntries(values.map((value, i) => [names[i]!, toJson(value)]));
      characters += names_length;
      for (const value of Object.values(row)) characters += lengthOf(value);
      if (characters > characters_max)
        throw new TidemarkError("QUERY", `Its first ${rows.length + 1} rows hold over ${characters_max} characters.`);
      rows.push(row);
    }
  }
  return { rows, truncated: false };
}

/**
 * All rows up to `rows_max`, one of DuckDB's chunks (2,048 rows at most) at a time; the last value says whether there were more.
 * The caller bounds what it keeps.
 */
export async function* rowChunks(result: DuckDBResult, rows_max: number): AsyncGenerator<Row[], boolean> {
  const names = result.deduplicatedColumnNames();
  let left = rows_max;
  for await (const chunk of result.yieldRows()) {
    if (chunk.length > 0 && left === 0) return true;
    const taken = chunk.slice(0, left);
    left -= taken.length;
    yield taken.map((values) => Object.fromEntries(values.map((value, i) => [names[i]!, toJson(value)])));
    if (taken.length < chunk.length) return true;
  }
  return false;
}

function lengthOf(value: Json): number {
  if (typeof value === "string") return value.length;
  return typeof value === "object" && value !== null ? JSON.stringify(value).length : String(value).length;
}

export function toJson(value: DuckDBValue): Json {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (value instanceof DuckDBDecimalValue) return formatUnits(value.value, value.scale);
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue)
    return isoFromUs(Number(value.micros));
  if (value instanceof DuckDBDateValue) return value.toString();
  if ("items" in value && Array.isArray(value.items)) return value.items.map(toJson);
  if ("entries" in value && !Array.isArray(value.entries)) {
    return Object.fromEntries(
      Object.entries(value.entries as Record<string, DuckDBValue>).map(([k, v]) => [k, toJson(v)]),
    );
  }
  return String(value);
}
