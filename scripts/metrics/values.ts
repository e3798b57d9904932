/** DuckDB's values as JSON: exact decimals and integers as text, times in ISO 8601 UTC. */
import {
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBMapValue,
  type DuckDBResult,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBUnionValue,
  type DuckDBValue,
  DuckDBVariantValue,
} from "@duckdb/node-api";
import { formatUnits } from "../base/decimal.ts";
import { TidemarkError } from "../base/errors.ts";
import { isoSeconds } from "../base/iso.ts";
import { METRIC_ROWS_MAX, NAME_CHARACTERS_MAX, RESULT_BYTES_MAX, ROW_CHARACTERS_MAX } from "../base/limits.ts";
import type { Column, Json, Row } from "../contract/results.ts";

export function readColumns(result: DuckDBResult): Column[] {
  const names = result.deduplicatedColumnNames();
  return names.map((name, i) => ({ name, type: String(result.columnType(i)) }));
}

/**
 * DuckDB's interface returns a struct as an object, where fields without names replace each other:
 * QUERY.
 */
function checkNamed(result: DuckDBResult): void {
  const column = readColumns(result).find(({ type }) => /[(,] ?"(__proto__)?" /.test(type));
  if (column === undefined) return;
  const what = `Column ${column.name.slice(0, 64)} is a struct with fields that have no names.`;
  throw new TidemarkError("QUERY", what, "Give them names, for example {'low': 1, 'high': 2}.");
}

/** Takes all rows of a result (whole-csv.ts). */
interface Whole {
  /** False: no more are wanted. */
  add(columns: readonly Column[], rows: readonly Row[]): boolean;
}

/**
 * At most `rows_max` rows; `truncated`: there were more, and `whole` got all of them. Rejects with
 * QUERY when they have too much text. A stream that ends may have failed (row-stream.ts).
 */
export async function readRows(
  result: DuckDBResult,
  rows_max: number,
  whole: Whole | null = null,
): Promise<{ rows: Row[]; truncated: boolean }> {
  const names = result.deduplicatedColumnNames();
  checkNamed(result);
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
    for (const [at, values] of chunk.entries()) {
      if (rows.length === rows_max) {
        await addAll(result, whole, rows, chunk.slice(at));
        return { rows, truncated: true };
      }
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

/** Passes `kept`, the rest of their chunk and all later chunks to `whole`. */
async function addAll(result: DuckDBResult, whole: Whole | null, kept: Row[], rest: DuckDBValue[][]): Promise<void> {
  const columns = readColumns(result);
  const rowOf = (values: DuckDBValue[]) =>
    Object.fromEntries(values.map((value, i) => [columns[i]!.name, toJson(value)]));
  if (!whole?.add(columns, kept) || !whole.add(columns, rest.map(rowOf))) return;
  for await (const chunk of result.yieldRows()) if (!whole.add(columns, chunk.map(rowOf))) return;
}

/**
 * All rows up to `rows_max`, one of DuckDB's chunks (2,048 rows at most) at a time; returns whether
 * there were more. The caller bounds what it keeps.
 */
export async function* rowChunks(result: DuckDBResult, rows_max: number): AsyncGenerator<Row[], boolean> {
  const names = result.deduplicatedColumnNames();
  checkNamed(result);
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

/**
 * One value as JSON without loss: integers beyond 2^53, decimals, NaN and infinities are text; a map
 * is an object, a union `{tag: value}`, a variant the value that it holds. Times are ISO 8601 in UTC
 * with six digits (nine of TIMESTAMP_NS); BLOBs (`\\xAA`), `infinity`, and years before 1 and after
 * 9999 are as DuckDB writes them.
 */
function toJson(value: DuckDBValue): Json {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (value instanceof DuckDBDecimalValue) return formatUnits(value.value, value.scale);
  if (value instanceof DuckDBDateValue) return infinite(BigInt(value.days), DAYS_INFINITE) ?? value.toString();
  const time = timeText(value);
  if (time !== null) return time;
  if (value instanceof DuckDBMapValue)
    return Object.fromEntries(value.entries.map((entry) => [keyText(toJson(entry.key)), toJson(entry.value)]));
  if (value instanceof DuckDBVariantValue) return toJson(value.value);
  if (value instanceof DuckDBUnionValue) return { [value.tag]: toJson(value.value) };
  if ("items" in value && Array.isArray(value.items)) return value.items.map(toJson);
  if ("entries" in value && !Array.isArray(value.entries)) {
    return Object.fromEntries(
      Object.entries(value.entries as Record<string, DuckDBValue>).map(([k, v]) => [k, toJson(v)]),
    );
  }
  return String(value);
}

const DAYS_INFINITE = 2n ** 31n - 1n;
const TICKS_INFINITE = 2n ** 63n - 1n;

/** DuckDB's word for its largest value and the negative of it; null for a finite value. */
function infinite(value: bigint, infinity: bigint): string | null {
  if (value === infinity) return "infinity";
  return value === -infinity ? "-infinity" : null;
}

function keyText(key: Json): string {
  return typeof key === "object" && key !== null ? JSON.stringify(key) : String(key);
}

/** A timestamp of any unit; null for another type. */
function timeText(value: DuckDBValue): string | null {
  if (value instanceof DuckDBTimestampSecondsValue) return timestamp(value.seconds, 0, value);
  if (value instanceof DuckDBTimestampMillisecondsValue) return timestamp(value.millis, 3, value);
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue)
    return timestamp(value.micros, 6, value);
  return value instanceof DuckDBTimestampNanosecondsValue ? timestamp(value.nanos, 9, value) : null;
}

/** `digits`: decimals of a second in one unit of `units`. */
function timestamp(units: bigint, digits: number, value: { toString(): string }): string {
  const never = infinite(units, TICKS_INFINITE);
  if (never !== null) return never;
  const per_second = 10n ** BigInt(digits);
  const rest = ((units % per_second) + per_second) % per_second;
  const seconds = Number((units - rest) / per_second);
  const whole = isoSeconds(seconds);
  if (whole === null) return value.toString();
  const fraction = (digits === 0 ? "" : String(rest).padStart(digits, "0")).padEnd(6, "0");
  return `${whole}.${fraction}Z`;
}
