/** Types that Parquet lacks or would change, and those written instead: every value stays exact. */
import { type DuckDBType, DuckDBTypeId } from "@duckdb/node-api";
import { quotedName } from "../base/sql-text.ts";

/**
 * Written as text: Parquet has no unions, its intervals have milliseconds and no sign, a time would
 * lose its zone, and variants fail where they are nested or hold one of these. DuckDB itself writes
 * bit strings, big integers and nanoseconds as text.
 */
const TEXT = new Set([
  DuckDBTypeId.UNION,
  DuckDBTypeId.VARIANT,
  DuckDBTypeId.INTERVAL,
  DuckDBTypeId.TIME_TZ,
  DuckDBTypeId.TIME_NS,
  DuckDBTypeId.BIT,
  DuckDBTypeId.BIGNUM,
]);
/** Written as decimals, or as text if one does not fit: DuckDB rounds integers of 128 bits to doubles. */
const NARROWER = new Map([
  [DuckDBTypeId.HUGEINT, "DECIMAL(38,0)"],
  [DuckDBTypeId.UHUGEINT, "DECIMAL(38,0)"],
]);

/**
 * The SQL type as which a column is written; null: as it is. `isWide`: some values do not fit 38
 * digits.
 */
export function parquetType(type: DuckDBType, isWide: boolean): string | null {
  const isChanged = contains(type, (id) => TEXT.has(id) || NARROWER.has(id) || id === DuckDBTypeId.TIMESTAMP_S);
  return isChanged ? (written(type, isWide) ?? "VARCHAR") : null;
}

/** Whether a column may hold integers of more than 38 digits. */
export function mayBeWide(type: DuckDBType): boolean {
  return contains(type, (id) => NARROWER.has(id));
}

function contains(type: DuckDBType, found: (id: DuckDBTypeId) => boolean): boolean {
  return found(type.typeId) || parts(type).some((part) => contains(part, found));
}

function parts(type: DuckDBType): readonly DuckDBType[] {
  if (type.typeId === DuckDBTypeId.LIST || type.typeId === DuckDBTypeId.ARRAY) return [type.valueType];
  if (type.typeId === DuckDBTypeId.MAP) return [type.keyType, type.valueType];
  return type.typeId === DuckDBTypeId.STRUCT ? type.entryTypes : [];
}

/** In SQL; null for a struct whose fields have no names, which no SQL can name. */
function written(type: DuckDBType, isWide: boolean): string | null {
  if (TEXT.has(type.typeId)) return "VARCHAR";
  const narrower = NARROWER.get(type.typeId);
  if (narrower !== undefined) return isWide ? "VARCHAR" : narrower;
  // Parquet has no whole seconds; COPY's own conversion fails at the infinities, this one does not.
  if (type.typeId === DuckDBTypeId.TIMESTAMP_S) return "TIMESTAMP";
  // Parquet has text for it, and its name may be long.
  if (type.typeId === DuckDBTypeId.ENUM) return "VARCHAR";
  const within = parts(type).map((part) => written(part, isWide));
  if (within.includes(null)) return null;
  if (type.typeId === DuckDBTypeId.LIST) return `${within[0]}[]`;
  if (type.typeId === DuckDBTypeId.ARRAY) return `${within[0]}[${type.length}]`;
  if (type.typeId === DuckDBTypeId.MAP) return `MAP(${within[0]}, ${within[1]})`;
  if (type.typeId !== DuckDBTypeId.STRUCT) return String(type);
  const { entryNames } = type;
  if (entryNames.includes("")) return null;
  return `STRUCT(${within.map((part, i) => `${quotedName(entryNames[i]!)} ${part}`).join(", ")})`;
}
