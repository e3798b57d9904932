/**
 * The feed's client: stays connected and subscribed, and puts each frame unchanged into the buffer.
 * docs/faults.md 1 to 8 and 96 to 103 are its faults.
 */
import { isUtf8 } from "node:buffer";
import { monotonicMs, nowUs } from "../base/clock.ts";
import { TidemarkError } from "../base/errors.ts";
import { FEED_GIVE_UP_MS, FEED_WORDS_MAX } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import { printable } from "../base/printable.ts";
import { onAbort, pause } from "../base/wait.ts";
import type { AppendRecord } from "../contract/log.ts";
import type { Tick } from "../contract/tick.ts";
import { envelopeFrame, Judge, type Message, outageFrame, readFrame, unreadable } from "../message/index.ts";
import { Backoff, type BackoffOptions } from "./backoff.ts";
import type { FeedBuffer } from "./buffer.ts";
import { Connection, type ConnectionEnd } from "./connection.ts";
import { FeedFigures } from "./feed-figures.ts";
import { type Route, routeTo } from "./proxy.ts";
import { Subscription } from "./subscription.ts";
import { type MatchTape, matchRecord } from "./tape/matches.ts";

export interface FeedOptions {
  url: string;
  channel: "ticker" | "matches";
  products: string[];
  /** Put the feed's heartbeats into the log, too. */
  heartbeats: boolean;
  /** End when the server closes with 1000. */
  until_end: boolean;
  logger: Logger;
  backoff?: Partial<BackoffOptions>;
  silence_ms?: number;
  refusal_ms?: number;
  reply_ms?: number;
  give_up_ms?: number;
}

/** The newest accepted trades of a product, and whether the feed was away since. */
interface Remembered {
  last_trade_id: number;
  /** The newest event time, microseconds since 1970 UTC. */
  newest_us: number;
  /** Why the feed was away since the last trade; "" when it was not. */
  away: string;
  /** It was a stop of `produce`, not a loss: trades are missing only if the ids show it. */
  planned: boolean;
}

export class CoinbaseFeed {
  readonly figures = new FeedFigures();
  /** Since when (microseconds since 1970 UTC) and why there is no connection; null while there is one. */
  away: { since_us: number; words: string } | null = null;
  /** The proxy of the last connection, for people; "" without one. */
  proxy = "";
  readonly #backoff: Backoff;
  readonly #products = new Map<string, Remembered>();
  readonly #judge = new Judge();
  readonly #subscription: Subscription;
  #connection: Connection | null = null;
  #wasAccepted = false;
  #isFirstReply = true;
  #fatal: TidemarkError | null = null;

  /** `tape` follows the trade ids of the full tape; only for the matches channel. */
  constructor(
    private readonly options: FeedOptions,
    private readonly buffer: FeedBuffer,
    private readonly tape: MatchTape | null,
  ) {
    this.#backoff = new Backoff(options.backoff);
    const { channel, products, logger, refusal_ms, reply_ms } = options;
    this.#subscription = new Subscription({
      ...{ channel, products, logger, refusal_ms, reply_ms },
      onConfirmed: (reply) => this.#confirmed(reply),
      onRefused: (reason) => this.#refused(reason),
    });
    buffer.onRoom = () => {
      this.figures.paused = false;
      this.#connection?.resume();
    };
  }

  /** Products that the exchange refused, with its own words. */
  get refused(): ReadonlyMap<string, string> {
    return this.#subscription.refused;
  }

  /** Passes a product's newest trade in the log, so that trades missed since are noted. */
  resumeAt(product_id: string, last_trade_id: number, newest_us: number): void {
    this.#products.set(product_id, { last_trade_id, newest_us, away: "produce was not running", planned: true });
  }

  /**
   * Runs until the signal or, with `until_end`, the recording's end. Rejects with FEED_REFUSED or
   * FEED_UNREACHABLE.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { logger, until_end } = this.options;
    const forget = onAbort(signal, () => this.#connection?.drop("stopping"));
    let seen_ms = monotonicMs();
    let hasOpened = false;
    for (let tries = 1; !signal.aborted; tries++) {
      const end = await this.#connect(routeTo(this.options.url));
      if (signal.aborted) break;
      if (this.#fatal) throw this.#fatal;
      if (until_end && end.code === 1000) {
        logger.info("the feed has ended");
        break;
      }
      this.#lost(end);
      if (end.opened) seen_ms = monotonicMs();
      else if (until_end && monotonicMs() - seen_ms > (this.options.give_up_ms ?? FEED_GIVE_UP_MS))
        throw unreachable(this.options.url, end, this.proxy);
      hasOpened ||= end.opened;
      const wait_ms = this.#backoff.next();
      // Who starts a simulator and this command together may be early with this one.
      const level = hasOpened || tries > 1 ? "warn" : "debug";
      logger[level](`${lossText(end, this.proxy)}: connecting again in ${wait_ms / 1000} s`);
      await pause(wait_ms, signal);
      if (hasOpened) this.figures.reconnects++;
    }
    forget();
    this.figures.ended({ stopped: signal.aborted });
  }

  async #connect(proxy: Route): Promise<ConnectionEnd> {
    const { url, silence_ms, logger } = this.options;
    if (proxy.shown !== this.proxy) logger.info(`connecting to the feed through the proxy ${proxy.shown}`);
    this.proxy = proxy.shown;
    this.#isFirstReply = true;
    this.#connection = new Connection(url, {
      silence_ms,
      proxy: proxy.url,
      onOpen: (connection) => this.#subscription.begin((message) => connection.send(message)),
      onFrame: (bytes) => this.#receive(bytes),
    });
    if (this.figures.paused) this.#connection.pause();
    const end = await this.#connection.ended;
    this.#connection = null;
    this.#subscription.end();
    return end;
  }

  /** The socket's callback: reads as little as possible and only fills the buffer. */
  #receive(bytes: Buffer): void {
    const { figures } = this;
    figures.last_frame_us = nowUs();
    const frame = readFrame(bytes);
    switch (frame.kind) {
      case "tick":
        if (this.options.channel === "ticker") this.#trade(frame.product_id, bytes);
        else figures.ignored++;
        return;
      case "match":
      case "last_match":
        if (this.tape === null) figures.ignored++;
        else this.#trade(frame.product_id, matchRecord(frame.message, bytes));
        return;
      case "heartbeat":
        figures.heartbeat(frame.time_us);
        if (this.options.heartbeats) this.#pushFrame(frame.product_id, bytes);
        return;
      case "garbled":
        this.#pushFrame("", bytes);
        return;
      case "incomplete":
        figures.incomplete++;
        return;
      case "subscriptions":
        this.#subscription.reply(frame.message);
        return;
      case "error":
        this.#subscription.error(frame.message);
        return;
      default:
        figures.ignored++;
    }
  }

  #trade(product_id: string, value: Uint8Array): void {
    this.figures.ticks++;
    this.#subscription.proof(product_id);
    const tick = this.#judge.tick(value);
    if (tick !== null) {
      this.#remember(tick);
      this.tape?.see(product_id, tick.trade_id, tick.time_us);
    }
    if (this.#judge.isFlat && isUtf8(value)) this.#pushReceived(product_id, value);
    else this.#pushFrame(product_id, value);
  }

  #remember(tick: Tick): void {
    const { product_id, trade_id } = tick;
    const known = this.#products.get(product_id);
    this.figures.tick(tick.time_us, known?.away === "");
    const time_us = this.figures.isAhead(tick.time_us) ? this.figures.last_frame_us : tick.time_us;
    if (known === undefined) {
      this.#products.set(product_id, { last_trade_id: trade_id, newest_us: time_us, away: "", planned: false });
      this.#backoff.reset();
      return;
    }
    // Also by time: one outlier among the ids must not make all later trades look old.
    const isNew = trade_id > known.last_trade_id || time_us > known.newest_us;
    if (known.away !== "" && (isNew || trade_id === known.last_trade_id)) this.#back(known, tick, time_us);
    if (!isNew) return;
    known.last_trade_id = trade_id;
    known.newest_us = Math.max(known.newest_us, time_us);
    this.#backoff.reset();
  }

  /**
   * The first trade after the feed was away that is as new as the last one before: notes the outage,
   * before the trade. The full tape only notes what can't be filled.
   */
  #back(known: Remembered, { product_id, trade_id }: Tick, time_us: number): void {
    const { away: reason, planned, last_trade_id, newest_us } = known;
    known.away = "";
    known.planned = false;
    if (this.tape !== null) return;
    if (planned && trade_id <= last_trade_id + 1) return;
    const span = { from_us: newest_us, to_us: Math.max(newest_us, time_us) };
    this.figures.outages++;
    const value = outageFrame({ product_id, ...span, last_trade_id, first_trade_id: trade_id, reason });
    this.#push({ key: product_id, value });
  }

  /** Pushes a frame unchanged, or in an envelope when some reader of the topic could not decode it. */
  #pushFrame(key: string, value: Uint8Array): void {
    const reason = unreadable(value);
    if (reason !== null) this.figures.garbledFrame(reason, value);
    this.#pushReceived(key, reason === null ? value : envelopeFrame(value, reason));
  }

  /** Pushes what the newest frame became, with the time at which that frame left the socket. */
  #pushReceived(key: string, value: Uint8Array): void {
    this.#push({ key, value, received_us: this.figures.last_frame_us });
  }

  #push(record: AppendRecord): void {
    if (this.buffer.push(record) || this.figures.paused) return;
    this.figures.paused = true;
    this.#connection?.pause();
  }

  #lost(end: ConnectionEnd): void {
    this.figures.lost();
    const words = lossText(end, this.proxy);
    this.away = { since_us: this.away?.since_us ?? nowUs(), words };
    for (const known of this.#products.values()) {
      known.away ||= words;
      known.planned = false;
    }
  }

  #confirmed(reply: Message): void {
    const { channel, logger, url } = this.options;
    if (this.#isFirstReply) logger.info(this.#wasAccepted ? "connected again" : `subscribed to ${channel} at ${url}`);
    this.#isFirstReply = false;
    this.#wasAccepted = true;
    this.away = null;
    this.figures.connected(reply.tidemark_replay);
  }

  /** No product was accepted: final when none ever was, otherwise treated as a lost connection. */
  #refused(reason: string): void {
    if (!this.#wasAccepted) {
      const products = this.options.products.join(", ");
      this.#fatal = new TidemarkError(
        "FEED_REFUSED",
        `The feed refused ${products}: ${reason}.`,
        "Check --products and --channel.",
      );
    }
    this.#connection?.drop(`refused: ${reason}`);
  }
}

function lossText({ opened, code, reason }: ConnectionEnd, proxy: string): string {
  const words = printable(reason, FEED_WORDS_MAX);
  if (opened) return `the connection was lost (${[code, words].filter((part) => part !== "").join(", ")})`;
  return `the feed can't be reached${through(proxy)} (${words || `code ${code}`})`;
}

function unreachable(url: string, end: ConnectionEnd, proxy: string): TidemarkError {
  const why = printable(end.reason, FEED_WORDS_MAX) || `code ${end.code}`;
  return new TidemarkError(
    "FEED_UNREACHABLE",
    `The feed ${url} can't be reached${through(proxy)}: ${why}.`,
    proxy === ""
      ? "Is it running? `bun run replay` plays a recording."
      : "Check the proxy, or exclude the feed with NO_PROXY.",
  );
}

function through(proxy: string): string {
  return proxy === "" ? "" : ` through the proxy ${proxy}`;
}
