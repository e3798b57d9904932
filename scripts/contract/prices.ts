/** Prices as the user gives them, in a flag that `start` passes to `serve`. */

/** In the user's currency; null: not given, so that this part costs nothing in the sum. */
export interface Prices {
  /** Of one core for one hour. */
  core_hour: number | null;
  /** Of one GiB (2^30 bytes) of memory for one hour. */
  gib_hour: number | null;
  /** Of one GB (10^9 bytes) of disk for one month. */
  gb_month: number | null;
}

const NAMES = { "core-hour": "core_hour", "gib-hour": "gib_hour", "gb-month": "gb_month" } as const;
const FORM = "Use for example core-hour=0.04,gib-hour=0.005,gb-month=0.02.";

/**
 * Reads `core-hour=0.04,gib-hour=0.005,gb-month=0.02`, each name at most once. A sentence when it is
 * not valid.
 */
export function parsePrices(text: string): Prices | string {
  const prices: Prices = { core_hour: null, gib_hour: null, gb_month: null };
  for (const part of text.split(",")) {
    const [, name = "", value = ""] = /^\s*([^=]*?)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
    if (!Object.hasOwn(NAMES, name))
      return `"${part.trim()}" is not a valid price: the names are ${Object.keys(NAMES).join(", ")}. ${FORM}`;
    const key = NAMES[name as keyof typeof NAMES];
    if (!/^\d{1,9}(\.\d{1,12})?$/.test(value))
      return `"${value}" is not a valid price for ${name}: a number from 0. ${FORM}`;
    if (prices[key] !== null) return `${name} has two prices. Give it once.`;
    prices[key] = Number(value);
  }
  return prices;
}
