/** The stage `produce`: feed → buffer → log, with its gaps, its problems and its status file. */
import { writeAtomically } from "../base/atomic-file.ts";
import { nowUs } from "../base/clock.ts";
import { diePoint } from "../base/die-point.ts";
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
import { CostMeter } from "../measure/cost-meter.ts";
import { RunStats } from "../measure/run-stats.ts";
import { FeedMeasures } from "./feed-measures.ts";
import { StatusPace } from "./status-pace.ts";

export interface ProduceOptions extends FeedOptions {
  kind: "live" | "replay";
  /** Gaps of the full tape are filled from here. */
  rest_url: string;
  /** Before REST is asked again after a failure, doubled each time; the default suits the exchange. */
  retry_ms?: number;
  /** data/feed.json, or null for none. */
  status_path: string | null;
}

type Append = (records: AppendRecord[]) => Promise<void>;

const STATUS_MS = 1_000;

export class Producer {
  readonly stats = new RunStats();
  /** Problems of this machine's clock; those of the feed are in #feedProblems. */
  readonly problems = new Problems();
  readonly feed: CoinbaseFeed;
  readonly #buffer = new FeedBuffer();
  /** Of the full tape only. */
  readonly #tape: MatchTape | null;
  readonly #feedProblems: FeedProblems;
  readonly #clock: FeedClock;
  readonly #measures: FeedMeasures;
  readonly #pace = new StatusPace();
  readonly #meter = new CostMeter();
  #log: Log | null = null;
  /** Why the log takes no records; "" while it does. */
  #waiting = "";
  #isStatusFailing = false;

  constructor(private readonly options: ProduceOptions) {
    const { logger, status_path, kind } = options;
    this.#tape = options.channel === "matches" ? this.#openTape() : null;
    this.feed = new CoinbaseFeed(options, this.#buffer, this.#tape);
    this.#feedProblems = new FeedProblems(logger);
    this.#clock = new FeedClock(this.problems, logger, status_path);
    this.feed.figures.live = kind === "live";
    this.#measures = new FeedMeasures(options.rest_url, kind, this.stats.started_us);
    this.feed.figures.onLatency = (latency_us, received_us) => {
      this.#measures.latency(latency_us, received_us);
      if (kind === "live") this.#clock.trade(latency_us);
    };
  }

  /** Continues at the log's end and appends to it, until the signal or the feed's end. */
  async runInto(log: Log, signal: AbortSignal): Promise<void> {
    await this.resume(log);
    const append = async (records: AppendRecord[]) => {
      diePoint("produce-before-append");
      await log.append(records);
      diePoint("produce-appended");
    };
    await this.run(append, signal);
  }

  /** Continues at the log's end: trades that were missed since are noted, open gaps are filled. */
  async resume(log: Log): Promise<void> {
    this.#log = log;
    const recent = await this.#recentTraces(log);
    const older = await olderTraces(log, this.options.products, tradesOf(recent));
    for (const trace of [...older, ...recent]) {
      if (trace.kind === "trade") {
        const { product_id, trade_id, time_us } = trace;
        this.feed.resumeAt(product_id, trade_id, time_us);
        this.#tape?.see(product_id, trade_id, time_us);
      } else if (trace.kind === "noted") this.#tape?.noted(trace.product_id, trace.lo, trace.hi);
      else this.#resumeGap(trace.gap);
    }
  }

  /**
   * Runs until the signal or the feed's end; then all that was received is in the log. Rejects with
   * FEED_REFUSED, FEED_UNREACHABLE, or the log's error.
   */
  async run(append: Append, signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const stop = AbortSignal.any([signal, failed.signal]);
    const timer = setInterval(() => this.#reportStatus(), STATUS_MS);
    const drained = this.#drain(append);
    drained.catch(() => failed.abort());
    const filled = this.#tape?.run(stop);
    const fed = new AbortController();
    const timed =
      this.options.status_path === null ? null : this.#measures.askTimes(AbortSignal.any([stop, fed.signal]));
    try {
      await this.feed.run(stop);
    } finally {
      fed.abort();
      await timed;
      this.#tape?.end();
      await filled;
      this.#buffer.end();
      await drained.finally(() => {
        clearInterval(timer);
        this.#reportStatus(true);
      });
    }
  }

  /** Printed by `--json` after the run's summary. */
  get counts() {
    const { ticks, reconnects, outages, incomplete, ignored, garbled, heartbeats } = this.feed.figures;
    const { filled, unfillable, unissued } = this.#tape?.figures ?? { filled: 0, unfillable: 0, unissued: 0 };
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
      unissued,
      refused: [...this.feed.refused.keys()],
    };
  }

  #openTape(): MatchTape {
    const { rest_url, retry_ms, logger } = this.options;
    const push = (record: AppendRecord) => void this.#buffer.push(record);
    return new MatchTape({ rest_url, push, records: () => this.#buffer.pushed, logger, retry_ms });
  }

  /**
   * Gaps and heartbeats need every record of the log's tail; otherwise each product's newest trade is
   * enough.
   */
  async #recentTraces(log: Log): Promise<Trace[]> {
    if (this.#tape !== null || this.options.heartbeats) return recentTraces(log);
    return (await newestTrades(log)).map((trade) => ({ kind: "trade", ...trade }));
  }

  #resumeGap({ product_id, state, last_trade_id, first_trade_id, from_us, to_us }: GapNote): void {
    if (!this.options.products.includes(product_id)) return;
    const ids = { lo: last_trade_id + 1, hi: first_trade_id - 1 };
    this.#tape?.notedGap({ product_id, ...ids, from_us, to_us }, state);
  }

  /** Appends the buffer to the log until its end. */
  #drain(append: Append): Promise<void> {
    return this.#buffer.drain((records) => this.#append(append, records), {
      logger: this.options.logger,
      onAppended: (records) => {
        this.stats.records += records.length;
      },
      onWaiting: (why) => {
        this.#waiting = why;
      },
    });
  }

  /** A log that neither takes nor refuses records (a broker that is away) is waited for, and reported. */
  async #append(append: Append, records: AppendRecord[]): Promise<void> {
    const timer = setTimeout(() => {
      const seconds = KAFKA_AWAY_MS / 1_000;
      const why = `It has not taken ${records.length} records for ${seconds} s. Check the broker and the network.`;
      this.#waiting ||= why;
      this.options.logger.warn(`waiting for the log: ${why} What the feed sends is held in memory.`);
    }, KAFKA_AWAY_MS);
    await append(records).finally(() => clearTimeout(timer));
  }

  /** Once per second: checks the clock, reports problems, writes feed.json when it is due. */
  #reportStatus(isLast = false): void {
    this.#clock.check();
    const ofFeed = this.#feedProblems.of(this.feed, this.#tape, this.#waiting, nowUs());
    const { status_path } = this.options;
    if (status_path === null) return;
    const problems = [...ofFeed, ...this.problems.list(), ...(this.#log?.problems?.() ?? [])];
    this.#meter.note(this.feed.figures.ticks, isLast);
    const cost = this.#meter.text();
    const fields = { ...this.#status(), ...this.#measures.fields(), problems, cost };
    const urgent = JSON.stringify([fields.state, fields.waiting_for, problems.map(({ code }) => code)]);
    if (!isLast && !this.#pace.isDue(urgent)) return;
    this.#write(status_path, { ...fields, ...this.counts, ...this.stats.counters() }, urgent);
  }

  #status() {
    const { url, channel, products, kind } = this.options;
    const { figures, proxy } = this.feed;
    return {
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
      buffered: this.#buffer.length,
      paused: figures.paused,
      gaps_open: this.#tape?.open.length ?? 0,
      proxy: proxy || null,
      replay: kind === "replay" ? figures.replayClock() : null,
      ended_us: figures.ended_us || null,
      stopped: figures.stopped,
      clock_jumps: this.#clock.jumps,
    };
  }

  /**
   * A status file that can't be written (a full disk) is reported once and tried again; the stage
   * continues.
   */
  #write(path: string, status: FeedStatus, urgent: string): void {
    const { logger } = this.options;
    try {
      const text = `${JSON.stringify(status)}\n`;
      writeAtomically(path, text, { isDurable: false });
      this.#pace.wrote(urgent, text.length);
      if (this.#isStatusFailing) logger.info(`${path} is written again`);
      this.#isStatusFailing = false;
    } catch (error) {
      if (!this.#isStatusFailing) logger.warn(`${path} can't be written: ${sentence(spaceError(error, path))}`);
      this.#isStatusFailing = true;
    }
  }
}
