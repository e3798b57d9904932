/** The full tape (`--channel matches`): gaps in trade_id are filled from REST within its rate, what can't be filled is noted as an outage. */
import { monotonicMs } from "../common/clock.ts";
import { diePoint } from "../common/die-point.ts";
import { sentence } from "../common/errors.ts";
import {
  GAP_IDS_MAX,
  RECONNECT_BASE_MS,
  REST_MS_MAX,
  REST_PAGE_MAX,
  REST_PER_SECOND_MAX,
  REST_TRIES_MAX,
} from "../common/limits.ts";
import type { AppendRecord } from "../common/log.ts";
import type { Logger } from "../common/logger.ts";
import { pause } from "./backoff.ts";
import { asTicker, type Message, outageFrame, timeUs } from "./frame.ts";
import { type Gap, GapTracker } from "./gaps.ts";

export interface MatchTapeOptions {
  /** `https://api.exchange.coinbase.com`, or a stand-in's. */
  rest_url: string;
  push(record: AppendRecord): void;
  logger: Logger;
  retry_ms?: number;
  wait_ms?: number;
}

/** How often gaps are looked for. */
const LOOK_MS = 50;

/** A match as the log has it: the ticker's shape, or the frame itself when it is no whole trade, for the consumers to judge. */
export function matchRecord(message: Message, bytes: Uint8Array): Uint8Array {
  const ticker = asTicker(message, String(message.product_id));
  return ticker === null ? bytes : Buffer.from(ticker);
}

/** `wss://ws-feed.exchange.coinbase.com` → its REST address; a stand-in answers on the feed's own port. */
export function restUrlOf(feed_url: string): string {
  const url = new URL(feed_url);
  const host = url.host.replace(/^ws-feed([.-])/, "api$1");
  return `${url.protocol === "wss:" ? "https:" : "http:"}//${host}`;
}

export class MatchTape {
  readonly #gaps: GapTracker;
  readonly figures = { filled: 0, unfillable: 0 };
  #next_request_ms = 0;
  #ended = false;

  constructor(private readonly options: MatchTapeOptions) {
    this.#gaps = new GapTracker(options.wait_ms);
  }

  /** Gaps that are open now. */
  get open(): number {
    return this.#gaps.open;
  }

  see(product_id: string, trade_id: number, time_us: number): void {
    if (Number.isSafeInteger(trade_id) && Number.isFinite(time_us))
      this.#gaps.see(product_id, trade_id, time_us, monotonicMs());
  }

  /** The log says already that these are missing for good. */
  noted(product_id: string, lo: number, hi: number): void {
    this.#gaps.remove(product_id, lo, hi);
  }

  /** The feed has ended: `run` ends once every gap is filled or noted. */
  end(): void {
    this.#ended = true;
  }

  /** Fills gaps, one after another, until `end`; on the signal at once: the next start finds in the log what is still open. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const gap = this.#gaps.due(monotonicMs(), this.#ended);
      if (gap !== null) await this.#fill(gap, signal);
      else if (this.#ended) return;
      else await pause(LOOK_MS, signal);
    }
  }

  async #fill(gap: Gap, signal: AbortSignal): Promise<void> {
    const { product_id, lo, hi } = gap;
    const { logger } = this.options;
    let why = "REST does not know these trades";
    if (hi - lo >= GAP_IDS_MAX) return this.#giveUp(gap, `${hi - lo + 1} ids at once are too many to fill`);
    logger.info(`${product_id}: trades ${lo} to ${hi} did not come; asking REST`);
    for (let tries = 0; tries < REST_TRIES_MAX && !signal.aborted; tries++) {
      if (tries > 0) await pause((this.options.retry_ms ?? RECONNECT_BASE_MS) * 2 ** (tries - 1), signal);
      try {
        await this.#pages(gap, signal);
        why = "REST does not know these trades";
      } catch (error) {
        why = sentence(error);
      }
      if (this.#gaps.missing(product_id, lo, hi).length === 0) return;
    }
    if (!signal.aborted) this.#giveUp(gap, why);
  }

  /** Newest first, from just above the gap down to its lowest id. */
  async #pages({ product_id, lo, hi }: Gap, signal: AbortSignal): Promise<void> {
    for (let after = hi + 1; after > lo && !signal.aborted; ) {
      await this.#turn(signal);
      const limit = Math.min(REST_PAGE_MAX, after - lo);
      const url = `${this.options.rest_url}/products/${encodeURIComponent(product_id)}/trades?limit=${limit}&after=${after}`;
      const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(REST_MS_MAX)]) });
      if (!response.ok) throw new Error(`REST answers ${response.status}`);
      const page = (await response.json()) as Message[];
      if (!Array.isArray(page)) throw new Error("REST answers no list");
      for (const trade of page) this.#take(product_id, trade, lo, hi);
      const oldest = Number(response.headers.get("cb-after") ?? Number.NaN);
      if (page.length === 0 || !(oldest < after)) return;
      after = oldest;
    }
  }

  #take(product_id: string, trade: Message, lo: number, hi: number): void {
    const id = trade?.trade_id;
    if (typeof id !== "number" || id < lo || id > hi || this.#gaps.missing(product_id, id, id).length === 0) return;
    const ticker = asTicker(trade, product_id, "rest");
    if (ticker === null || Number.isNaN(timeUs(trade.time))) return;
    this.options.push({ key: product_id, value: Buffer.from(ticker) });
    this.#gaps.remove(product_id, id, id);
    this.figures.filled++;
    diePoint("produce-filled");
  }

  #giveUp({ product_id, lo, hi }: Gap, why: string): void {
    for (const gap of this.#gaps.missing(product_id, lo, hi)) {
      const { from_us, to_us } = gap;
      const ids = { last_trade_id: gap.lo - 1, first_trade_id: gap.hi + 1 };
      const note = { product_id, from_us, to_us: Math.max(from_us, to_us), ...ids, reason: `not filled: ${why}` };
      this.options.push({ key: product_id, value: Buffer.from(outageFrame(note)) });
      this.options.logger.warn(`${product_id}: trades ${gap.lo} to ${gap.hi} are missing for good: ${why}`);
      this.figures.unfillable += gap.hi - gap.lo + 1;
    }
    this.#gaps.remove(product_id, lo, hi);
  }

  /** One request after another, never more than REST_PER_SECOND_MAX a second. */
  async #turn(signal: AbortSignal): Promise<void> {
    const wait_ms = this.#next_request_ms - monotonicMs();
    if (wait_ms > 0) await pause(wait_ms, signal);
    this.#next_request_ms = monotonicMs() + 1_000 / REST_PER_SECOND_MAX;
  }
}
