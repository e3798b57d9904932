/**
 * The simulator's server: it speaks the exchange's protocol (docs/feed.md) and plays a recording.
 * Each session has its own position, so that a slow reader holds up nobody else.
 */

import { isoFromUs } from "../base/iso.ts";
import { REPLAY_BURST_FRAMES, REPLAY_LINGER_MS, SUBSCRIBE_MS_MAX } from "../base/limits.ts";
import { listenError } from "../base/port.ts";
import { heartbeatFrame } from "./exchange-frames.ts";
import { type Faults, framesOf } from "./faults.ts";
import { OlderTrades, withRoom } from "./older-trades.ts";
import { Player, type PlayerOptions } from "./player.ts";
import { type Channel, newSession, receive, type Session } from "./session.ts";
import { RateLimit, RestAnswers } from "./trades-api.ts";

export interface ExchangeOptions extends PlayerOptions {
  host: string;
  /** 0 takes any free port. */
  port: number;
  faults?: Faults;
  /** Trades before the recording's first one that REST has of each product; its ids make room for them. */
  history?: number;
  /** Time between heartbeats, and until a client must have subscribed; the defaults are the exchange's. */
  heartbeat_ms?: number;
  subscribe_ms?: number;
  /** How long the end waits for a client that was away. */
  linger_ms?: number;
}

interface Exchange {
  /** ws://host:port of the feed; the same port answers REST over http. */
  url: string;
  port: number;
  /** Resolves when the recording has ended and the clients were informed. */
  ended: Promise<void>;
  /** Connections so far, frames of trades sent, and requests to REST for trades. */
  counts(): { connections: number; frames: number; rest_requests: number };
  stop(): Promise<void>;
}

type Socket = Bun.ServerWebSocket<Session>;

/** Starts the server; the play begins with the first subscription. Fails with PORT_IN_USE. */
export function startExchange(options: ExchangeOptions): Exchange {
  return new ExchangeServer(options);
}

class ExchangeServer implements Exchange {
  readonly url: string;
  readonly port: number;
  readonly ended: Promise<void>;
  readonly #player: Player;
  readonly #faults: Faults;
  readonly #server: Bun.Server<Session>;
  readonly #rest: RestAnswers;
  readonly #connects = new RateLimit(8, 20);
  readonly #sockets = new Set<Socket>();
  readonly #done = Promise.withResolvers<void>();
  readonly #beat: Timer;
  #timer: Timer | null = null;
  #connections = 0;
  #frames = 0;
  #isEndSent = false;
  #stopped = false;

  constructor(private readonly options: ExchangeOptions) {
    const { history = 0 } = options;
    this.#faults = options.faults ?? {};
    const unissued = new Set(this.#faults.unissued_ids);
    const recorded = withRoom(options.recorded, history).filter(({ trade_id }) => !unissued.has(trade_id));
    this.#player = new Player({ ...options, recorded });
    const skew_us = options.skew_us ?? 0;
    const { rest = {}, time, candles } = this.#faults;
    const older = new OlderTrades(recorded, history);
    this.#rest = new RestAnswers(this.#player, rest, { ...time, skew_us }, older, candles);
    this.#server = this.#listen();
    this.ended = this.#done.promise;
    this.port = this.#server.port!;
    this.url = `ws://${options.host.includes(":") ? `[${options.host}]` : options.host}:${this.port}`;
    this.#beat = setInterval(() => this.#heartbeat(), options.heartbeat_ms ?? 1_000);
  }

  counts() {
    return { connections: this.#connections, frames: this.#frames, rest_requests: this.#rest.requests };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#beat);
    if (this.#timer) clearTimeout(this.#timer);
    this.#done.resolve();
    await this.#server.stop(true);
  }

  #listen(): Bun.Server<Session> {
    const { host, port } = this.options;
    try {
      return Bun.serve<Session>({
        hostname: host,
        port,
        fetch: (request, server) => {
          if (request.headers.get("upgrade") === null) return this.#rest.answer(request);
          if (!this.#connects.take()) return Response.json({ message: "Too many connections" }, { status: 429 });
          return server.upgrade(request, { data: newSession() })
            ? undefined
            : new Response("not a WebSocket request", { status: 400 });
        },
        websocket: {
          open: (ws) => this.#open(ws),
          message: (ws, data) => this.#message(ws, String(data)),
          drain: (ws) => {
            ws.data.stalled = false;
            this.#pump(ws);
          },
          close: (ws) => this.#close(ws),
          backpressureLimit: 256 * 1024 * 1024,
          idleTimeout: 120,
        },
      });
    } catch (error) {
      throw listenError(error, host, port);
    }
  }

  #open(ws: Socket): void {
    this.#sockets.add(ws);
    this.#connections++;
    const { data } = ws;
    data.connection = this.#connections;
    if (this.#connections <= (this.#faults.refuse_connections ?? 0)) {
      ws.terminate();
      return;
    }
    data.timer = setTimeout(
      () => ws.close(1008, "no subscription in time"),
      this.options.subscribe_ms ?? SUBSCRIBE_MS_MAX,
    );
  }

  #close(ws: Socket): void {
    this.#sockets.delete(ws);
    if (ws.data.timer) clearTimeout(ws.data.timer);
    ws.data.position = -1;
    this.#finish();
  }

  #message(ws: Socket, text: string): void {
    const { data } = ws;
    if (this.#player.paced && this.#player.started) this.#player.advance();
    const replies = receive(data, text, this.#player);
    if (text.includes('"matches"')) this.#rest.expected = true;
    if (!data.silent) for (const frame of replies) ws.send(frame);
    if (data.position >= 0 || data.wants.size === 0) return;
    if (data.timer) clearTimeout(data.timer);
    this.#player.start();
    data.position = this.#player.position;
    this.#pump(ws);
    if (this.#player.paced && this.#timer === null) this.#step();
  }

  /** A paced play: sends what is due to every session, then sleeps until the next trade is due. */
  #step(): void {
    const wait_ms = this.#player.advance();
    for (const ws of this.#sockets) this.#pump(ws);
    if (this.#player.over || this.#stopped) this.#finish();
    else this.#timer = setTimeout(() => this.#step(), Math.max(1, Math.min(wait_ms, 1_000)));
  }

  /**
   * Sends a session what is due while its socket takes it; after −1 from `send` the rest waits for
   * `drain`.
   */
  #pump(ws: Socket): void {
    const { data } = ws;
    const player = this.#player;
    if (data.position < 0 || data.stalled || this.#stopped) return;
    const due = Math.min(player.paced ? player.position : player.end, data.position + REPLAY_BURST_FRAMES);
    while (data.position < due && !data.stalled) {
      ws.cork(() => {
        for (
          const stop = Math.min(due, data.position + 100);
          data.position >= 0 && data.position < stop && !data.stalled;
        ) {
          const index = data.position++;
          const wants = data.wants.get(player.trade(index).product_id);
          if (wants !== undefined) this.#send(ws, index, wants);
        }
      });
      if (data.position < 0) return;
    }
    if (data.position > player.position) player.position = data.position;
    if (data.position >= player.end) this.#sendEnd(ws);
    else if (!data.stalled && !data.scheduled && (!player.paced || data.position < player.position)) {
      data.scheduled = true;
      setImmediate(() => {
        data.scheduled = false;
        this.#pump(ws);
      });
    }
  }

  #send(ws: Socket, index: number, wants: Set<Channel>): void {
    for (const channel of wants) {
      if (channel === "heartbeat") continue;
      const frame = this.#frame(index, channel);
      if (this.options.faults === undefined) this.#push(ws, frame);
      else this.#sendFaulty(ws, index, channel, frame);
    }
  }

  #frame(index: number, channel: "ticker" | "matches"): string {
    return channel === "ticker" ? this.#player.trade(index).line : this.#player.match(index);
  }

  #push(ws: Socket, frame: string): void {
    this.#frames++;
    ws.data.sent++;
    if (ws.send(frame) === -1) ws.data.stalled = true;
  }

  #sendFaulty(ws: Socket, index: number, channel: "ticker" | "matches", frame: string): void {
    const { data } = ws;
    const faults = this.#faults;
    if (data.sent >= (faults.silent_after?.[data.connection - 1] ?? Number.POSITIVE_INFINITY)) data.silent = true;
    if (data.silent) return;
    const earlier = index > 0 && faults.swap_ids?.includes(this.#player.trade(index - 1).trade_id);
    const before = earlier ? this.#frame(index - 1, channel) : null;
    for (const one of framesOf(faults, index, this.#player.trade(index).trade_id, frame, before)) {
      if (data.sent >= (faults.cut_after?.[data.connection - 1] ?? Number.POSITIVE_INFINITY)) {
        this.#cut(ws, index);
        return;
      }
      this.#push(ws, one);
    }
  }

  /** The current trade was not sent: the next connection gets it. */
  #cut(ws: Socket, index: number): void {
    if (index > this.#player.position) this.#player.position = index;
    ws.data.position = -1;
    if (this.#faults.cut_code === undefined) ws.terminate();
    else ws.close(this.#faults.cut_code, "by the script of faults");
  }

  #sendEnd(ws: Socket): void {
    this.#isEndSent = true;
    if (!ws.data.silent) ws.close(1000, "the recording has ended");
  }

  /**
   * Ends once the play is over and all clients have gone. A client that was away at the end has time to
   * come back, and one that fills gaps from REST has time to finish.
   */
  #finish(): void {
    if (!this.#player.over || this.#sockets.size > 0) return;
    const quiet_ms = this.#isEndSent ? this.#rest.quietMs() : (this.options.linger_ms ?? REPLAY_LINGER_MS);
    if (quiet_ms <= 0) this.#done.resolve();
    else if (this.#isEndSent) setTimeout(() => this.#finish(), quiet_ms);
    else setTimeout(() => this.#sockets.size > 0 || this.#done.resolve(), quiet_ms);
  }

  #heartbeat(): void {
    const time = isoFromUs(this.#player.clockUs());
    for (const ws of this.#sockets) {
      if (ws.data.silent || ws.data.stalled) continue;
      for (const [product_id, channels] of ws.data.wants) {
        if (!channels.has("heartbeat")) continue;
        const last = this.#player.last(product_id)?.trade_id ?? 0;
        ws.send(heartbeatFrame(product_id, last, time));
      }
    }
  }
}
