/** History from REST: the trades of one product, page by page downwards, with bounded retries. */

import { sentence } from "../../base/errors.ts";
import { GAP_IDS_MAX, RECONNECT_BASE_MS, REST_PAGE_MAX, REST_RETRY_MS_MAX, REST_TRIES_MAX } from "../../base/limits.ts";
import { pause } from "../../base/wait.ts";
import { Judge, type Message } from "../../message/index.ts";
import type { Range } from "./gaps.ts";
import { proofsOf, RestRefusal, type RestTrades } from "./rest.ts";

/** A trade of history, as a record of the log. */
export interface HistoryTrade {
  trade_id: number;
  /** Event time, microseconds since 1970 UTC. */
  time_us: number;
  value: Uint8Array;
}

/** What REST has below an id, newest first. */
export interface HistoryPage {
  trades: HistoryTrade[];
  /** The lowest id of the page, also of an entry that is not a valid trade; null: nothing is below. */
  lowest: number | null;
  /** Entries that are not valid trades, and the ids of those that have one. */
  invalid: number;
  invalid_ids: number[];
  /** Ids that the page proves never issued, at most GAP_IDS_MAX at once. */
  unissued: Range[];
}

interface WalkOptions {
  rest: RestTrades;
  product_id: string;
  /** A page's first try has failed; there will be others. */
  onRetry(why: string): void;
  /** Before the second try; doubled for each further one up to REST_RETRY_MS_MAX. */
  retry_ms?: number;
}

/** A refusal that no retry changes: the request itself is wrong, or not allowed. */
const FINAL = [400, 401, 403, 404, 410, 451];

/** Without the trade above it, each other try for a page asks for this many more: REST may lack one. */
const ABOVE_IDS = 100;

/** REST does not have the trade above the page: an older copy of the exchange's list may answer. */
class BehindError extends Error {}

export class HistoryWalk {
  readonly #judge = new Judge();

  constructor(private readonly options: WalkOptions) {}

  /**
   * At most `limit` trades below the trade `after` (null: the newest). The page begins with `after`
   * itself: without it nothing proves that the ids between are lacking. A page with nothing below it
   * is asked for once more: it means that the exchange has no older trade. Rejects with REST's last
   * error when all tries fail.
   */
  async page(after: number | null, limit: number, signal: AbortSignal): Promise<HistoryPage> {
    const page = await this.#try(after, limit, signal, after !== null);
    return page.lowest !== null || signal.aborted ? page : this.#try(after, limit, signal, false);
  }

  async #try(after: number | null, limit: number, signal: AbortSignal, overlaps: boolean): Promise<HistoryPage> {
    const { rest, product_id, onRetry, retry_ms = RECONNECT_BASE_MS } = this.options;
    let above = overlaps ? 1 : 0;
    for (let tries = 1; ; tries++) {
      try {
        const asked = after === null ? null : after + above;
        const { trades } = await rest.page(product_id, asked, Math.min(REST_PAGE_MAX, limit + above), signal);
        if (after !== null) assertTop(trades, after, asked!);
        return this.#read(trades, after ?? Number.POSITIVE_INFINITY, limit);
      } catch (error) {
        const isFinal = error instanceof RestRefusal && FINAL.includes(error.status);
        if (signal.aborted || isFinal || tries >= REST_TRIES_MAX) throw error;
        if (error instanceof BehindError) above = above === 1 ? ABOVE_IDS : 1;
        if (tries === 1) onRetry(sentence(error));
        await pause(Math.min(retry_ms * 2 ** (tries - 1), REST_RETRY_MS_MAX), signal);
      }
    }
  }

  /** The `limit` highest ids below `after`. */
  #read(entries: readonly Message[], after: number, limit: number): HistoryPage {
    const ids = entries.map(idOf).filter((id) => id !== null && id < after) as number[];
    const lowest =
      [...new Set(ids)]
        .sort((a, b) => b - a)
        .slice(0, limit)
        .at(-1) ?? null;
    const found = new Map<number, HistoryTrade>();
    const invalid_ids: number[] = [];
    let nameless = 0;
    for (const entry of entries) {
      const trade_id = idOf(entry);
      if (trade_id === null) nameless++;
      if (trade_id === null || trade_id >= after || trade_id < lowest!) continue;
      const trade = this.#trade(entry, trade_id);
      if (trade === null) invalid_ids.push(trade_id);
      else found.set(trade_id, trade);
    }
    if (found.size === 0 && after === Number.POSITIVE_INFINITY && entries.length > 0)
      throw new Error("REST answers with no valid trade");
    const trades = [...found.values()].sort((a, b) => b.trade_id - a.trade_id);
    const unissued = proofsOf(entries).filter(
      ({ lo, hi }) => hi < after && lowest !== null && lo > lowest && hi - lo < GAP_IDS_MAX,
    );
    return { trades, lowest, invalid: nameless + invalid_ids.length, invalid_ids, unissued };
  }

  #trade(entry: Message, trade_id: number): HistoryTrade | null {
    const trade = this.#judge.trade(entry, this.options.product_id, "backfill");
    return trade === null ? null : { trade_id, time_us: trade.tick.time_us, value: trade.value };
  }
}

/** An entry's id; null when it is not a whole number. */
function idOf(entry: Message): number | null {
  const id = entry?.trade_id;
  return Number.isSafeInteger(id) && Number(id) >= 0 ? Number(id) : null;
}

/** Throws unless the list below `asked` has no hole between the trade `after` and the trades below it. */
function assertTop(entries: readonly Message[], after: number, asked: number): void {
  const ids = entries.map(idOf).filter((id) => id !== null && id < asked) as number[];
  if (ids.length === 0 && entries.length > 0) throw new Error("REST answers with trades that were not asked for");
  const top = Math.max(...ids);
  // Asked without an overlap, a list is whole if it is empty or begins with the next id.
  if (asked === after && (ids.length === 0 || top === after - 1)) return;
  if (ids.includes(after) || (top > after && ids.some((id) => id < after))) return;
  throw new BehindError(`REST does not have trade ${after} yet, so that trades below it may lack too`);
}
