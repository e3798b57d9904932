/** Times of a foreign answer: epoch numbers of any unit, ISO 8601 and SQL text, with and without zone. */

import type { TidemarkError } from "../../base/errors.ts";
import { usFromIso } from "../../base/iso.ts";
import { type RawRow, type RawType, unreadable } from "./raw-table.ts";

export interface Times {
  /** µs since 1970; without a zone, as if it were UTC. Null for an empty cell. */
  us: (number | null)[];
  /** Whether they name a zone, or count from 1970 UTC. */
  hasZone: boolean;
}

/** Epoch numbers by their size: the years 1973 to 2286 of each unit do not overlap. */
const UNITS = [
  { from: 1e8, to: 1e10, multiplier: 1_000_000n, divisor: 1n },
  { from: 1e11, to: 1e13, multiplier: 1_000n, divisor: 1n },
  { from: 1e14, to: 1e16, multiplier: 1n, divisor: 1n },
  { from: 1e17, to: 1e19, multiplier: 1n, divisor: 1_000n },
] as const;

/**
 * The cells of one column as times. All have one unit, and all or none a zone; throws DATA_DIR, naming
 * the row, where that is not so, or a cell is not a time.
 */
export function timesOf(rows: readonly RawRow[], column: number, name: string, type: RawType): Times {
  const cells = rows.map(({ cells }) => cells[column] ?? null);
  if (type === "timestamp" || type === "timestamptz")
    return { us: cells.map((cell) => (cell === null ? null : Number(cell))), hasZone: type === "timestamptz" };
  const first = cells.findIndex((cell) => cell !== null);
  if (first < 0) return { us: cells.map(() => null), hasZone: false };
  const read = NUMBER.test(cells[first]!) ? epochReader(cells) : fromText;
  const zones: (number | undefined)[] = [undefined, undefined];
  const us = cells.map((cell, i) => {
    if (cell === null) return null;
    const time = read(cell);
    if (time === null) throw notATime(name, cell, rows[i]!.where);
    zones[time.hasZone ? 1 : 0] ??= i;
    return time.us;
  });
  const [without, withZone] = zones;
  if (without !== undefined && withZone !== undefined)
    throw unreadable(
      `${name} names a zone at ${rows[withZone]!.where} (${cells[withZone]}) and none at ${rows[without]!.where} (${cells[without]}).`,
      "Write all times with a zone, or all without.",
    );
  return { us, hasZone: withZone !== undefined };
}

/** One cell alone as µs since 1970; null when it is not a valid time. */
export function timeOf(cell: string): number | null {
  return (NUMBER.test(cell) ? epochReader([cell]) : fromText)(cell)?.us ?? null;
}

interface Time {
  us: number;
  hasZone: boolean;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A reader of epoch numbers in the unit of the largest. */
function epochReader(cells: readonly (string | null)[]): (cell: string) => Time | null {
  const largest = cells.reduce(
    (max, cell) => Math.max(max, cell !== null && NUMBER.test(cell) ? Math.abs(Number(cell)) : 0),
    0,
  );
  const unit = UNITS.find(({ from, to }) => largest >= from && largest < to);
  return (cell) => {
    const value = unit === undefined ? null : exact(cell);
    if (value === null) return null;
    return { us: Number(floor(value.mantissa * unit!.multiplier, value.scale * unit!.divisor)), hasZone: true };
  };
}

/** A number as mantissa ÷ scale, without a double. */
function exact(text: string): { mantissa: bigint; scale: bigint } | null {
  const [, sign, whole = "", fraction = "", exponent = "0"] =
    /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d{1,3}))?$/i.exec(text) ?? [];
  if (sign === undefined || whole + fraction === "") return null;
  const digits = BigInt(whole + fraction) * (sign === "-" ? -1n : 1n);
  const power = Number(exponent) - fraction.length;
  return power >= 0
    ? { mantissa: digits * 10n ** BigInt(power), scale: 1n }
    : { mantissa: digits, scale: 10n ** BigInt(-power) };
}

function floor(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}

const TEXT = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?))?(.*)$/;
/** `Z`, `+05:30`, `+0530`, `+05`, ` UTC`; Java adds the zone's name in brackets. */
const ZONE = /^ ?(?:(Z|UTC|GMT)|([+-]\d\d):?(\d\d)?)(?:\[[\w/+-]+\])?$/i;

function fromText(cell: string): Time | null {
  const [, day, time, rest = ""] = TEXT.exec(cell.trim()) ?? [];
  if (day === undefined) return null;
  const zone = rest === "" ? null : ZONE.exec(rest);
  if (rest !== "" && (zone === null || time === undefined)) return null;
  const offset = zone === null || zone[1] !== undefined ? "Z" : `${zone[2]}:${zone[3] ?? "00"}`;
  const us = usFromIso(`${day}T${(time ?? "00:00").replace(",", ".")}${offset}`);
  return us === null ? null : { us, hasZone: zone !== null };
}

function notATime(name: string, cell: string, where: string): TidemarkError {
  return unreadable(
    `${name} is ${JSON.stringify(cell.slice(0, 60))} at ${where}, which is not a valid time.`,
    "Use ISO 8601, yyyy-MM-dd HH:mm:ss, or a number of s, ms, µs or ns since 1970; or map another column with --map theirs=window_start.",
  );
}
