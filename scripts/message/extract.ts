/**
 * The fast path: a ticker's fields straight from its bytes, without JSON.parse.
 * It accepts only flat objects of plain strings and whole numbers with each wanted key once, and
 * leaves the rest to parse.ts; the two never disagree (test/message/extract.test.ts).
 */
import { POW10 } from "../base/decimal.ts";
import { PRICE_SCALE_MAX, PRODUCTS_MAX, RULES_VERSION, SIZE_SCALE_MAX } from "../base/limits.ts";
import type { FullTick } from "../contract/tick.ts";
import { type Rules, rulesOf } from "./rules.ts";
import { FIELD, Scanner, same } from "./scan.ts";
import { timeUs } from "./time.ts";

const COLON = 0x3a;
const POINT = 0x2e;

/** Bits of the fields that a tick must have. */
const REQUIRED = (["type", "product_id", "price", "side", "time", "trade_id", "last_size"] as const).reduce(
  (bits, name) => bits | (1 << FIELD[name]),
  0,
);
const TICKER = new TextEncoder().encode("ticker");
/** Significant digits that a double adds up without rounding. */
const SAFE_DIGITS = 15;
/** More integer digits than price × size can have with SAFE_DIGITS each. */
const NO_LIMIT_DIGITS = 2 * SAFE_DIGITS + 1;
/** The rounding of a product and of a limit is less than the missing part. */
const SURELY = 1 - 1e-12;

interface Product {
  id: string;
  bytes: Uint8Array;
}

export class Extractor {
  readonly #quotes: boolean;
  readonly #rules: Rules;
  /** Below this, price × size is within the rules; parse.ts decides near the limit. */
  readonly #notional_max: number;
  readonly #scanner = new Scanner(REQUIRED);
  /** The product of the previous message, and those seen so far by a hash of their id. */
  #product: Product = { id: "", bytes: new Uint8Array([0]) };
  #products = new Map<number, Product>();
  #mantissa = 0;
  #scale = 0;
  #day = "";

  /** `quotes`: also read best_bid and best_ask, which `stream` does not need. `rules`: the rules version. */
  constructor({ quotes, rules = RULES_VERSION }: { quotes: boolean; rules?: number }) {
    this.#quotes = quotes;
    this.#rules = rulesOf(rules);
    this.#notional_max = 10 ** Math.min(this.#rules.notional_integer_digits, NO_LIMIT_DIGITS) * SURELY;
  }

  /** Returns the tick in `bytes[start, end)`, or null when parse.ts must decide. */
  extract(bytes: Uint8Array, start: number, end: number): FullTick | null {
    const found = this.#scanner.scan(bytes, start, end);
    if ((found & REQUIRED) !== REQUIRED) return null;
    const { from, to } = this.#scanner;
    if (!same(bytes, from[FIELD.type]!, to[FIELD.type]!, TICKER)) return null;
    const trade_id = wholeNumber(bytes, from[FIELD.trade_id]!, to[FIELD.trade_id]!);
    if (trade_id < 0) return null;
    const time_us = this.#time(bytes, from[FIELD.time]!, to[FIELD.time]!);
    if (time_us === null) return null;
    const side = sideOf(bytes, from[FIELD.side]!, to[FIELD.side]!);
    if (side === null) return null;
    if (!this.#price(bytes, FIELD.price)) return null;
    const price_mantissa = this.#mantissa;
    const price_scale = this.#scale;
    const { size_integer_digits, zero_sizes } = this.#rules;
    if (!this.#decimal(bytes, from[FIELD.last_size]!, to[FIELD.last_size]!, SIZE_SCALE_MAX, size_integer_digits))
      return null;
    const size_mantissa = this.#mantissa;
    const size_scale = this.#scale;
    if (price_mantissa === 0 || (size_mantissa === 0 && !zero_sizes)) return null;
    if (price_mantissa * size_mantissa >= this.#notional_max * POW10[price_scale]! * POW10[size_scale]!) return null;
    if ((found & (1 << FIELD.source)) !== 0) return null;
    const product_id = this.#productId(bytes, from[FIELD.product_id]!, to[FIELD.product_id]!);
    if (product_id === null) return null;
    let best_bid: string | null = null;
    let best_ask: string | null = null;
    if (this.#quotes) {
      if ((found & (1 << FIELD.best_bid)) !== 0) {
        if (!this.#price(bytes, FIELD.best_bid)) return null;
        best_bid = ascii(bytes, from[FIELD.best_bid]!, to[FIELD.best_bid]!);
      }
      if ((found & (1 << FIELD.best_ask)) !== 0) {
        if (!this.#price(bytes, FIELD.best_ask)) return null;
        best_ask = ascii(bytes, from[FIELD.best_ask]!, to[FIELD.best_ask]!);
      }
    }
    return {
      product_id,
      trade_id,
      time_us,
      price_mantissa,
      price_scale,
      size_mantissa,
      size_scale,
      side,
      best_bid,
      best_ask,
      source: "feed",
    };
  }

  #price(bytes: Uint8Array, field: number): boolean {
    const { from, to } = this.#scanner;
    return this.#decimal(bytes, from[field]!, to[field]!, PRICE_SCALE_MAX, this.#rules.price_integer_digits);
  }

  /**
   * Reads a plain decimal into #mantissa and #scale like parse.ts's parseDecimal; false when that must
   * decide.
   */
  #decimal(bytes: Uint8Array, from: number, to: number, scale_max: number, integer_max: number): boolean {
    const length = to - from;
    if (length === 0 || length > SAFE_DIGITS + 1) return false;
    let mantissa = 0;
    let point = -1;
    for (let i = from; i < to; i++) {
      const b = bytes[i]!;
      if (b === POINT) {
        if (point >= 0) return false;
        point = i;
      } else {
        if (b < 0x30 || b > 0x39) return false;
        mantissa = mantissa * 10 + (b - 0x30);
      }
    }
    const whole = point < 0 ? length : point - from;
    let scale = point < 0 ? 0 : to - point - 1;
    if (whole === 0 || whole > integer_max || (point >= 0 && scale === 0)) return false;
    while (scale > 0 && mantissa % 10 === 0) {
      mantissa /= 10;
      scale--;
    }
    if (scale > scale_max || length > SAFE_DIGITS + (point < 0 ? 0 : 1)) return false;
    this.#mantissa = mantissa;
    this.#scale = scale;
    return true;
  }

  #dayBytes = new Uint8Array(10);
  #dayUs = 0;

  /** `YYYY-MM-DDTHH:MM:SS[.f…]Z` as microseconds; the previous day is kept, because it rarely changes. */
  #time(bytes: Uint8Array, from: number, to: number): number | null {
    const length = to - from;
    if (length < 20 || length > 30 || bytes[to - 1] !== 0x5a || bytes[from + 10] !== 0x54) return null;
    if (bytes[from + 13] !== COLON || bytes[from + 16] !== COLON) return null;
    const hour = pair(bytes, from + 11);
    const minute = pair(bytes, from + 14);
    const second = pair(bytes, from + 17);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return null;
    let micros = 0;
    if (length > 20) {
      if (bytes[from + 19] !== POINT || length === 21) return null;
      let digits = 0;
      for (let i = from + 20; i < to - 1; i++) {
        const d = bytes[i]! - 0x30;
        if (d < 0 || d > 9) return null;
        if (digits++ < 6) micros = micros * 10 + d;
      }
      for (; digits < 6; digits++) micros *= 10;
    }
    if (this.#day === "" || !same(bytes, from, from + 10, this.#dayBytes)) {
      const us = dayUs(bytes, from);
      if (us === null) return null;
      this.#day = ascii(bytes, from, from + 10);
      this.#dayBytes.set(bytes.subarray(from, from + 10));
      this.#dayUs = us;
    }
    const us = this.#dayUs + (hour * 3_600 + minute * 60 + second) * 1_000_000 + micros;
    return Number.isSafeInteger(us) ? us : null;
  }

  /**
   * One string per product, so that comparing ids compares pointers. Only printable ASCII of at most 64
   * characters: ids that the rules of every version allow.
   */
  #productId(bytes: Uint8Array, from: number, to: number): string | null {
    if (same(bytes, from, to, this.#product.bytes)) return this.#product.id;
    if (from === to || to - from > 64) return null;
    let hash = to - from;
    for (let i = from; i < to; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
    let product = this.#products.get(hash);
    if (product === undefined || !same(bytes, from, to, product.bytes)) {
      product = { id: ascii(bytes, from, to), bytes: bytes.slice(from, to) };
      if (product.bytes.some((byte) => byte > 0x7e)) return null;
      if (this.#products.size >= PRODUCTS_MAX) this.#products.clear();
      this.#products.set(hash, product);
    }
    this.#product = product;
    return product.id;
  }
}

/** A whole number of at most 15 digits (the scanner checked that they are digits), or −1. */
function wholeNumber(bytes: Uint8Array, from: number, to: number): number {
  if (to - from > SAFE_DIGITS) return -1;
  let value = 0;
  for (let i = from; i < to; i++) value = value * 10 + (bytes[i]! - 0x30);
  return value;
}

function sideOf(bytes: Uint8Array, from: number, to: number): "buy" | "sell" | null {
  if (to - from === 3)
    return bytes[from] === 0x62 && bytes[from + 1] === 0x75 && bytes[from + 2] === 0x79 ? "buy" : null;
  if (to - from !== 4 || bytes[from] !== 0x73 || bytes[from + 1] !== 0x65) return null;
  return bytes[from + 2] === 0x6c && bytes[from + 3] === 0x6c ? "sell" : null;
}

function pair(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - 0x30;
  const ones = bytes[at + 1]! - 0x30;
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : tens * 10 + ones;
}

function dayUs(bytes: Uint8Array, from: number): number | null {
  const [century, year] = [pair(bytes, from), pair(bytes, from + 2)];
  const [month, day] = [pair(bytes, from + 5), pair(bytes, from + 8)];
  if (century < 0 || year < 0 || month < 0 || day < 0 || bytes[from + 4] !== 0x2d || bytes[from + 7] !== 0x2d)
    return null;
  return timeUs(century * 100 + year, month, day, 0, 0, 0, 0);
}

function ascii(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}
