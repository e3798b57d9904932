/** Exact decimals: value = mantissa / 10^scale, the mantissa a safe integer, or a bigint for sums. */
import type { Mantissa } from "../contract/tick.ts";

export const POW10: readonly number[] = Array.from({ length: 16 }, (_, i) => 10 ** i);
const ZEROS = "0000000000000000";
const POW10_BIG: readonly bigint[] = Array.from({ length: 41 }, (_, i) => 10n ** BigInt(i));

export function pow10(n: number): bigint {
  return POW10_BIG[n] ?? 10n ** BigInt(n);
}

/** Canonical text: no trailing zeros after the point, no "-0". 123400n, 4 → "12.34". */
export function formatUnits(units: bigint, scale: number): string {
  const negative = units < 0n;
  const digits = (negative ? -units : units).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, "");
  return `${negative ? "-" : ""}${whole}${fraction ? `.${fraction}` : ""}`;
}

/** A mantissa (from 0) and its scale as canonical text. 2574102, 2 → "25741.02". */
export function formatDecimal(mantissa: Mantissa, scale: number): string {
  if (typeof mantissa === "bigint") return formatUnits(mantissa, scale);
  let units = mantissa;
  let places = scale;
  for (; places > 0 && units % 10 === 0; places--) units /= 10;
  if (places === 0) return String(units);
  const unit = POW10[places]!;
  const fraction = units % unit;
  const digits = String(fraction);
  return `${(units - fraction) / unit}.${digits.length === places ? digits : ZEROS.slice(0, places - digits.length) + digits}`;
}

/** Canonical text → units at `scale`. Throws RangeError for more digits after the point than `scale`. */
export function parseUnits(text: string, scale: number): bigint {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  const fraction = match?.[3] ?? "";
  if (!match || fraction.length > scale)
    throw new RangeError(`${text} is not a decimal with at most ${scale} digits after the point`);
  const units = BigInt(match[2]! + fraction) * pow10(scale - fraction.length);
  return match[1] ? -units : units;
}

/** Quotient of two non-negative bigints, rounded half up, as the batch's SQL: (2a + b) // 2b. */
export function divideHalfUp(a: bigint, b: bigint): bigint {
  return (2n * a + b) / (2n * b);
}
