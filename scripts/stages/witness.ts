/** The exchange as witness: stored minutes against its candles, and its trades where they differ. */
import { judgeMinute, type MinuteVerdict, type WitnessReport, type WitnessTrade } from "../audit/index.ts";
import { type DataPaths, readKind } from "../base/data-dir.ts";
import { sentence, TidemarkError } from "../base/errors.ts";
import { isoSecondFromUs } from "../base/iso.ts";
import { RECONNECT_BASE_MS, REST_TRIES_MAX } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import { plural } from "../base/printable.ts";
import { pause } from "../base/wait.ts";
import { CANDLE_US, type Candle } from "../contract/candle.ts";
import { minuteCandles, RestQueue, RestRefusal, RestTrades } from "../feed/index.ts";
import { type ArchiveReader, type Span, type StoredPage, WitnessStore } from "./witness-stored.ts";
import { type IdBounds, TradeLookup } from "./witness-trades.ts";

export interface WitnessOptions {
  /** Null: the first by name. */
  product: string | null;
  /** Whole minutes, microseconds since 1970 UTC; null: the last whole hour stored. */
  from_us: number | null;
  to_us: number | null;
  rest_url: string;
  /** The exchange is a simulator on this machine. */
  isSimulator: boolean;
  archived: ArchiveReader;
  /** Before the second try of a request that REST refused; doubled for each further one. */
  retry_ms?: number;
}

const HOUR_US = 60 * CANDLE_US;
/** A week: more would be too many requests for the exchange's candles. */
const MINUTES_MAX = 7 * 24 * 60;

/** Rejects with USAGE, NO_DATA, DATA_KIND; FEED_UNREACHABLE when nothing could be checked. */
export async function runWitness(
  paths: DataPaths,
  options: WitnessOptions,
  { logger, signal }: { logger: Logger; signal: AbortSignal },
): Promise<WitnessReport> {
  const hasIds = readKind(paths) !== "replay" || options.isSimulator;
  if (options.isSimulator && readKind(paths) === "live") {
    const say = `${paths.root} holds live data, and ${options.rest_url} is a simulator on this machine.`;
    throw new TidemarkError("DATA_KIND", say, "Leave --feed out, or name a data directory of a replay with --data.");
  }
  const store = new WitnessStore(paths, options.product, options.archived);
  try {
    const span = spanOf(store, options);
    const witness = new Witness(store, options, hasIds, logger, signal);
    return await witness.compare(span);
  } finally {
    store.close();
  }
}

/** The last whole hour stored; all that is stored when there is none. Fails with USAGE. */
function spanOf({ first_us, last_us }: WitnessStore, { from_us, to_us }: WitnessOptions): Span {
  const minute = (us: number) => Math.floor(us / CANDLE_US) * CANDLE_US;
  // An hour counts as whole once its last minute has a tick.
  const hour_us = Math.floor((last_us + CANDLE_US) / HOUR_US) * HOUR_US;
  const isWhole = first_us === null || hour_us - HOUR_US >= minute(first_us);
  const end_us = to_us ?? (from_us === null && isWhole ? hour_us : minute(last_us) + CANDLE_US);
  const oldest_us = isWhole || first_us === null ? end_us - HOUR_US : Math.max(minute(first_us), end_us - HOUR_US);
  const span = { from_us: from_us ?? oldest_us, to_us: end_us };
  if (span.from_us % CANDLE_US !== 0 || span.to_us % CANDLE_US !== 0)
    throw new TidemarkError("USAGE", "--from and --to must be whole minutes.", "For example 2026-11-27T15:00.");
  if (span.from_us >= span.to_us) {
    const [from, to] = [isoSecondFromUs(span.from_us), isoSecondFromUs(span.to_us)];
    throw new TidemarkError("USAGE", `--from ${from} is not before --to ${to}.`);
  }
  if ((span.to_us - span.from_us) / CANDLE_US > MINUTES_MAX)
    throw new TidemarkError("USAGE", "More than a week was asked for at once.", "Ask for one week after the other.");
  return span;
}

/** Without minutes that are later than any trade. */
function madeBy({ from_us, to_us }: Span, newest_us: number): Span {
  return { from_us, to_us: Math.min(to_us, Math.floor(newest_us / CANDLE_US) * CANDLE_US + CANDLE_US) };
}

class Witness {
  readonly #queue: RestQueue;
  readonly #lookup: TradeLookup;
  readonly #report: WitnessReport;

  constructor(
    private readonly store: WitnessStore,
    private readonly options: WitnessOptions,
    hasIds: boolean,
    private readonly logger: Logger,
    private readonly signal: AbortSignal,
  ) {
    const { rest_url } = options;
    this.#queue = new RestQueue(rest_url);
    this.#lookup = new TradeLookup(new RestTrades(this.#queue), store.product, signal, (ask) => this.#patiently(ask));
    const report = { product: store.product, exchange: rest_url, has_ids: hasIds };
    this.#report = { ...report, from_us: 0, to_us: 0, minutes: [], streamless: 0, unchecked: null };
  }

  async compare(span: Span): Promise<WitnessReport> {
    const { first_us, last_us } = this.store;
    Object.assign(this.#report, span);
    if (span.from_us > last_us || (first_us !== null && span.to_us <= first_us)) throw this.#nothingStored(span);
    try {
      const newest_us = this.#report.has_ids ? await this.#newest(span) : null;
      await this.#pages(newest_us === null ? span : madeBy(span, Math.max(newest_us, last_us)), newest_us);
    } catch (error) {
      if (!this.signal.aborted) throw error;
      this.#leaveOut("it was stopped");
    }
    return this.#report;
  }

  async #pages(span: Span, newest_us: number | null): Promise<void> {
    Object.assign(this.#report, span);
    for await (const page of this.store.pages(span)) {
      try {
        const of = () => minuteCandles(this.#queue, this.store.product, page, this.signal);
        const candles = await this.#patiently(of);
        await this.#judge(page, new Map(candles.map((candle) => [candle.start_us, candle])), newest_us);
      } catch (error) {
        if (this.#report.minutes.length === 0) throw this.#unreachable(error, span);
        if (error instanceof TidemarkError || this.signal.aborted) throw error;
        return this.#leaveOut(sentence(error));
      }
      this.logger.info(`${this.store.product}: compared up to ${isoSecondFromUs(page.to_us)}`);
    }
  }

  /** The minutes that were not compared yet stay so. */
  #leaveOut(why: string): void {
    const { from_us, minutes } = this.#report;
    this.#report.unchecked = { from_us: from_us + minutes.length * CANDLE_US, why };
  }

  /** The exchange's clock is its newest trade: it is right for a live exchange and for a simulator. */
  async #newest(span: Span): Promise<number> {
    const newest_us = await this.#lookup.newestUs().catch((error) => {
      throw this.#unreachable(error, span);
    });
    if (newest_us !== null) return newest_us;
    const say = `The exchange at ${this.options.rest_url} has no trade of ${this.store.product}.`;
    const hint = "A simulator has those that it has played: `bun run replay --after 999999999` has all of them.";
    throw new TidemarkError("NO_DATA", say, hint);
  }

  async #judge(page: Span & StoredPage, candles: Map<number, Candle>, newest_us: number | null): Promise<void> {
    const { trades, stream } = page;
    const byMinute = Map.groupBy(trades, ({ time_us }) => Math.floor(time_us / CANDLE_US) * CANDLE_US);
    const { first_us, last_us } = this.store;
    const verdicts: MinuteVerdict[] = [];
    // Newest first, as REST has trades: minutes share the pages that were requested for later ones.
    for (let start_us = page.to_us - CANDLE_US; start_us >= page.from_us; start_us -= CANDLE_US) {
      const stored = byMinute.get(start_us) ?? [];
      const sides = { candle: candles.get(start_us) ?? null, stored, stream: stream.get(start_us) ?? null };
      const minute = { start_us, ...sides, first_us, last_us, newest_us };
      let verdict: MinuteVerdict = judgeMinute(minute, null);
      if (verdict.needsTrades)
        verdict = judgeMinute(minute, await this.#lookup.ofMinute(this.#bounds(start_us, stored, trades)));
      if (stored.length > 0 && sides.stream === null) this.#report.streamless++;
      verdicts.push(verdict);
    }
    this.#report.minutes.push(...verdicts.reverse());
  }

  /** The stored ids around a minute: of the page, or the next ones in the store. */
  #bounds(start_us: number, stored: readonly WitnessTrade[], near: readonly WitnessTrade[]): IdBounds {
    const ids = stored.map(({ trade_id }) => trade_id);
    const [first, last] = [ids[0] ?? null, ids.at(-1) ?? null];
    const before = near.findLast((trade) => (first === null ? trade.time_us < start_us : trade.trade_id < first));
    const after = near.find((trade) => (last === null ? trade.time_us >= start_us + CANDLE_US : trade.trade_id > last));
    const below = before?.trade_id ?? (first === null ? null : this.store.neighbour("below", first));
    const above = after?.trade_id ?? (last === null ? null : this.store.neighbour("above", last));
    return { start_us, below, above, last };
  }

  /** What REST refuses for now (429, 5xx) is requested again after a wait. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await ask();
      } catch (error) {
        const isForNow = error instanceof RestRefusal && (error.status === 429 || error.status >= 500);
        if (!isForNow || tries >= REST_TRIES_MAX || this.signal.aborted) throw error;
        this.logger.info(`${error.message}; it is asked again`);
        await pause((this.options.retry_ms ?? RECONNECT_BASE_MS) * 2 ** (tries - 1), this.signal);
      }
    }
  }

  #unreachable(error: unknown, span: Span): unknown {
    if (this.signal.aborted || error instanceof TidemarkError) return error;
    const minutes = (span.to_us - span.from_us) / CANDLE_US;
    const [from, to] = [isoSecondFromUs(span.from_us), isoSecondFromUs(span.to_us)];
    const what = `${plural(minutes, "minute")} of ${this.store.product} from ${from} to ${to}`;
    const say = `The exchange at ${this.options.rest_url} gave no answer (${sentence(error)}). Nothing was checked of ${what}.`;
    return new TidemarkError("FEED_UNREACHABLE", say, "Try again when it can be reached.", { cause: error });
  }

  #nothingStored(span: Span): TidemarkError {
    const { first_us, last_us, product } = this.store;
    const [from, to] = [isoSecondFromUs(span.from_us), isoSecondFromUs(span.to_us)];
    const begin = first_us === null ? "" : ` from ${isoSecondFromUs(first_us)}`;
    const hint = `Stored are its ticks${begin} up to ${isoSecondFromUs(last_us)}.`;
    return new TidemarkError("NO_DATA", `Nothing is stored of ${product} from ${from} to ${to}.`, hint);
  }
}
