/** The order of a metric's rows by one of its columns: numbers, times and texts as their type has them. */
import type { Column, Json, Row } from "../../scripts/contract/results.ts";

/** Whether values of this DuckDB type are numbers. */
export function isNumeric(type: string): boolean {
  return /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL|DOUBLE|FLOAT|BIGNUM)[^[]*$/.test(type);
}

/** The rows by a column, null last; rows of one value keep their order. */
export function sorted(rows: readonly Row[], column: Column, descending: boolean): Row[] {
  const compare = isNumeric(column.type) ? compareNumbers : isTime(column.type) ? compareTimes : compareTexts;
  const sign = descending ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [left, right] = [a[column.name] ?? null, b[column.name] ?? null];
    if (left === null || right === null) return Number(left === null) - Number(right === null);
    return sign * compare(left, right);
  });
}

function isTime(type: string): boolean {
  return /^(DATE|TIMESTAMP)[^[]*$/.test(type);
}

/** Exact also beyond 2^53; NaN is above all, as DuckDB has it. */
function compareNumbers(a: Json, b: Json): number {
  const [x, y] = [Number(a), Number(b)];
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
  if (x !== y) return x < y ? -1 : 1;
  // Doubles that are equal may be the nearest of two exact texts.
  const [left, right] = [exactOf(a), exactOf(b)];
  if (left === null || right === null) return 0;
  const scale = Math.max(left.scale, right.scale);
  const [l, r] = [left, right].map(({ units, scale: own }) => units * 10n ** BigInt(scale - own)) as [bigint, bigint];
  return l === r ? 0 : l < r ? -1 : 1;
}

function exactOf(value: Json): { units: bigint; scale: number } | null {
  const [, sign, whole = "", fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(value)) ?? [];
  if (whole === "") return null;
  return { units: BigInt(`${whole}${fraction}`) * (sign === "-" ? -1n : 1n), scale: fraction.length };
}

/** `-infinity`, years before 1 (`0044-03-15 (BC)`), ISO 8601, years after 9999, `infinity`. */
function compareTimes(a: Json, b: Json): number {
  const [left, right] = [timeKey(String(a)), timeKey(String(b))];
  return left.rank - right.rank || left.year - right.year || compareTexts(left.rest, right.rest);
}

function timeKey(text: string): { rank: number; year: number; rest: string } {
  if (text.endsWith("infinity")) return { rank: text.startsWith("-") ? 0 : 3, year: 0, rest: "" };
  const [, year = "0", rest = text] = /^(\d+)(.*)$/.exec(text) ?? [];
  const isBefore = text.includes("(BC)");
  return { rank: isBefore ? 1 : 2, year: isBefore ? -Number(year) : Number(year), rest: rest.replace("T", " ") };
}

function compareTexts(a: Json, b: Json): number {
  const [left, right] = [a, b].map((value) => (typeof value === "object" ? JSON.stringify(value) : String(value)));
  return left! === right! ? 0 : left! < right! ? -1 : 1;
}
