/** The exchange's REST: one queue for all requests, within its rate; and its trades, page by page. */
import { monotonicMs, nowMs } from "../../base/clock.ts";
import { msFromHttpDate } from "../../base/iso.ts";
import { REST_MS_MAX, REST_PER_SECOND_MAX, REST_REDIRECTS_MAX, REST_RETRY_AFTER_MS_MAX } from "../../base/limits.ts";
import { pause } from "../../base/wait.ts";
import type { Message } from "../../message/index.ts";
import { jsonOf, restFetch, withinAnswerTime } from "../rest-fetch.ts";
import type { Range } from "./gaps.ts";

interface RestPage {
  /** Newest first, as the exchange sent them. */
  trades: Message[];
  /** Id of the oldest trade of the page; NaN when the answer does not name it. */
  oldest: number;
}

/** REST refuses a request; `status` is HTTP's. */
export class RestRefusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** `wss://ws-feed.exchange.coinbase.com` → its REST address; the simulator's is the feed's own port. */
export function restUrlOf(feed_url: string): string {
  const url = new URL(feed_url);
  const host = url.host.replace(/^ws-feed([.-])/, "api$1");
  return `${url.protocol === "wss:" ? "https:" : "http:"}//${host}`;
}

/** All requests of a process to one REST address: in the order of asking, and within the rate. */
export class RestQueue {
  /** No request starts before this, on the monotonic clock. */
  #next_ms = 0;
  /** Resolves when the request that asked last has had its turn. */
  #turns: Promise<void> = Promise.resolve();

  constructor(
    readonly url: string,
    private readonly answer_ms = REST_MS_MAX,
  ) {}

  /**
   * What `read` makes of the answer to `GET path`. Throws an Error for people when REST sends anything
   * but a success: RestRefusal has its status. All requests wait as long as a `Retry-After` demands.
   */
  async ask<T>(path: string, signal: AbortSignal, read: (response: Response) => Promise<T>): Promise<T> {
    await this.#turn(signal);
    return withinAnswerTime(this.answer_ms, signal, async (stop) =>
      read(await this.#follow(`${this.url.replace(/\/+$/, "")}${path}`, stop)),
    );
  }

  async #follow(address: string, signal: AbortSignal): Promise<Response> {
    let url = address;
    for (let hops = 0; hops <= REST_REDIRECTS_MAX; hops++) {
      // By hand, so that each address has its own route: a redirect to this machine uses no proxy.
      const response = await restFetch(url, signal);
      const target = response.headers.get("location");
      if (response.ok) return response;
      await response.body?.cancel();
      if (response.status < 300 || response.status > 399 || target === null) throw this.#refusal(response);
      if (!URL.canParse(target, url) || !/^https?:/.test(new URL(target, url).protocol))
        throw new Error("REST redirects to an address that is not http or https");
      url = new URL(target, url).href;
    }
    throw new Error(`REST redirects more than ${REST_REDIRECTS_MAX} times`);
  }

  #refusal(response: Response): Error {
    const wait_ms = retryAfterMs(response.headers.get("retry-after"), nowMs());
    if (wait_ms === null) return new RestRefusal(response.status, `REST answers ${response.status}`);
    this.#next_ms = Math.max(this.#next_ms, monotonicMs() + wait_ms);
    const wait = `asks to wait ${Math.ceil(wait_ms / 1_000)} s`;
    return new RestRefusal(response.status, `REST answers ${response.status} and ${wait}`);
  }

  /** Requests of all gaps start in the order of asking, at most REST_PER_SECOND_MAX per second. */
  async #turn(signal: AbortSignal): Promise<void> {
    const before = this.#turns;
    const mine = Promise.withResolvers<void>();
    this.#turns = mine.promise;
    await before;
    for (;;) {
      const now_ms = monotonicMs();
      if (now_ms >= this.#next_ms || signal.aborted) break;
      await pause(this.#next_ms - now_ms, signal);
    }
    this.#next_ms = monotonicMs() + 1_000 / REST_PER_SECOND_MAX;
    mine.resolve();
  }
}

export class RestTrades {
  readonly #queue: RestQueue;

  /** A queue is shared with other requests to the same address. */
  constructor(rest: string | RestQueue, answer_ms = REST_MS_MAX) {
    this.#queue = typeof rest === "string" ? new RestQueue(rest, answer_ms) : rest;
  }

  /**
   * Returns at most `limit` trades of a product with ids below `after` (null: the newest), newest
   * first. Throws an Error for people when REST returns anything else.
   */
  async page(product_id: string, after: number | null, limit: number, signal: AbortSignal): Promise<RestPage> {
    const below = after === null ? "" : `&after=${after}`;
    const path = `/products/${encodeURIComponent(product_id)}/trades?limit=${limit}${below}`;
    return this.#queue.ask(path, signal, async (response) => ({
      trades: await tradesOf(response),
      oldest: Number(response.headers.get("cb-after") ?? Number.NaN),
    }));
  }
}

/**
 * Milliseconds that a `Retry-After` header demands, at most REST_RETRY_AFTER_MS_MAX: it is seconds or
 * an HTTP date (RFC 9110, 10.2.3). Null when there is none or it is neither.
 */
export function retryAfterMs(header: string | null, now_ms: number): number | null {
  const text = header?.trim() ?? "";
  const ms = /^\d+(\.\d+)?$/.test(text)
    ? Number(text) * 1_000
    : text === ""
      ? Number.NaN
      : msFromHttpDate(text) - now_ms;
  return Number.isNaN(ms) ? null : Math.min(Math.max(0, ms), REST_RETRY_AFTER_MS_MAX);
}

async function tradesOf(response: Response): Promise<Message[]> {
  const page = await jsonOf(response);
  if (!Array.isArray(page)) throw new Error("REST answers with no list of trades");
  return page as Message[];
}

/**
 * Ids that one page proves never issued: those between two neighbours on it. Of a page that is not
 * strictly descending, or has an id that is not a whole number, nothing is proved.
 */
export function proofsOf(trades: readonly Message[]): Range[] {
  const ids = trades.map((trade) => trade?.trade_id);
  const proofs: Range[] = [];
  for (let i = 0; i < ids.length; i++) {
    const [above, below] = [i === 0 ? Number.POSITIVE_INFINITY : Number(ids[i - 1]), ids[i]];
    if (!Number.isSafeInteger(below) || !(Number(below) < above)) return [];
    if (i > 0 && above - Number(below) > 1) proofs.push({ lo: Number(below) + 1, hi: above - 1 });
  }
  return proofs;
}
