/** History from REST: the trades of one product, page by page downwards, with bounded retries. */

import { sentence } from "../../base/errors.ts";
import { RECONNECT_BASE_MS, REST_RETRY_MS_MAX, REST_TRIES_MAX } from "../../base/limits.ts";
import { pause } from "../../base/wait.ts";
import { asTicker, Judge, type Message } from "../../message/index.ts";
import { RestRefusal, type RestTrades } from "./rest.ts";

/** A trade of history, as a record of the log. */
export interface HistoryTrade {
  trade_id: number;
  /** Event time, microseconds since 1970 UTC. */
  time_us: number;
  value: Uint8Array;
}

/** What REST has below an id, newest first. */
interface HistoryPage {
  trades: HistoryTrade[];
  /** The lowest id of the page, also of an entry that is not a valid trade; null: an empty page. */
  lowest: number | null;
  /** Entries that are not valid trades. */
  invalid: number;
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

export class HistoryWalk {
  readonly #judge = new Judge();

  constructor(private readonly options: WalkOptions) {}

  /**
   * At most `limit` trades below `after` (null: the newest). An empty page is asked for once more: it
   * means that the exchange has no older trade. Rejects with REST's last error when all tries fail.
   */
  async page(after: number | null, limit: number, signal: AbortSignal): Promise<HistoryPage> {
    const page = await this.#try(after, limit, signal);
    return page.lowest !== null || signal.aborted ? page : this.#try(after, limit, signal);
  }

  async #try(after: number | null, limit: number, signal: AbortSignal): Promise<HistoryPage> {
    const { rest, product_id, onRetry, retry_ms = RECONNECT_BASE_MS } = this.options;
    for (let tries = 1; ; tries++) {
      try {
        const { trades } = await rest.page(product_id, after, limit, signal);
        return this.#read(trades, after ?? Number.POSITIVE_INFINITY);
      } catch (error) {
        const isFinal = error instanceof RestRefusal && FINAL.includes(error.status);
        if (signal.aborted || isFinal || tries >= REST_TRIES_MAX) throw error;
        if (tries === 1) onRetry(sentence(error));
        await pause(Math.min(retry_ms * 2 ** (tries - 1), REST_RETRY_MS_MAX), signal);
      }
    }
  }

  #read(entries: readonly Message[], after: number): HistoryPage {
    const found = new Map<number, HistoryTrade>();
    let lowest: number | null = null;
    let invalid = 0;
    for (const entry of entries) {
      const id = entry?.trade_id;
      if (!Number.isSafeInteger(id) || Number(id) < 0) {
        invalid++;
        continue;
      }
      const trade_id = Number(id);
      if (trade_id >= after) continue;
      lowest = Math.min(lowest ?? trade_id, trade_id);
      const trade = this.#trade(entry, trade_id);
      if (trade === null) invalid++;
      else found.set(trade_id, trade);
    }
    if (lowest === null && entries.length > 0) throw new Error("REST answers with trades that were not asked for");
    if (found.size === 0 && after === Number.POSITIVE_INFINITY && lowest !== null)
      throw new Error("REST answers with no valid trade");
    const trades = [...found.values()].sort((a, b) => b.trade_id - a.trade_id);
    return { trades, lowest, invalid };
  }

  #trade(entry: Message, trade_id: number): HistoryTrade | null {
    const ticker = asTicker(entry, this.options.product_id, "backfill");
    if (ticker === null) return null;
    const value = Buffer.from(ticker);
    const tick = this.#judge.tick(value);
    return tick === null ? null : { trade_id, time_us: tick.time_us, value };
  }
}
