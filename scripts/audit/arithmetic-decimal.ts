/** Exact decimals of foreign cells, and exact quotients rounded as other engines round them. */
import { formatUnits, pow10 } from "../base/decimal.ts";

/** An exact value, numerator ÷ denominator; the denominator is above 0. */
export interface Quotient {
  num: bigint;
  den: bigint;
}

/** A cell's digits: units / 10^scale. */
export interface Decimal {
  units: bigint;
  scale: number;
}

/** How a column rounds: to places after the point, to significant digits, or to a binary float. */
export type Rounding =
  | { to: "exact" }
  | { to: "double" }
  | { to: "float" }
  | { to: "places" | "digits"; n: number; tie: "up" | "even" | "down" };

/** Digits of an exponent beyond which a text is not taken for a number of a window. */
const EXPONENT_MAX = 400;
const NUMBER = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?\s*$/;

/** A cell's text as the decimal that it is; null when it is not a number. Keeps trailing zeros. */
export function readDecimal(text: string): Decimal | null {
  const [match, sign, whole = "", fraction = "", exponent = "0"] = NUMBER.exec(text) ?? [];
  const shift = Number(exponent);
  if (match === undefined || whole + fraction === "" || Math.abs(shift) > EXPONENT_MAX) return null;
  const digits = BigInt(whole + fraction);
  const units = sign === "-" ? -digits : digits;
  const scale = fraction.length - shift;
  return scale >= 0 ? { units, scale } : { units: units * pow10(-scale), scale: 0 };
}

export function isExactly({ units, scale }: Decimal, { num, den }: Quotient): boolean {
  return units * den === num * pow10(scale);
}

/** Whether a cell is this value, rounded so. */
export function isRounded(cell: Decimal, value: Quotient, rounding: Rounding): boolean {
  if (rounding.to === "exact") return isExactly(cell, value);
  if (rounding.to === "double") return numberOf(cell) === nearestDouble(value);
  if (rounding.to === "float") return Math.fround(numberOf(cell)) === Math.fround(nearestDouble(value));
  const places = rounding.to === "places" ? rounding.n : rounding.n - integerDigits(value);
  return isExactly(cell, roundTo(value, places, rounding.tie));
}

function numberOf({ units, scale }: Decimal): number {
  return nearestDouble({ num: units, den: pow10(scale) });
}

/** Rounded to places after the point (fewer than 0: before it); ties and the rest as `tie`. */
function roundTo({ num, den }: Quotient, places: number, tie: "up" | "even" | "down"): Quotient {
  const [n, d] = places >= 0 ? [num * pow10(places), den] : [num, den * pow10(-places)];
  const size = n < 0n ? -n : n;
  let units = size / d;
  const rest = 2n * (size - units * d);
  if (tie !== "down" && (rest > d || (rest === d && (tie === "up" || units % 2n === 1n)))) units++;
  const signed = n < 0n ? -units : units;
  return places >= 0 ? { num: signed, den: pow10(places) } : { num: signed * pow10(-places), den: 1n };
}

/** Digits before the point; 0 or fewer below 0.1: 0.05 has -1. */
function integerDigits({ num, den }: Quotient): number {
  const size = num < 0n ? -num : num;
  if (size === 0n) return 1;
  if (size >= den) return (size / den).toString().length;
  let digits = 0;
  for (let n = size * 10n; n < den; n *= 10n) digits--;
  return digits;
}

/** The double nearest to the quotient, ties to even. */
export function nearestDouble({ num, den }: Quotient): number {
  const size = num < 0n ? -num : num;
  if (size === 0n) return 0;
  // 70 bits and a sticky one: Number() then rounds once, from all that is left.
  const shift = 70 - (size.toString(2).length - den.toString(2).length);
  const [n, d] = shift >= 0 ? [size << BigInt(shift), den] : [size, den << BigInt(-shift)];
  const q = n / d;
  const exact = q * d === n;
  const value = Number(((q << 1n) | (exact ? 0n : 1n)) as bigint) * 2 ** -(shift + 1);
  return num < 0n ? -value : value;
}

/** For people: exact digits, or ten places half up. */
export function quotientText(value: Quotient, places: number): string {
  return formatUnits(roundTo(value, places, "up").num, places);
}

/** The 32-bit float nearest to the decimal, as Java's Float.parseFloat: rounded once, not twice. */
export function nearestFloat({ num, den }: Quotient): number {
  const double = nearestDouble({ num, den });
  const float = Math.fround(double);
  // Only a double halfway between two floats can have hidden on which side the decimal is.
  const other = float === double ? float : Math.fround(double + (double - float) * 1.5);
  if (float === double || Math.abs(double - float) !== Math.abs(other - double)) return float;
  const { num: n, den: d } = exactQuotient(double);
  const above = num * d - n * den;
  if (above === 0n) return float;
  return above > 0n === other > float ? other : float;
}

/** A double as the quotient that it exactly is. */
export function exactQuotient(double: number): Quotient {
  let den = 1n;
  let value = double;
  for (; !Number.isInteger(value); value *= 2) den *= 2n;
  return { num: BigInt(value), den };
}
