/** The stage `backfill`: history from REST → log, down from the feed's first trade (docs/feed.md). */
import { diePoint } from "../base/die-point.ts";
import { sentence, TidemarkError } from "../base/errors.ts";
import { isoSecondFromUs } from "../base/iso.ts";
import { REST_PAGE_MAX } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import type { Log } from "../contract/log.ts";
import type { Walked } from "../contract/walked.ts";
import { type HistoryPage, type HistoryTrade, HistoryWalk, RestRefusal, RestTrades } from "../feed/index.ts";
import { RunStats } from "../measure/run-stats.ts";
import { unissuedFrame, walkedFrame } from "../message/index.ts";
import type { BackfillProgress } from "./backfill-progress.ts";
import type { BackfilledProduct } from "./backfilled.ts";
import type { WalkState } from "./walk-state.ts";

interface BackfillOptions {
  products: string[];
  /** Trades before it are not wanted, microseconds since 1970 UTC; null: no such limit. */
  from_us: number | null;
  /** Trades per product before the feed's first one, with those of earlier runs; null: no such limit. */
  trades: number | null;
  rest_url: string;
  /** Before REST is asked again after a failure, doubled each time; the default suits the exchange. */
  retry_ms?: number;
  logger: Logger;
  progress: BackfillProgress;
}

/** A page as far as it is wanted. */
interface Wanted extends Pick<HistoryPage, "invalid_ids" | "unissued"> {
  trades: HistoryTrade[];
  /** The lowest id down to which the walk has come. */
  lowest: number;
  /** Older trades are not wanted. */
  isLast: boolean;
}

export class Backfill {
  readonly stats = new RunStats();
  readonly products: BackfilledProduct[] = [];
  readonly #rest: RestTrades;

  constructor(private readonly options: BackfillOptions) {
    this.#rest = new RestTrades(options.rest_url);
  }

  /**
   * Loads one product after the other until their limits or the signal. Rejects with FEED_UNREACHABLE
   * when REST fails, or with the log's error; what was appended by then stays. Of products that REST
   * refuses it rejects with the first's FEED_REFUSED after the others.
   */
  async run(log: Log, states: ReadonlyMap<string, WalkState>, signal: AbortSignal): Promise<void> {
    let refused: TidemarkError | null = null;
    for (const product_id of this.options.products) {
      if (signal.aborted) break;
      const walk = new ProductWalk(product_id, states.get(product_id)!, this, this.options, this.#rest);
      try {
        await walk.run(log, signal);
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.code !== "FEED_REFUSED") throw error;
        if (refused !== null) this.options.logger.error(error.message);
        refused ??= error;
      }
    }
    if (refused !== null) throw refused;
  }
}

/** The walk of one product. */
class ProductWalk {
  readonly #found: BackfilledProduct;
  readonly #walk: HistoryWalk;
  /** The next trade has an id below this; null: the newest one is asked for. */
  #after: number | null;
  #oldest_us: number | null = null;
  #newest_us: number | null = null;

  constructor(
    private readonly product_id: string,
    private readonly state: WalkState,
    private readonly run_of: Backfill,
    private readonly options: BackfillOptions,
    rest: RestTrades,
  ) {
    const feed_begins = state.feed_first;
    const counts = { loaded: 0, trades: 0, unissued: 0, lacking: 0, invalid: 0 };
    this.#found = {
      product: product_id,
      ...counts,
      oldest_id: null,
      oldest: null,
      newest: null,
      feed_begins,
      end: null,
    };
    run_of.products.push(this.#found);
    const onRetry = (why: string) => {
      options.progress.interrupt();
      options.logger.warn(`${product_id}: ${why}; it is asked again`);
    };
    this.#walk = new HistoryWalk({ rest, product_id, onRetry, retry_ms: options.retry_ms });
    const top = state.walked.at(-1)?.last_trade_id;
    this.#after = state.feed_first ?? (top === undefined ? null : top + 1);
  }

  async run(log: Log, signal: AbortSignal): Promise<void> {
    const { progress } = this.options;
    progress.begin(this.product_id);
    try {
      this.#found.end = await this.#down(log, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#found.end = "failed";
      throw this.#failure(error);
    } finally {
      progress.end(this.#found.end !== null && this.#found.end !== "failed");
    }
  }

  async #down(log: Log, signal: AbortSignal): Promise<BackfilledProduct["end"]> {
    for (;;) {
      this.#jump();
      const left = (this.options.trades ?? Number.POSITIVE_INFINITY) - this.#found.trades;
      if (left <= 0) return "trades";
      if (signal.aborted) return null;
      const after = this.#after;
      const floor = this.#below()?.last_trade_id ?? -1;
      const ids = after === null ? REST_PAGE_MAX : after - 1 - floor;
      if (ids <= 0) return "first trade";
      const page = await this.#walk.page(after, Math.min(REST_PAGE_MAX, left, ids), signal);
      if (page.lowest === null) return signal.aborted ? null : "first trade";
      this.#found.invalid += page.invalid;
      const wanted = this.#wanted(page, Math.max(page.lowest, floor + 1));
      await this.#append(log, wanted, after);
      if (wanted.isLast) return "from";
    }
  }

  /** Past the ids that earlier runs walked through. */
  #jump(): void {
    const range = this.state.walked.find(
      ({ first_trade_id, last_trade_id }) =>
        this.#after !== null && first_trade_id < this.#after && this.#after <= last_trade_id + 1,
    );
    if (range === undefined) return;
    this.#after = range.first_trade_id;
    this.#found.oldest_id = range.first_trade_id;
    this.#found.trades += range.trades;
  }

  /** The next range below that was walked through. */
  #below(): Walked | undefined {
    return this.state.walked.findLast(({ last_trade_id }) => this.#after !== null && last_trade_id < this.#after);
  }

  /** Cuts what is already there, and the page's end where all trades are older than is wanted. */
  #wanted(page: HistoryPage, lowest: number): Wanted {
    const { from_us } = this.options;
    const trades = page.trades.filter(({ trade_id }) => trade_id >= lowest);
    const last = trades.findLastIndex(({ time_us }) => from_us === null || time_us >= from_us);
    // Without a valid trade nothing shows that older ones are not wanted.
    if (last === trades.length - 1) return cut(page, { trades, lowest, isLast: false });
    const kept = trades.slice(0, last + 1);
    return cut(page, { trades: kept, lowest: kept.at(-1)?.trade_id ?? Number.POSITIVE_INFINITY, isLast: true });
  }

  /** The page and its note are one append: in the embedded log both are there, or neither is. */
  async #append(log: Log, wanted: Wanted, after: number | null): Promise<void> {
    const { trades, unissued, lowest } = wanted;
    const top = after === null ? trades[0]?.trade_id : after - 1;
    if (top === undefined || lowest > top) return;
    const { product_id } = this;
    const note = { product_id, first_trade_id: lowest, last_trade_id: top, trades: trades.length };
    const proofs = unissued.map(({ lo, hi }) =>
      unissuedFrame({ product_id, first_trade_id: lo, last_trade_id: hi, source: "backfill" }),
    );
    const records = [...trades.map(({ value }) => value), ...proofs, walkedFrame(note)];
    diePoint("backfill-before-append");
    await log.append(records.map((value) => ({ key: product_id, value })));
    diePoint("backfill-appended");
    this.run_of.stats.records += records.length;
    this.#after = lowest;
    this.#count(wanted, top - lowest + 1);
  }

  #count({ trades, unissued, invalid_ids, lowest }: Wanted, ids: number): void {
    const found = this.#found;
    const proved = unissued.reduce((sum, { lo, hi }) => sum + hi - lo + 1, 0);
    found.loaded += trades.length;
    found.trades += trades.length;
    found.unissued += proved;
    found.lacking += ids - trades.length - proved - invalid_ids.length;
    found.oldest_id = lowest;
    for (const { time_us } of trades) {
      this.#oldest_us = Math.min(this.#oldest_us ?? time_us, time_us);
      this.#newest_us = Math.max(this.#newest_us ?? time_us, time_us);
    }
    if (this.#oldest_us === null || this.#newest_us === null) return;
    found.oldest = isoSecondFromUs(this.#oldest_us);
    found.newest = isoSecondFromUs(this.#newest_us);
    const { trades: of_trades, from_us, progress } = this.options;
    const share = of_trades === null ? 0 : found.trades / of_trades;
    const span_us = from_us === null ? 0 : this.#newest_us - from_us;
    const reached = span_us > 0 ? (this.#newest_us - this.#oldest_us) / span_us : 0;
    const loaded = of_trades === null ? found.loaded : found.trades;
    progress.at({ loaded, oldest: found.oldest, share: Math.min(1, Math.max(share, reached)) });
  }

  /** REST's error with what is stored and how to continue; any other as it is. */
  #failure(error: unknown): unknown {
    if (error instanceof TidemarkError) return error;
    const { trades, oldest_id } = this.#found;
    const kept = oldest_id === null ? "nothing was loaded" : `${trades} trades are there, down to id ${oldest_id}`;
    const status = error instanceof RestRefusal ? error.status : 0;
    const isRefused = status >= 400 && status < 500 && status !== 429;
    const refused =
      status === 404
        ? "Check the product's name: the exchange has no trades of it."
        : "The exchange, or a proxy before it, does not allow the request. The same command continues where this one ended.";
    return new TidemarkError(
      isRefused ? "FEED_REFUSED" : "FEED_UNREACHABLE",
      `History of ${this.product_id} can't be loaded: ${sentence(error)}; ${kept}.`,
      isRefused
        ? refused
        : "History comes from the exchange's REST address, so it needs the network. The same command continues where this one ended.",
      { cause: error },
    );
  }
}

/** What a page has from `lowest` on. */
function cut(page: HistoryPage, wanted: Pick<Wanted, "trades" | "lowest" | "isLast">): Wanted {
  const { lowest } = wanted;
  const unissued = page.unissued.flatMap(({ lo, hi }) => (hi < lowest ? [] : [{ lo: Math.max(lo, lowest), hi }]));
  return { ...wanted, unissued, invalid_ids: page.invalid_ids.filter((id) => id >= lowest) };
}
