/** The producing stage: feed, buffer, gaps and log put together; runs until the signal or the feed's end, then drains. */
import { writeAtomically } from "../base/atomic-file.ts";
import { nowUs } from "../base/clock.ts";
import { sentence } from "../base/errors.ts";
import { KAFKA_AWAY_MS } from "../base/limits.ts";
import { spaceError } from "../base/sqlite.ts";
import type { FeedStatus } from "../contract/feed-status.ts";
import type { AppendRecord, Log } from "../contract/log.ts";
import { Problems } from "../contract/problems.ts";
import type { GapNote } from "../contract/tick.ts";
import {
  CoinbaseFeed,
  FeedBuffer,
  FeedClock,
  type FeedOptions,
  FeedProblems,
  MatchTape,
  newestTrades,
  olderTraces,
  recentTraces,
  type Trace,
  tradesOf,
} from "../feed/index.ts";
import { RunStats } from "../measure/run-stats.ts";

export interface ProduceOptions extends FeedOptions {
  kind: "live" | "replay";
  /** Where gaps of the full tape are filled from. */
  rest_url: string;
  /** Before REST is asked again after a failure, doubled each time; the default is for the real one. */
  retry_ms?: number;
  /** data/feed.json, or null for none. */
  status_path: string | null;
}

const STATUS_MS = 1_000;

export class Producer {
  readonly stats = new RunStats();
  readonly feed: CoinbaseFeed;
  readonly #buffer = new FeedBuffer();
  readonly #tape: MatchTape | null = null;
  /** Of this machine's clock; those of the feed are in #feedProblems. */
  readonly problems = new Problems();
  readonly #feedProblems: FeedProblems;
  readonly #clock: FeedClock;
  #log: Log | null = null;
  #waiting = "";

  constructor(private readonly options: ProduceOptions) {
    if (options.channel === "matches") {
      const push = (record: AppendRecord) => void this.#buffer.push(record);
      const { rest_url, retry_ms, logger } = options;
      const records = () => this.#buffer.pushed;
      this.#tape = new MatchTape({ rest_url, push, records, logger, retry_ms });
    }
    this.feed = new CoinbaseFeed(options, this.#buffer, this.#tape);
    this.feed.figures.live = options.kind === "live";
    this.#feedProblems = new FeedProblems(options.logger);
    this.#clock = new FeedClock(this.problems, options.logger, options.status_path);
    this.feed.figures.onLiveTrade = (lag_us) => this.#clock.trade(lag_us);
  }

  /** What `--json` prints after the run's summary. */
  get counts() {
    const { ticks, reconnects, outages, incomplete, ignored, garbled, heartbeats } = this.feed.figures;
    const { filled, unfillable } = this.#tape?.figures ?? { filled: 0, unfillable: 0 };
    return {
      ticks,
      reconnects,
      outages,
      incomplete,
      ignored,
      garbled,
      heartbeats,
      filled,
      unfillable,
      refused: [...this.feed.refused.keys()],
    };
  }

  /** Continues where the log ends. */
  async resume(log: Log): Promise<void> {
    this.#log = log;
    const all = this.#tape !== null || this.options.heartbeats;
    const recent: Trace[] = all
      ? await recentTraces(log)
      : (await newestTrades(log)).map((stand) => ({ kind: "trade", ...stand }));
    for (const trace of [...(await olderTraces(log, this.options.products, tradesOf(recent))), ...recent]) {
      if (trace.kind === "trade") {
        const { product_id, trade_id, time_us } = trace;
        this.feed.resumeAt(product_id, trade_id, time_us);
        this.#tape?.see(product_id, trade_id, time_us);
      } else if (trace.kind === "noted") this.#tape?.noted(trace.product_id, trace.lo, trace.hi);
      else this.#reopen(trace.gap);
    }
  }

  #reopen({ product_id, state, last_trade_id, first_trade_id, from_us, to_us }: GapNote): void {
    if (!this.options.products.includes(product_id)) return;
    const ids = { lo: last_trade_id + 1, hi: first_trade_id - 1 };
    this.#tape?.notedGap({ product_id, ...ids, from_us, to_us }, state);
  }

  /** Rejects with FEED_REFUSED, FEED_UNREACHABLE, or with what the log failed of; all that was received before is in the log then. */
  async run(append: (records: AppendRecord[]) => Promise<void>, signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const stop = AbortSignal.any([signal, failed.signal]);
    const timer = setInterval(() => this.#status(), STATUS_MS);
    const drained = this.#buffer.drain(this.#watched(append), {
      logger: this.options.logger,
      onAppended: (records) => {
        this.stats.records += records.length;
      },
      onWaiting: (why) => {
        this.#waiting = why;
      },
    });
    drained.catch(() => failed.abort());
    const filled = this.#tape?.run(stop);
    try {
      await this.feed.run(stop);
    } finally {
      this.#tape?.end();
      await filled;
      this.#buffer.end();
      await drained.finally(() => {
        clearInterval(timer);
        this.#status();
      });
    }
  }

  /** A log that answers neither yes nor no (a broker that is away) is one that `produce` waits for. */
  #watched(append: (records: AppendRecord[]) => Promise<void>): (records: AppendRecord[]) => Promise<void> {
    return async (records) => {
      const timer = setTimeout(() => {
        const say = `It has not taken ${records.length} records for ${KAFKA_AWAY_MS / 1_000} s. Check the broker and the network.`;
        this.#waiting ||= say;
        this.options.logger.warn(`waiting for the log: ${say} What the feed sends is held in memory.`);
      }, KAFKA_AWAY_MS);
      await append(records).finally(() => clearTimeout(timer));
    };
  }

  #status(): void {
    this.#clock.look();
    const { status_path, url, channel, products, kind } = this.options;
    const { figures, proxy } = this.feed;
    const ofFeed = this.#feedProblems.of(this.feed, this.#tape, this.#waiting, nowUs());
    if (status_path === null) return;
    const { p50, p99 } = figures.latencyMs();
    this.#write(status_path, {
      state: this.#waiting ? "waiting" : figures.state,
      waiting_for: this.#waiting || null,
      kind,
      url,
      channel,
      products,
      as_of_us: nowUs(),
      last_frame_us: figures.last_frame_us || null,
      newest_us: figures.newest_us || null,
      last_tick_us: figures.last_tick_us || null,
      lost_since_tick: figures.lost_since_tick,
      latency_p50_ms: p50,
      latency_p99_ms: p99,
      buffered: this.#buffer.length,
      paused: figures.paused,
      gaps_open: this.#tape?.open.length ?? 0,
      proxy: proxy || null,
      replay: kind === "replay" ? figures.replayClock() : null,
      clock_jumps: this.#clock.jumps,
      problems: [...ofFeed, ...this.problems.list(), ...(this.#log?.problems?.() ?? [])],
      ...this.counts,
      ...this.stats.counters(),
    });
  }

  /** The status file is no reason to stop: where it can't be written (a full disk) that is said once, and it is tried again. */
  #write(path: string, status: FeedStatus): void {
    const { logger } = this.options;
    try {
      writeAtomically(path, `${JSON.stringify(status)}\n`, { isDurable: false });
      if (this.#unwritten) logger.info(`${path} is written again`);
      this.#unwritten = false;
    } catch (error) {
      if (!this.#unwritten) logger.warn(`${path} can't be written: ${sentence(spaceError(error, path))}`);
      this.#unwritten = true;
    }
  }
  #unwritten = false;
}
