/** The subscription of one connection: which products the exchange accepted or refused. */
import { monotonicMs } from "../base/clock.ts";
import { FEED_WORDS_MAX, PRODUCT_STRIKES_MAX, REFUSAL_MS, SUBSCRIBED_MS_MAX } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import { printable } from "../base/printable.ts";
import type { Message } from "../message/index.ts";
import { namedIn } from "./named-products.ts";

interface SubscriptionOptions {
  channel: string;
  products: readonly string[];
  logger: Logger;
  /** After an error, time for the rest of the reply. */
  refusal_ms?: number;
  /** Time for the whole reply. */
  reply_ms?: number;
  /**
   * A product is subscribed on this connection: by its trade, and again by the first reply that lists
   * one.
   */
  onConfirmed(reply: Message): void;
  /** The feed accepted no product; the reason in its own words. */
  onRefused(reason: string): void;
}

/** A wait for a reply is split into this many timers. */
const WAIT_STEPS = 4;

export class Subscription {
  /** Refused products with the feed's words; a product that is accepted later is removed. */
  readonly refused = new Map<string, string>();
  readonly #options: SubscriptionOptions;
  readonly #accepted = new Set<string>();
  /** Products whose subscription ended a connection, and how often. */
  readonly #strikes = new Map<string, number>();
  #send: (message: object) => void = () => {};
  /** Products that were requested and are not decided. */
  #waiting: string[] = [];
  /** Products to request one by one, and the one that is requested now. */
  #queue: string[] = [];
  #alone: string | null = null;
  /** The product that was last refused alone, and when: a close right after it was caused by it. */
  #culprit = { product: "", at_ms: Number.NEGATIVE_INFINITY };
  /** The last error that named no product. */
  #words = "";
  #isConfirmed: "" | "by a trade" | "by a reply" = "";
  #timer: Timer | null = null;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
  }

  /**
   * A connection is open: requests all products that were not refused before, then the others one by
   * one.
   */
  begin(send: (message: object) => void): void {
    const { products } = this.#options;
    this.#send = send;
    this.#accepted.clear();
    this.#isConfirmed = "";
    this.#words = "";
    const strikes = (product: string) => this.#strikes.get(product) ?? 0;
    const doubt = (product: string) => strikes(product) + (this.refused.has(product) ? PRODUCT_STRIKES_MAX : 0);
    const usable = products.filter((product) => strikes(product) <= PRODUCT_STRIKES_MAX);
    const clean = usable.filter((product) => !this.refused.has(product) && strikes(product) === 0);
    const others = usable.filter((product) => !clean.includes(product)).sort((a, b) => doubt(a) - doubt(b));
    const isAllRefused = clean.length === 0 && this.#strikes.size === 0;
    this.#waiting = isAllRefused ? others : clean;
    this.#queue = isAllRefused ? [] : others;
    if (this.#waiting.length === 0) this.#next();
    else this.#request(this.#waiting, this.#options.reply_ms ?? SUBSCRIBED_MS_MAX);
  }

  /**
   * The connection has ended. Products that may have caused it are requested one by one on the next
   * connection.
   */
  end(): void {
    this.#stopTimer();
    const { product: culprit, at_ms } = this.#culprit;
    const isCulprit = monotonicMs() - at_ms < (this.#options.refusal_ms ?? REFUSAL_MS);
    const alone = isCulprit ? culprit : this.#alone;
    for (const product of alone !== null ? [alone] : this.#words === "" ? [] : this.#waiting) {
      const strikes = (this.#strikes.get(product) ?? 0) + 1;
      this.#strikes.set(product, strikes);
      if (alone !== null && strikes > PRODUCT_STRIKES_MAX)
        this.#refuse(product, this.#words || "the feed closes the connection when it is requested");
    }
    this.#alone = null;
    this.#waiting = [];
    this.#queue = [];
  }

  /** Takes a `subscriptions` reply: it lists what is accepted so far, and may lack our channel. */
  reply(message: Message): void {
    const channels = Array.isArray(message.channels) ? (message.channels as Message[]) : [];
    const listed = channels
      .filter((one) => one?.name === this.#options.channel)
      .flatMap((one) => (Array.isArray(one.product_ids) ? one.product_ids : []));
    const ours = this.#options.products.filter((product) => listed.includes(product));
    if (ours.length === 0) return;
    if (this.#isConfirmed !== "by a reply") this.#options.onConfirmed(message);
    this.#isConfirmed = "by a reply";
    for (const product of ours) this.#accept(product);
    this.#settle();
  }

  /** A trade of a product proves that it is subscribed. */
  proof(product_id: string): void {
    if (this.#accepted.has(product_id) || !this.#options.products.includes(product_id)) return;
    this.#accept(product_id);
    this.#settle();
  }

  error(message: Message): void {
    const parts = [message.message, message.reason].filter((one) => typeof one === "string" && one !== "");
    const words = printable(parts.join(": "), FEED_WORDS_MAX) || "no reason given";
    const named = namedIn(words, this.#options.products);
    if (named.length > 0) for (const product of named) this.#refuse(product, words);
    else {
      this.#report(words);
      if (this.#alone !== null) this.#refuse(this.#alone, words);
    }
    if (this.#alone !== null && this.#waiting.length === 0)
      this.#culprit = { product: this.#alone, at_ms: monotonicMs() };
    // The other products are acknowledged soon, or are requested one by one.
    if (this.#waiting.length > 0 && this.#alone === null) this.#wait(this.#options.refusal_ms ?? REFUSAL_MS);
    this.#settle();
  }

  #accept(product: string): void {
    this.#culprit = { product: "", at_ms: Number.NEGATIVE_INFINITY };
    this.#accepted.add(product);
    this.#strikes.delete(product);
    this.#waiting = this.#waiting.filter((one) => one !== product);
    if (this.refused.delete(product)) this.#options.logger.info(`the feed accepts ${product} now`);
  }

  /** Keeps the feed's own words; warns once per product. */
  #refuse(product: string, words: string): void {
    this.#waiting = this.#waiting.filter((one) => one !== product);
    if (this.#accepted.has(product)) {
      this.#report(words);
      return;
    }
    if (!this.refused.has(product))
      this.#options.logger.warn(`the feed refused ${product}: ${words}; the other products are read`);
    this.refused.set(product, words);
  }

  #report(words: string): void {
    if (words !== this.#words) this.#options.logger.warn(`the feed reports an error: ${words}`);
    this.#words = words;
  }

  /** Once all requested products are decided: requests the next one alone, or ends the subscription. */
  #settle(): void {
    if (this.#waiting.length > 0 || this.#timer === null) return;
    this.#stopTimer();
    this.#alone = null;
    this.#next();
  }

  #next(): void {
    const product = this.#queue.shift();
    if (product !== undefined) {
      this.#alone = product;
      this.#waiting = [product];
      this.#request(this.#waiting, this.#options.refusal_ms ?? REFUSAL_MS);
      return;
    }
    if (this.#accepted.size > 0) {
      if (this.#isConfirmed === "") this.#options.onConfirmed({});
      this.#isConfirmed ||= "by a trade";
      return;
    }
    const words = [...new Set([...this.refused.values()])].join("; ");
    this.#options.onRefused(words || this.#words || "it acknowledged no product");
  }

  /** The reply did not come in time. */
  #late(): void {
    this.#timer = null;
    const undecided = this.#waiting;
    this.#waiting = [];
    if (this.#alone !== null || (undecided.length === 1 && this.#options.products.length === 1)) {
      for (const product of undecided) this.#refuse(product, this.#words || "it is not among those acknowledged");
    } else this.#queue.push(...undecided);
    this.#alone = null;
    this.#next();
  }

  #request(products: readonly string[], wait_ms: number): void {
    this.#wait(wait_ms);
    this.#send({ type: "subscribe", product_ids: products, channels: [this.#options.channel, "heartbeat"] });
  }

  /** Between two steps what has arrived is read: a process that did not run has not waited. */
  #wait(ms: number, steps = WAIT_STEPS): void {
    this.#stopTimer();
    this.#timer = setTimeout(() => (steps > 1 ? this.#wait(ms, steps - 1) : this.#late()), ms / WAIT_STEPS);
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
