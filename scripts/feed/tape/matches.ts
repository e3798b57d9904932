/**
 * The full tape (`--channel matches`): gaps in trade ids are noted in the log and filled from REST.
 * What REST lacks is noted as never issued if it proves so, else as an outage (docs/feed.md "Loss").
 */
import { monotonicMs, nowUs } from "../../base/clock.ts";
import { diePoint } from "../../base/die-point.ts";
import { sentence } from "../../base/errors.ts";
import {
  GAP_IDS_MAX,
  GAPS_AT_ONCE_MAX,
  RECONNECT_BASE_MS,
  REST_PAGE_MAX,
  REST_RETRY_MS_MAX,
  REST_TRIES_MAX,
} from "../../base/limits.ts";
import type { Logger } from "../../base/logger.ts";
import { pause } from "../../base/wait.ts";
import type { AppendRecord } from "../../contract/log.ts";
import { OPEN_GAP_REASON } from "../../contract/tick.ts";
import { asTicker, gapFrame, Judge, type Message, outageFrame, unissuedFrame } from "../../message/index.ts";
import { type Gap, GapTracker, lacking, lacks, type NotedGap } from "./gaps.ts";
import { proofsOf, RestTrades } from "./rest.ts";

interface MatchTapeOptions {
  /** `https://api.exchange.coinbase.com`, or the simulator's address. */
  rest_url: string;
  push(record: AppendRecord): void;
  /** How many records this process has put into the log so far. */
  records(): number;
  logger: Logger;
  /** Before the second try; doubled for each further one up to REST_RETRY_MS_MAX. */
  retry_ms?: number;
  /** A younger gap may be mere disorder. */
  wait_ms?: number;
}

/** Gaps are checked at this interval, and after this many trades: a burst of trades delays the timer. */
const CHECK_MS = 50;
const CHECK_TRADES = 1_000;

/** The tries of a gap that REST did not close. */
interface Tried {
  tries: number;
  /** Tries that REST answered, without the trade after the gap. */
  answers: number;
  /** What the last of those answers lacked; "" before the first. */
  answer: string;
  /** Not before this, on the monotonic clock. */
  next_ms: number;
}

/** A match as the log stores it: in the ticker's shape, or unchanged when it is not a whole trade. */
export function matchRecord(message: Message, bytes: Uint8Array): Uint8Array {
  const ticker = asTicker(message, String(message.product_id));
  return ticker === null ? bytes : Buffer.from(ticker);
}

export class MatchTape {
  readonly #gaps: GapTracker;
  readonly #rest: RestTrades;
  readonly #judge = new Judge();
  readonly #tried = new WeakMap<Gap, Tried>();
  /** Ids that REST filled, that are missing for good, and that it proved never issued. */
  readonly figures = { filled: 0, unfillable: 0, unissued: 0 };
  /** Why REST last failed, and when first and last (µs since 1970 UTC); null once it has answered. */
  rest_failure: { words: string; since_us: number; last_us: number } | null = null;
  #trades = 0;
  #ended = false;

  constructor(private readonly options: MatchTapeOptions) {
    this.#gaps = new GapTracker(options.records, options.wait_ms);
    this.#rest = new RestTrades(options.rest_url);
  }

  /** Gaps that lack ids. */
  get open(): readonly Gap[] {
    return this.#gaps.open;
  }

  /** Takes an accepted trade of the feed. */
  see(product_id: string, trade_id: number, time_us: number): void {
    this.#gaps.see(product_id, trade_id, time_us, monotonicMs());
    if (++this.#trades % CHECK_TRADES === 0) this.#note();
  }

  /** The log already has these trades, or notes them as missing for good. */
  noted(product_id: string, lo: number, hi: number): void {
    this.#gaps.found(product_id, lo, hi);
  }

  /** The log has a note of this gap by an earlier process. */
  notedGap(gap: NotedGap, state: "opened" | "closed"): void {
    if (state === "opened") this.#gaps.reopen(gap, monotonicMs());
    else this.#gaps.forget(gap);
  }

  /** The feed has ended: `run` ends once every gap is filled or noted as missing. */
  end(): void {
    this.#ended = true;
  }

  /**
   * Fills gaps side by side until `end`. On the signal it stops at once: the next start finds the notes
   * of open gaps.
   */
  async run(signal: AbortSignal): Promise<void> {
    const busy = new Set<Promise<void>>();
    while (!signal.aborted) {
      if (this.#ended) this.#gaps.end(monotonicMs());
      this.#note();
      for (const gap of this.#gaps.due(monotonicMs(), this.#ended)) {
        if (busy.size >= GAPS_AT_ONCE_MAX) break;
        if (!this.#isReady(gap)) continue;
        gap.isBusy = true;
        const filling: Promise<void> = this.#fill(gap, signal).finally(() => {
          gap.isBusy = false;
          busy.delete(filling);
        });
        busy.add(filling);
      }
      this.#close();
      if (this.#ended && busy.size === 0 && this.#gaps.open.length === 0) return;
      await pause(CHECK_MS, signal);
    }
    await Promise.all(busy);
    this.#close();
    this.#gaps.end(monotonicMs());
    for (const gap of this.#gaps.toNote(monotonicMs(), true)) this.#noteOpen(gap);
  }

  #note(): void {
    for (const gap of this.#gaps.toNote(monotonicMs())) this.#noteOpen(gap);
  }

  #noteOpen(gap: Gap): void {
    gap.isNoted = true;
    this.#pushNote(gap, "opened", OPEN_GAP_REASON);
    gap.records = this.options.records();
  }

  /** Notes the gaps as closed that lack no id: each came, late or from REST, or was never issued. */
  #close(): void {
    for (const gap of this.#gaps.takeClosed()) {
      const reason = gap.unissued === 0 ? "filled" : "filled, without ids that were never issued";
      if (gap.isNoted) this.#pushNote(gap, "closed", reason);
    }
  }

  #pushNote(gap: Gap, state: "opened" | "closed", reason: string): void {
    const { product_id, from_us, to_us, lo, hi } = gap;
    const ids = { last_trade_id: lo - 1, first_trade_id: hi + 1, missing: lacking(gap) };
    this.options.push({ key: product_id, value: gapFrame({ product_id, state, from_us, to_us, ...ids, reason }) });
  }

  /** One try to fill a gap from REST. What fails is due again after a wait, until the feed has ended. */
  async #fill(gap: Gap, signal: AbortSignal): Promise<void> {
    const { product_id, lo, hi } = gap;
    if (hi - lo >= GAP_IDS_MAX) return this.#giveUp(gap, `${hi - lo + 1} ids at once are too many to fill`);
    const tried = this.#tried.get(gap) ?? { tries: 0, answers: 0, answer: "", next_ms: 0 };
    if (tried.tries === 0) this.options.logger.info(`${product_id}: ${spanText(lo, hi)} did not come; asking REST`);
    tried.tries++;
    let why: string;
    try {
      const awaited = await this.#pages(gap, signal);
      this.rest_failure = null;
      if (gap.left.length === 0 || signal.aborted) return;
      if (awaited === null) return this.#giveUp(gap, "REST does not know these trades");
      why = `REST does not have trade ${awaited}${awaited > hi ? " after the gap" : ""} yet`;
      tried.answers++;
      tried.answer = why;
    } catch (error) {
      if (signal.aborted) return;
      why = sentence(error);
      this.rest_failure = { words: why, since_us: this.rest_failure?.since_us ?? nowUs(), last_us: nowUs() };
    }
    const counted = this.#ended ? tried.tries : tried.answers;
    if (counted >= REST_TRIES_MAX) return this.#giveUp(gap, reasonOf(tried, why));
    const wait_ms = (this.options.retry_ms ?? RECONNECT_BASE_MS) * 2 ** (tried.tries - 1);
    tried.next_ms = monotonicMs() + Math.min(wait_ms, REST_RETRY_MS_MAX);
    this.#tried.set(gap, tried);
  }

  /** Not waiting for its next try; at the feed's end a gap with enough tries gets its last one at once. */
  #isReady(gap: Gap): boolean {
    const tried = this.#tried.get(gap);
    if (tried === undefined || monotonicMs() >= tried.next_ms) return true;
    return this.#ended && tried.tries >= REST_TRIES_MAX;
  }

  /**
   * Requests pages newest first, from the trade just above the gap down to the one just below it. Each
   * begins with the last one's lowest trade: an edge between two pages must not hide a proof, and a page
   * without it is of an older list. Returns the first trade above a page that it lacks, though REST must
   * come to have it; null when no page lacks it.
   */
  async #pages(gap: Gap, signal: AbortSignal): Promise<number | null> {
    const { product_id, lo, hi } = gap;
    let above = hi + 1;
    let awaited: number | null = null;
    for (let after = above + 1; after > lo; ) {
      const limit = Math.min(REST_PAGE_MAX, after - lo + 1);
      const { trades, oldest } = await this.#rest.page(product_id, after, limit, signal);
      for (const trade of trades) this.#take(gap, trade);
      this.#prove(gap, trades);
      if (gap.left.length === 0) return null;
      if (above < after && !trades.some((trade) => trade?.trade_id === above)) awaited ??= above;
      const lowest = Number.isFinite(oldest) ? oldest : Math.min(...trades.map((trade) => Number(trade?.trade_id)));
      if (trades.length === 0 || lowest <= lo) return awaited;
      if (!(lowest < after)) return awaited ?? above;
      above = lowest;
      // A page of one trade can't overlap the next one.
      after = lowest + 1 < after ? lowest + 1 : lowest;
    }
    return awaited;
  }

  #take(gap: Gap, trade: Message): void {
    const id = trade?.trade_id;
    if (typeof id !== "number" || !lacks(gap, id)) return;
    const own = this.#judge.trade(trade, gap.product_id, "rest");
    if (own === null) return;
    this.options.push({ key: gap.product_id, value: own.value });
    this.#gaps.found(gap.product_id, id, id);
    this.figures.filled++;
    diePoint("produce-filled");
  }

  /** Notes the ids that a page is the first to prove never issued. */
  #prove(gap: Gap, trades: readonly Message[]): void {
    const { product_id } = gap;
    for (const { lo, hi } of proofsOf(trades)) {
      if (!gap.left.some((range) => range.lo <= lo && hi <= range.hi)) continue;
      const value = unissuedFrame({ product_id, first_trade_id: lo, last_trade_id: hi });
      this.options.push({ key: product_id, value });
      this.options.logger.info(
        `${product_id}: ${spanText(lo, hi)} ${lo === hi ? "was" : "were"} never issued: REST has both neighbours`,
      );
      this.#gaps.found(product_id, lo, hi);
      gap.unissued += hi - lo + 1;
      this.figures.unissued += hi - lo + 1;
    }
  }

  #giveUp(gap: Gap, why: string): void {
    const { product_id, from_us, to_us } = gap;
    for (const { lo, hi } of gap.left) {
      const ids = { last_trade_id: lo - 1, first_trade_id: hi + 1 };
      const value = outageFrame({ product_id, from_us, to_us, ...ids, reason: `not filled: ${why}` });
      this.options.push({ key: product_id, value });
      this.options.logger.warn(
        `${product_id}: ${spanText(lo, hi)} ${lo === hi ? "is" : "are"} missing for good: ${why}`,
      );
      this.figures.unfillable += hi - lo + 1;
    }
    if (gap.isNoted) this.#pushNote(gap, "closed", why);
    this.#gaps.forget(gap);
  }
}

function spanText(lo: number, hi: number): string {
  return lo === hi ? `trade ${lo}` : `trades ${lo} to ${hi}`;
}

/** Why a gap is given up: an error of the last try does not hide what REST answered before. */
function reasonOf({ answer }: Tried, why: string): string {
  return answer === "" || answer === why ? why : `${answer}; the last try failed: ${why}`;
}
