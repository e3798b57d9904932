/** Messages for the benches in the real shape (394 bytes of ticker JSON), the same for the same seed. */
import { isoFromUs } from "../base/iso.ts";
import type { AppendRecord } from "../contract/log.ts";

export interface TickSpec {
  seed: number;
  /** Product ids that take turns. */
  products: string[];
  /** Ticks of all products together in a second of event time. */
  per_second: number;
  /** Event time of the first, microseconds since 1970 UTC. */
  start_us: number;
}

/** 2023-09-05T16:00:00Z, where the bundled recording begins. */
export const START_US = 1_693_929_600_000_000;
/** A live market's busy minute; a window of one minute holds 60,000 ticks. */
export const BUSY: TickSpec = { seed: 20_230_905, products: ["BTC-USD"], per_second: 1_000, start_us: START_US };

/** One of this many ticks is repeated, one swapped with its neighbour, one LATE_US late. */
const TWICE_OF = 1_000;
const SWAPPED_OF = 100;
const LATE_OF = 10_000;
const LATE_US = 180_000_000;

const encoder = new TextEncoder();

interface Product {
  id: string;
  /** In cents. */
  price: number;
  trade_id: number;
  sequence: number;
}

export class TickMaker {
  readonly #products: Product[];
  readonly #step_us: number;
  #random: number;
  #made = 0;
  #second = -1;
  #secondText = "";

  constructor(readonly spec: TickSpec) {
    this.#random = spec.seed >>> 0 || 1;
    this.#step_us = 1_000_000 / spec.per_second;
    this.#products = spec.products.map((id) => ({
      id,
      price: 2_574_102,
      trade_id: 550_000_000,
      sequence: 66_000_000_000,
    }));
  }

  /** The next `count` records, in the order of the log. */
  take(count: number): AppendRecord[] {
    const texts: string[] = [];
    const keys: string[] = [];
    while (texts.length < count) {
      const product = this.#products[this.#made % this.#products.length]!;
      const late = this.#one(LATE_OF) && this.#made > 1_000;
      texts.push(this.#message(product, this.spec.start_us + this.#made * this.#step_us - (late ? LATE_US : 0)));
      keys.push(product.id);
      this.#made++;
      const last = texts.length - 1;
      if (this.#one(TWICE_OF) && texts.length < count) {
        texts.push(texts[last]!);
        keys.push(product.id);
      } else if (this.#one(SWAPPED_OF) && last > 0) {
        [texts[last - 1], texts[last]] = [texts[last]!, texts[last - 1]!];
        [keys[last - 1], keys[last]] = [keys[last]!, keys[last - 1]!];
      }
    }
    const bytes = encoder.encode(texts.join(""));
    let at = 0;
    return texts.map((text, i) => {
      const value = bytes.subarray(at, at + text.length);
      at += text.length;
      return { key: keys[i]!, value };
    });
  }

  /** One message, stamped `time_us`; like the real ticker it leaves ids out now and then. */
  next(time_us: number): AppendRecord {
    const product = this.#products[this.#made++ % this.#products.length]!;
    return { key: product.id, value: encoder.encode(this.#message(product, time_us)) };
  }

  #message(product: Product, time_us: number): string {
    const r = this.#draw();
    product.price = Math.max(100_000, product.price + (r % 201) - 100);
    product.trade_id += 1 + (r % 16 === 0 ? r % 3 : 0);
    product.sequence += 1 + (r % 7);
    const { price } = product;
    const size = `${r % 3}.${digits(this.#draw() % 100_000_000, 8)}`;
    return (
      `{"type":"ticker","sequence":${product.sequence},"product_id":"${product.id}","price":"${cents(price)}",` +
      `"open_24h":"${cents(price - 5_907)}","volume_24h":"${10_000 + (r % 999)}.${digits(r % 100, 2)}",` +
      `"low_24h":"${cents(price - 14_101)}","high_24h":"${cents(price + 26_997)}",` +
      `"volume_30d":"${345_000 + (r % 999)}.${digits(r % 97, 2)}","best_bid":"${cents(price - 2)}",` +
      `"best_bid_size":"0.${digits(r % 99_999_971, 8)}","best_ask":"${cents(price + 3)}",` +
      `"best_ask_size":"0.${digits(r % 99_999_959, 8)}","side":"${r & 64 ? "sell" : "buy"}",` +
      `"time":"${this.#time(Math.floor(time_us))}","trade_id":${product.trade_id},"last_size":"${size}"}`
    );
  }

  #time(time_us: number): string {
    const second = Math.floor(time_us / 1_000_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#secondText = isoFromUs(second * 1_000_000).slice(0, 20);
    }
    return `${this.#secondText}${digits(time_us - second * 1_000_000, 6)}Z`;
  }

  #one(of: number): boolean {
    return this.#draw() % of === 0;
  }

  /** xorshift32 (Marsaglia 2003): 1 … 2^32 − 1. */
  #draw(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x >>> 0;
    return this.#random;
  }
}

function digits(n: number, length: number): string {
  return String(n).padStart(length, "0");
}

function cents(n: number): string {
  return `${Math.floor(n / 100)}.${digits(n % 100, 2)}`;
}
