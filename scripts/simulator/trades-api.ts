/** The simulator's REST side: trades, candles and the exchange's time (docs/feed.md "REST trades"). */
import { monotonicMs, nowUs } from "../base/clock.ts";
import { isoFromUs } from "../base/iso.ts";
import { REPLAY_REST_PER_SECOND, REPLAY_REST_QUIET_MS, REST_PAGE_MAX } from "../base/limits.ts";
import { candlesOf } from "./candles-api.ts";
import { type Recorded, restTrade } from "./exchange-frames.ts";
import type { Faults } from "./faults.ts";
import type { OlderTrades } from "./older-trades.ts";
import type { Player } from "./player.ts";

/** A bucket of tokens: `burst` at once, `per_second` more each second. */
export class RateLimit {
  #tokens: number;
  #filled_ms = monotonicMs();

  constructor(
    private readonly per_second: number,
    private readonly burst: number,
  ) {
    this.#tokens = burst;
  }

  /** Takes a token; false when there is none. */
  take(): boolean {
    const now_ms = monotonicMs();
    this.#tokens = Math.min(this.burst, this.#tokens + ((now_ms - this.#filled_ms) / 1_000) * this.per_second);
    this.#filled_ms = now_ms;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

export class RestAnswers {
  readonly #rate = new RateLimit(REPLAY_REST_PER_SECOND, REPLAY_REST_PER_SECOND);
  /** Requests for trades. */
  requests = 0;
  #candleRequests = 0;
  /** A client reads the full tape: it may request what it missed, even after the end. */
  expected = false;
  #last_ms = monotonicMs();

  constructor(
    private readonly player: Player,
    private readonly faults: NonNullable<Faults["rest"]>,
    private readonly time: NonNullable<Faults["time"]> & { skew_us: number },
    private readonly older: OlderTrades,
    private readonly candles: NonNullable<Faults["candles"]> = {},
  ) {}

  /** Milliseconds until no more requests are likely. */
  quietMs(): number {
    return this.expected ? Math.max(0, this.#last_ms + REPLAY_REST_QUIET_MS - monotonicMs()) : 0;
  }

  async answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (request.method === "GET" && url.pathname === "/time")
      return this.#rate.take() ? this.#time() : problem(429, "Too Many Requests");
    this.#last_ms = monotonicMs();
    const [, product_id, list] = /^\/products\/([^/]+)\/(trades|candles)$/.exec(url.pathname) ?? [];
    if (request.method !== "GET" || product_id === undefined) return problem(404, "NotFound");
    if (!this.#rate.take()) return problem(429, "Too Many Requests");
    if (list === "candles") return this.#candles(product_id, url.searchParams);
    const refusal = scripted(this.faults, this.requests++);
    if (this.faults.delay_ms) await Bun.sleep(this.faults.delay_ms);
    if (refusal !== null) return refusal;
    if (!this.player.products.has(product_id)) return problem(404, "NotFound");
    const [limit, after, before] = ["limit", "after", "before"].map((name) => whole(url.searchParams.get(name)));
    if (limit === false || after === false || before === false)
      return problem(400, "limit, after and before are whole numbers");
    const most = Math.min(limit ?? REST_PAGE_MAX, REST_PAGE_MAX, this.faults.page_max ?? REST_PAGE_MAX);
    return this.#page(product_id, most, after ?? null, before ?? null);
  }

  #candles(product_id: string, query: URLSearchParams): Response {
    const refusal = scripted(this.candles, this.#candleRequests++);
    if (refusal !== null) return refusal;
    if (!this.player.products.has(product_id)) return problem(404, "NotFound");
    const { isById } = this.player;
    const made = this.#below(product_id, Number.MAX_SAFE_INTEGER);
    const answer = candlesOf({ made, isById, clock_us: this.player.clockUs() }, query, this.candles);
    if ("refused" in answer) return problem(400, answer.refused);
    return new Response(answer.body, { headers: { "content-type": "application/json" } });
  }

  /** The exchange's clock in milliseconds: this machine's and the skew, not the recording's clock. */
  async #time(): Promise<Response> {
    const { skew_us, to_ms = 0, back_ms = 0, status = 200 } = this.time;
    if (to_ms > 0) await Bun.sleep(to_ms);
    const ms = Math.floor((nowUs() + skew_us) / 1_000);
    if (back_ms > 0) await Bun.sleep(back_ms);
    if (status !== 200) return problem(status, "by the script of faults");
    return Response.json({ iso: `${isoFromUs(ms * 1_000).slice(0, 23)}Z`, epoch: ms / 1_000 });
  }

  /**
   * Trades made by now, and those before the recording, with ids below `after`, newest first, each
   * once: of a repeated id the one that was made first. Without the newest `behind` ones.
   */
  *#below(product_id: string, after: number, behind = 0): Generator<Recorded> {
    const { player } = this;
    const byId = new Map<number, Recorded>();
    // A disordered recording sends some trades long after they were made: REST has them before.
    const late = player.isById || behind > 0 ? [] : player.madeBeforeSent();
    for (const trade of late)
      if (trade.product_id === product_id && trade.trade_id < after) byId.set(trade.trade_id, trade);
    for (let i = player.position - 1 - behind; i >= 0; i--) {
      const trade = player.trade(i);
      if (trade.product_id !== product_id || trade.trade_id >= after) continue;
      if (player.isById) yield trade;
      else byId.set(trade.trade_id, trade);
    }
    yield* [...byId.values()].sort((a, b) => b.trade_id - a.trade_id);
    yield* this.older.below(product_id, after);
  }

  /** Trades made by now with `before` < id < `after`, newest first. */
  #page(product_id: string, limit: number, after: number | null, before: number | null): Response {
    const page: Recorded[] = [];
    for (const trade of this.#below(product_id, after ?? Number.MAX_SAFE_INTEGER, this.faults.behind)) {
      if (page.length === limit || (before !== null && trade.trade_id <= before)) break;
      if (!this.faults.lacking_ids?.includes(trade.trade_id)) page.push(trade);
    }
    const headers = new Headers();
    if (page.length > 0) {
      headers.set("CB-BEFORE", String(page[0]!.trade_id));
      headers.set("CB-AFTER", String(page.at(-1)!.trade_id));
    }
    return Response.json(page.map(restTrade), { headers });
  }
}

/** A whole number; undefined when it isn't given, false when it is not valid. */
function whole(text: string | null): number | undefined | false {
  if (text === null) return undefined;
  return /^\d+$/.test(text) ? Number(text) : false;
}

/** The refusal that the script has for a request; null for a real answer. */
function scripted(faults: { statuses?: number[]; retry_after?: string }, nth: number): Response | null {
  const { statuses = [], retry_after } = faults;
  const status = statuses[nth] ?? 200;
  if (status === 200) return null;
  return problem(status, "by the script of faults", retry_after ? { "retry-after": retry_after } : {});
}

function problem(status: number, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ message }, { status, headers });
}
