/** The rules by which a record is a tick, per rules version: limits of its numbers and of product ids. */
import {
  NOTIONAL_INTEGER_DIGITS_MAX,
  PRICE_INTEGER_DIGITS_MAX,
  PRICE_INTEGER_DIGITS_MAX_1,
  PRODUCT_ID_BYTES_MAX,
  SIZE_INTEGER_DIGITS_MAX,
  SIZE_INTEGER_DIGITS_MAX_1,
} from "../base/limits.ts";

export interface Rules {
  price_integer_digits: number;
  size_integer_digits: number;
  /** Price × size is below 10 to the power of this; Infinity for no limit. */
  notional_integer_digits: number;
  /** Whether a size of 0 is a trade. */
  zero_sizes: boolean;
  /** Whether a number may need more digits than a safe integer has. */
  all_digits: boolean;
  isProductId(id: unknown): id is string;
}

const RULES: Record<number, Rules> = {
  1: {
    price_integer_digits: PRICE_INTEGER_DIGITS_MAX_1,
    size_integer_digits: SIZE_INTEGER_DIGITS_MAX_1,
    notional_integer_digits: Number.POSITIVE_INFINITY,
    zero_sizes: false,
    all_digits: false,
    isProductId: (id): id is string => typeof id === "string" && id !== "" && id.length <= 64,
  },
  2: {
    price_integer_digits: PRICE_INTEGER_DIGITS_MAX,
    size_integer_digits: SIZE_INTEGER_DIGITS_MAX,
    notional_integer_digits: NOTIONAL_INTEGER_DIGITS_MAX,
    zero_sizes: true,
    all_digits: true,
    isProductId,
  },
};

/** The rules of a version (limits.ts RULES_VERSION); throws for one that was never released. */
export function rulesOf(version: number): Rules {
  const rules = RULES[version];
  if (rules === undefined) throw new RangeError(`There are no rules of version ${version}.`);
  return rules;
}

const REFUSED = /[\p{Cc}\uFEFF]/u;
const encoder = new TextEncoder();

/**
 * True for 1 to 64 bytes of UTF-8 without control characters, U+FEFF and lone surrogates: SQL text,
 * SQLite, DuckDB, JSON and file names all keep such an id unchanged
 * (docs/decisions/0059-product-ids.md).
 */
export function isProductId(id: unknown): id is string {
  if (typeof id !== "string" || id === "" || id.length > PRODUCT_ID_BYTES_MAX) return false;
  return id.isWellFormed() && !REFUSED.test(id) && encoder.encode(id).length <= PRODUCT_ID_BYTES_MAX;
}
