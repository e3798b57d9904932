/** Exact sums of decimals: whole numbers per scale, as doubles while these are exact. */
import { pow10 } from "../../base/decimal.ts";
import type { Mantissa } from "../../contract/tick.ts";
import type { Decimal } from "./consumed.ts";

/** Totals are units of 10^-SCALE: a price and a size have at most half of these decimals each. */
export const SCALE = 40;

/** Below this, adding two whole numbers is exact. */
const SAFE = 2 ** 51;

export class ExactSum {
  /** How many values were added. */
  parts = 0;
  readonly #all = new ScaledSum();
  /** Of the values without their sign: what a sum of doubles can be wrong by depends on it. */
  readonly #absolute = new ScaledSum();

  /** Null adds nothing. */
  add(value: Decimal | null): void {
    if (value !== null) this.#add(value.mantissa, value.scale);
  }

  addProduct(one: Decimal | null, other: Decimal | null): void {
    if (one === null || other === null) return;
    const product = Number(one.mantissa) * Number(other.mantissa);
    const isExact =
      typeof one.mantissa === "number" && typeof other.mantissa === "number" && Number.isSafeInteger(product);
    const mantissa = isExact ? product : BigInt(one.mantissa) * BigInt(other.mantissa);
    this.#add(mantissa, one.scale + other.scale);
  }

  #add(mantissa: Mantissa, scale: number): void {
    this.parts++;
    this.#all.add(mantissa, scale);
    this.#absolute.add(mantissa < 0 ? -mantissa : mantissa, scale);
  }

  get total(): bigint {
    return this.#all.total;
  }

  get absolute(): bigint {
    return this.#absolute.total;
  }
}

class ScaledSum {
  readonly #small: number[] = new Array(SCALE + 1).fill(0);
  readonly #large: bigint[] = new Array(SCALE + 1).fill(0n);

  add(mantissa: Mantissa, scale: number): void {
    if (typeof mantissa === "bigint" || Math.abs(mantissa) > SAFE) {
      this.#large[scale]! += BigInt(mantissa);
      return;
    }
    const sum = this.#small[scale]! + mantissa;
    if (Math.abs(sum) <= SAFE) {
      this.#small[scale] = sum;
      return;
    }
    this.#large[scale]! += BigInt(sum);
    this.#small[scale] = 0;
  }

  get total(): bigint {
    return this.#large.reduce(
      (sum, large, scale) => sum + (large + BigInt(this.#small[scale]!)) * pow10(SCALE - scale),
      0n,
    );
  }
}

/** A decimal in units of 10^-SCALE. */
export function fromDecimal({ mantissa, scale }: Decimal): bigint {
  return BigInt(mantissa) * pow10(SCALE - scale);
}

/** The nearest double. */
export function toDouble({ mantissa, scale }: Decimal): number {
  // Both operands are exact, so that their quotient is rounded once.
  if (typeof mantissa === "number" && scale <= EXACT_POWERS) return mantissa / 10 ** scale;
  const digits = String(mantissa < 0 ? -mantissa : mantissa);
  return Number(`${mantissa < 0 ? "-" : ""}${digits}e-${scale}`);
}

/** 10 to the power of this is a double. */
const EXACT_POWERS = 22;
