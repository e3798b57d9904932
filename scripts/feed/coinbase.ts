/**
 * The exchange's client: subscribes, stays subscribed, and hands each frame's bytes on as they came (feed.md, faults.md 1 to 8).
 * It doesn't parse trades, and it never writes: records go into a FeedBuffer.
 */
import { monotonicMs, nowUs } from "../common/clock.ts";
import { TidemarkError } from "../common/errors.ts";
import { FEED_GIVE_UP_MS, REFUSAL_MS } from "../common/limits.ts";
import type { Logger } from "../common/logger.ts";
import { Backoff, type BackoffOptions, pause } from "./backoff.ts";
import type { FeedBuffer } from "./buffer.ts";
import { Connection, type ConnectionEnd } from "./connection.ts";
import { FeedFigures } from "./figures.ts";
import { type Frame, type Message, outageFrame, readFrame } from "./frame.ts";
import { type MatchTape, matchRecord } from "./matches.ts";

export interface FeedOptions {
  url: string;
  channel: "ticker" | "matches";
  products: string[];
  /** The feed's heartbeats go into the log too. */
  heartbeats: boolean;
  /** End when the server closes with 1000. */
  until_end: boolean;
  logger: Logger;
  backoff?: Partial<BackoffOptions>;
  silence_ms?: number;
  refusal_ms?: number;
  give_up_ms?: number;
}

/** Where a product stands. */
interface Standing {
  last_trade_id: number;
  last_us: number;
  /** The feed was away since the last trade: why, "" when it was not. */
  away: string;
  /** Nothing was missed unless ids say so: a stop of ours, not a loss. */
  planned: boolean;
}

export class CoinbaseFeed {
  readonly figures = new FeedFigures();
  readonly #backoff: Backoff;
  readonly #standing = new Map<string, Standing>();
  readonly #refused = new Set<string>();
  #connection: Connection | null = null;
  #accepted = false;
  #acknowledged = false;
  #refusal: Timer | null = null;
  #fatal: TidemarkError | null = null;

  /** `tape` follows the trade ids of the full tape; only for the matches channel. */
  constructor(
    private readonly options: FeedOptions,
    private readonly buffer: FeedBuffer,
    private readonly tape: MatchTape | null,
  ) {
    this.#backoff = new Backoff(options.backoff);
    buffer.onRoom = () => {
      this.figures.paused = false;
      this.#connection?.resume();
    };
  }

  /** Products that the exchange refused. */
  get refused(): string[] {
    return [...this.#refused];
  }

  /** Tells where a product stood when the log was written last, so that what was missed since is noted. */
  standsAt(product_id: string, last_trade_id: number, last_us: number): void {
    this.#standing.set(product_id, { last_trade_id, last_us, away: "produce was not running", planned: true });
  }

  /** Runs until the signal, or with `until_end` the recording's end. Rejects with FEED_REFUSED or FEED_UNREACHABLE. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger, until_end } = this.options;
    const stop = () => this.#connection?.drop("stopping");
    signal.addEventListener("abort", stop);
    let seen_ms = monotonicMs();
    while (!signal.aborted) {
      const end = await this.#connect();
      if (signal.aborted) break;
      if (this.#fatal) throw this.#fatal;
      if (until_end && end.code === 1000) {
        logger.info("the feed has ended");
        break;
      }
      this.#lost(end);
      if (end.opened) seen_ms = monotonicMs();
      else if (until_end && monotonicMs() - seen_ms > (this.options.give_up_ms ?? FEED_GIVE_UP_MS))
        throw unreachable(this.options.url, end);
      const wait_ms = this.#backoff.next();
      logger.warn(`${lossText(end)}: connecting again in ${wait_ms / 1000} s`);
      await pause(wait_ms, signal);
      this.figures.reconnects++;
    }
    signal.removeEventListener("abort", stop);
    this.figures.state = "ended";
  }

  async #connect(): Promise<ConnectionEnd> {
    const { url, silence_ms } = this.options;
    this.#acknowledged = false;
    this.#connection = new Connection(url, {
      silence_ms,
      onOpen: (connection) => this.#subscribe(connection),
      onFrame: (bytes) => this.#receive(bytes),
    });
    if (this.figures.paused) this.#connection.pause();
    const end = await this.#connection.ended;
    this.#connection = null;
    if (this.#refusal) clearTimeout(this.#refusal);
    this.#refusal = null;
    return end;
  }

  #subscribe(connection: Connection): void {
    const { products, channel } = this.options;
    connection.send({ type: "subscribe", product_ids: products, channels: [channel, "heartbeat"] });
  }

  /** The socket's callback: it reads as little as it can, and only puts into the buffer. */
  #receive(bytes: Buffer): void {
    const { figures } = this;
    figures.last_frame_us = nowUs();
    const frame = readFrame(bytes);
    switch (frame.kind) {
      case "tick":
        if (this.options.channel === "ticker") this.#trade(frame, bytes);
        else figures.ignored++;
        return;
      case "match":
      case "last_match":
        if (this.tape === null) figures.ignored++;
        else this.#trade(frame, matchRecord(frame.message, bytes));
        return;
      case "heartbeat":
        figures.heartbeat(frame.time_us);
        if (this.options.heartbeats) this.#push(frame.product_id, bytes);
        return;
      case "garbled":
        figures.garbled++;
        this.#push("", bytes);
        return;
      case "incomplete":
        figures.incomplete++;
        return;
      case "subscriptions":
        this.#confirmed(frame.message);
        return;
      case "error":
        this.#error(frame.message);
        return;
      default:
        figures.ignored++;
    }
  }

  #trade(frame: Extract<Frame, { trade_id: number }>, value: Uint8Array): void {
    const { product_id, trade_id, time_us } = frame;
    const stands = this.#standing.get(product_id);
    this.figures.tick(time_us, stands?.away === "");
    if (stands === undefined) {
      if (Number.isFinite(time_us + trade_id)) {
        this.#standing.set(product_id, { last_trade_id: trade_id, last_us: time_us, away: "", planned: false });
      }
      this.#backoff.reset();
    } else {
      const isSound = Number.isFinite(time_us + trade_id);
      const isNew = isSound && trade_id > stands.last_trade_id;
      // By time too: one wild id must not make all that follow look old.
      const isBack = isSound && (trade_id >= stands.last_trade_id || time_us > stands.last_us);
      if (stands.away !== "" && isBack) this.#back(product_id, stands, trade_id, time_us);
      if (isNew) {
        stands.last_trade_id = trade_id;
        stands.last_us = time_us;
        this.#backoff.reset();
      }
    }
    this.tape?.see(product_id, trade_id, time_us);
    this.#push(product_id, value);
  }

  /**
   * The first trade after the feed was away that is as new as the last one before: the span is noted in the log, before the trade. The full
   * tape notes only what can't be filled.
   */
  #back(product_id: string, stands: Standing, trade_id: number, time_us: number): void {
    const { away: reason, planned, last_trade_id, last_us } = stands;
    stands.away = "";
    stands.planned = false;
    if (this.tape !== null) return;
    if (planned && trade_id <= last_trade_id + 1) return;
    const note = {
      product_id,
      from_us: last_us,
      to_us: Math.max(last_us, time_us),
      last_trade_id,
      first_trade_id: trade_id,
      reason,
    };
    this.figures.outages++;
    this.#push(product_id, Buffer.from(outageFrame(note)));
  }

  #push(key: string, value: Uint8Array): void {
    if (this.buffer.push({ key, value }) || this.figures.paused) return;
    this.figures.paused = true;
    this.#connection?.pause();
  }

  #lost(end: ConnectionEnd): void {
    this.figures.lost();
    for (const stands of this.#standing.values()) {
      stands.away ||= lossText(end);
      stands.planned &&= false;
    }
  }

  /** The reply to a subscription: what it doesn't list was refused. */
  #confirmed(message: Message): void {
    const { channel, products, logger, url } = this.options;
    const channels = Array.isArray(message.channels) ? (message.channels as Message[]) : [];
    const named = channels.find((one) => one?.name === channel)?.product_ids;
    const accepted = new Set(Array.isArray(named) ? named : []);
    if (accepted.size === 0) {
      this.#refuse("it acknowledged no product");
      return;
    }
    this.#acknowledged = true;
    for (const product of products.filter((one) => !accepted.has(one)))
      this.#name(product, "it is not among those acknowledged");
    if (!this.#accepted) logger.info(`subscribed to ${channel} of ${[...accepted].join(", ")} at ${url}`);
    else logger.info("connected again");
    this.#accepted = true;
    this.figures.connected(message.tidemark_replay);
  }

  #error(message: Message): void {
    const reason =
      [message.message, message.reason].filter((one) => typeof one === "string").join(": ") || "no reason given";
    const named = this.options.products.filter((product) => reason.includes(product));
    for (const product of named) this.#name(product, reason);
    if (named.length === 0) this.options.logger.warn(`the feed reports an error: ${reason}`);
    if (this.#acknowledged) return;
    this.#refusal ??= setTimeout(() => {
      if (!this.#acknowledged) this.#refuse(reason);
    }, this.options.refusal_ms ?? REFUSAL_MS);
  }

  #name(product: string, reason: string): void {
    if (this.#refused.has(product)) return;
    this.#refused.add(product);
    this.options.logger.warn(`the feed refused ${product}: ${reason}; the others go on`);
  }

  /** Nothing was accepted: for good when it never was, otherwise a loss like any other. */
  #refuse(reason: string): void {
    if (!this.#accepted) {
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

function lossText({ opened, code, reason }: ConnectionEnd): string {
  if (!opened) return `the feed can't be reached (${reason || `code ${code}`})`;
  return `the connection was lost (${[code, reason].filter((part) => part !== "").join(", ")})`;
}

function unreachable(url: string, end: ConnectionEnd): TidemarkError {
  const hint = "Is it running? `bun run replay` plays a recording.";
  return new TidemarkError(
    "FEED_UNREACHABLE",
    `The feed ${url} can't be reached: ${end.reason || `code ${end.code}`}.`,
    hint,
  );
}
