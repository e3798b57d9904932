/** The exchange's own trades of a minute, requested again page by page, and ids it never issued. */
import type { ExchangeTrades, IdRange, WitnessTrade } from "../audit/index.ts";
import { formatDecimal, parseUnits } from "../base/decimal.ts";
import { PRICE_SCALE_MAX, REST_PAGE_MAX, SIZE_SCALE_MAX } from "../base/limits.ts";
import { CANDLE_US } from "../contract/candle.ts";
import { proofsOf, type RestTrades } from "../feed/index.ts";
import { Judge, type Message } from "../message/index.ts";

/** Where the trades of a minute are among the stored ids; null where no stored id bounds them. */
export interface IdBounds {
  start_us: number;
  /** The greatest stored id below those of the minute, and the least above. */
  below: number | null;
  above: number | null;
  /** The greatest stored id of the minute. */
  last: number | null;
}

/** Requests for trades per run: 40 s at the rate that REST allows. */
const REQUESTS_MAX = 200;

/** Trades of which the newest is the exchange's clock: not each need be valid. */
const NEWEST = 100;

/** An entry of REST's list; its trade is null when Tidemark's rules refuse it, as they did in the log. */
interface Listed {
  trade_id: number;
  trade: WitnessTrade | null;
}

/** Ids of one walk, from `lo` to `hi`: all that the exchange has there is known. */
interface Walk {
  lo: number;
  hi: number;
  /** Event time at `lo`. */
  oldest_us: number;
  trades: WitnessTrade[];
  unissued: IdRange[];
}

export class TradeLookup {
  readonly #judge = new Judge();
  readonly #walks: Walk[] = [];
  requests = 0;

  /** `ask`: one request, with its retries. */
  constructor(
    private readonly rest: RestTrades,
    private readonly product: string,
    private readonly signal: AbortSignal,
    private readonly ask: <T>(request: () => Promise<T>) => Promise<T>,
  ) {}

  /** Time of the newest trade; null when the product has none. Rejects with an Error for people. */
  async newestUs(): Promise<number | null> {
    const times = (await this.#page(null, NEWEST)).listed.flatMap(({ trade }) => trade?.time_us ?? []);
    return times.length === 0 ? null : Math.max(...times);
  }

  /** All its trades of the minute, or why they can't be known. */
  async ofMinute(bounds: IdBounds): Promise<ExchangeTrades | string> {
    try {
      const { start_us } = bounds;
      const walk = this.#known(bounds) ?? (await this.#walk(bounds));
      if (typeof walk === "string") return walk;
      const trades = walk.trades.filter(({ time_us }) => time_us >= start_us && time_us < start_us + CANDLE_US);
      return { trades, unissued: unissuedAmong(walk, trades) };
    } catch (error) {
      if (this.signal.aborted) throw error;
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Minutes of one gap share the walk over it. */
  #known({ start_us, below, above }: IdBounds): Walk | undefined {
    if (below === null || above === null) return undefined;
    return this.#walks.find(({ lo, hi, oldest_us }) => hi >= above && (lo <= below || oldest_us < start_us));
  }

  /** Requests pages from above the minute down to below it. */
  async #walk(bounds: IdBounds): Promise<Walk | string> {
    const { start_us, below } = bounds;
    const top = bounds.above ?? (await this.#idAfter(bounds));
    if (top === null) return "no stored trade is near this minute";
    const walk: Walk = { lo: top, hi: top, oldest_us: Number.POSITIVE_INFINITY, trades: [], unissued: [] };
    // The first page begins with `top` itself, so that both neighbours of an absent id are on one page.
    for (let after = top + 1; ; ) {
      if (this.requests >= REQUESTS_MAX) return `${REQUESTS_MAX} requests were not enough; ask for a shorter span`;
      const { listed: page, proofs } = await this.#page(after, REST_PAGE_MAX);
      if (after === top + 1 && page[0] !== undefined && page[0].trade_id < top && bounds.above !== null)
        return `REST does not have trade ${top} after this minute`;
      const fresh = page.filter(({ trade_id }) => trade_id < walk.lo);
      const own = after === top + 1 ? page : fresh;
      walk.trades.push(...own.flatMap(({ trade }) => trade ?? []));
      walk.unissued.push(...proofs);
      const oldest = page.at(-1);
      // A page with nothing older: the product has no earlier trade.
      const isFirst = oldest === undefined || (fresh.length === 0 && oldest.trade_id < top);
      walk.lo = isFirst ? 0 : oldest.trade_id;
      walk.oldest_us = isFirst ? Number.NEGATIVE_INFINITY : (walk.trades.at(-1)?.time_us ?? walk.oldest_us);
      const isBefore = walk.oldest_us < start_us && walk.lo < (bounds.last ?? walk.hi);
      if (isFirst || isBefore || (below !== null && walk.lo <= below)) break;
      after = page.length > 1 ? walk.lo + 1 : walk.lo;
    }
    this.#walks.push(walk);
    return walk;
  }

  /** An id that the exchange has after the minute, searched upwards from the last one stored in it. */
  async #idAfter({ start_us, below, last }: IdBounds): Promise<number | null> {
    const from = last ?? below;
    if (from === null) return null;
    for (let id = from + REST_PAGE_MAX; this.requests < REQUESTS_MAX; id += REST_PAGE_MAX) {
      const [newest] = (await this.#page(id + 1, 1)).listed;
      if (newest === undefined) return null;
      const isAfter = newest.trade !== null && newest.trade.time_us >= start_us + CANDLE_US;
      if (isAfter || newest.trade_id < id) return newest.trade_id;
    }
    return null;
  }

  /** Entries newest first, and ids that the page proves never issued. */
  async #page(after: number | null, limit: number): Promise<{ listed: Listed[]; proofs: IdRange[] }> {
    this.requests++;
    const { trades } = await this.ask(() => this.rest.page(this.product, after, limit, this.signal));
    const listed = trades.map((trade) => this.#listed(trade)).sort((a, b) => b.trade_id - a.trade_id);
    return { listed, proofs: proofsOf(trades).map(({ lo, hi }) => [lo, hi] as const) };
  }

  #listed(message: Message): Listed {
    const trade_id = message?.trade_id;
    if (typeof trade_id !== "number" || !Number.isSafeInteger(trade_id))
      throw new Error("REST has a trade without an id");
    const tick = this.#judge.trade(message, this.product, "rest")?.tick;
    if (tick === undefined) return { trade_id, trade: null };
    const price = parseUnits(formatDecimal(tick.price_mantissa, tick.price_scale), PRICE_SCALE_MAX);
    const size = parseUnits(formatDecimal(tick.size_mantissa, tick.size_scale), SIZE_SCALE_MAX);
    return { trade_id, trade: { trade_id, time_us: tick.time_us, price, size } };
  }
}

/** Those between the trades of the minute, and up to the trades around it. */
function unissuedAmong({ trades: all, unissued }: Walk, trades: readonly WitnessTrade[]): IdRange[] {
  if (trades.length === 0) return [];
  const own = new Set(trades.map(({ trade_id }) => trade_id));
  const ids = all.map(({ trade_id }) => trade_id).sort((a, b) => a - b);
  const [first, last] = [ids.findIndex((id) => own.has(id)), ids.findLastIndex((id) => own.has(id))];
  const [below, above] = [ids[first - 1] ?? -1, ids[last + 1] ?? Number.POSITIVE_INFINITY];
  return unissued.filter(([lo, hi]) => lo > below && hi < above).sort(([a], [b]) => a - b);
}
