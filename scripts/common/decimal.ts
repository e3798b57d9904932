/** Exact decimals: a mantissa (safe integer, or bigint for sums) and a scale. value = mantissa / 10^scale. No rounded float anywhere. */

export const POW10: readonly number[] = Array.from({ length: 16 }, (_, i) => 10 ** i);
const POW10_BIG: readonly bigint[] = Array.from({ length: 41 }, (_, i) => 10n ** BigInt(i));

export function pow10(n: number): bigint {
  return POW10_BIG[n] ?? 10n ** BigInt(n);
}

/** `units` at `scale` as canonical text: no trailing zeros after the point, no "-0". 123400n, 4 → "12.34". */
export function formatUnits(units: bigint, scale: number): string {
  const negative = units < 0n;
  const digits = (negative ? -units : units).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, "");
  return `${negative ? "-" : ""}${whole}${fraction ? `.${fraction}` : ""}`;
}

/** A mantissa and its scale as canonical text. 2574102, 2 → "25741.02". */
export function formatDecimal(mantissa: number, scale: number): string {
  if (scale === 0) return String(mantissa);
  const digits = String(mantissa).padStart(scale + 1, "0");
  let end = digits.length;
  const point = digits.length - scale;
  while (end > point && digits.charCodeAt(end - 1) === 48) end--;
  return end === point ? digits.slice(0, point) : `${digits.slice(0, point)}.${digits.slice(point, end)}`;
}

/** Canonical text back to units at `scale`; throws when the text has more digits after the point than `scale`. */
export function parseUnits(text: string, scale: number): bigint {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  const fraction = match?.[3] ?? "";
  if (!match || fraction.length > scale)
    throw new RangeError(`${text} is no decimal with at most ${scale} digits after the point`);
  const units = BigInt(match[2]! + fraction) * pow10(scale - fraction.length);
  return match[1] ? -units : units;
}

/** Quotient of two non-negative bigints, rounded half up. The batch's SQL does the same: (2a + b) // 2b. */
export function divideHalfUp(a: bigint, b: bigint): bigint {
  return (2n * a + b) / (2n * b);
}
