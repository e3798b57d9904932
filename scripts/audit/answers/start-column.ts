/** The start of windows where no column's name is one: by its cells, or by the names of the files. */
import { isoFromUs } from "../../base/iso.ts";
import type { AuditRecord } from "../audit-types.ts";
import { type Times, timesOf } from "./answer-times.ts";
import type { RawTable } from "./raw-table.ts";

const SECOND_US = 1e6;
/** Times without a zone can be this far from UTC; windows may begin a day before the first tick. */
const MARGIN_US = 26 * 3_600e6;
/** `2023-09-05T16-04`, `20230905_1604`: a time in the name of a file. */
const NAMED = /(\d{4})-?(\d\d)-?(\d\d)[T_ -]?(\d\d)[-_:.h]?(\d\d)(?:[-_:.m]?(\d\d))?/;

/**
 * The one of `columns` whose cells are the starts of windows in the time of the log: multiples of the
 * distance between most of them. A time of a run is not. Null where none is, or several are.
 */
export function startColumn(
  table: RawTable,
  columns: readonly number[],
  records: readonly AuditRecord[],
): number | null {
  if (table.rows.length < 2) return null;
  const fitting = columns.filter((column) => {
    try {
      const { name, type } = table.columns[column]!;
      return areStarts(timesOf(table.rows, column, name, type), records);
    } catch {
      return false;
    }
  });
  return fitting.length === 1 ? fitting[0]! : null;
}

function areStarts({ us }: Times, records: readonly AuditRecord[]): boolean {
  if (us.includes(null)) return false;
  const [first_us, last_us] = rangeOf(records);
  const starts = [...new Set(us as number[])].sort((a, b) => a - b);
  const isWithin = starts[0]! >= first_us - MARGIN_US && starts.at(-1)! <= last_us + MARGIN_US;
  const distances = starts.slice(1).map((start, i) => start - starts[i]!);
  const most = mode(distances);
  return isWithin && most >= SECOND_US && starts.every((start) => start % most === 0);
}

function rangeOf(records: readonly AuditRecord[]): [first_us: number, last_us: number] {
  let [first_us, last_us] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { tick } of records) {
    if (tick === null) continue;
    if (tick.time_us < first_us) first_us = tick.time_us;
    if (tick.time_us > last_us) last_us = tick.time_us;
  }
  return [first_us, last_us];
}

/** The most frequent; 0 of none. */
function mode(values: readonly number[]): number {
  const groups = [...Map.groupBy(values, (value) => value)];
  return groups.reduce((most, one) => (one[1].length > most[1].length ? one : most), [0, [] as number[]])[0];
}

/** Adds a column of the times in the names of its files; false if one has none, or several rows. */
export function addFileTimes(table: RawTable, column: string): boolean {
  const files = table.rows.map(({ where }) => where.slice(0, where.lastIndexOf(":")));
  const texts = files.map(timeIn);
  if (table.rows.length < 2 || new Set(files).size < files.length || texts.includes(null)) return false;
  table.columns.push({ name: column, type: "untyped" });
  for (const [i, { cells }] of table.rows.entries()) cells.push(texts[i]!);
  for (const { cells, where } of table.uncommitted) cells.push(timeIn(where));
  return true;
}

function timeIn(name: string): string | null {
  const [, year, month, day, hour, minute, second = "00"] = NAMED.exec(name) ?? [];
  if (year === undefined) return null;
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const text = `${year}-${month}-${day} ${hour}:${minute}:${second}`;
  return isoFromUs(ms * 1_000).startsWith(text.replace(" ", "T")) ? text : null;
}
