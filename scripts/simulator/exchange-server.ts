/**
 * A stand-in for the exchange, for `replay` and the tests: speaks the protocol of feed.md over a recording, with faults by script.
 * It knows nothing but the recording. Each client has its own place on the tape, so that a slow reader holds up nobody else.
 */
import { isoFromUs } from "../base/clock.ts";
import { sentence, TidemarkError } from "../base/errors.ts";
import { REPLAY_BURST_FRAMES, REPLAY_LINGER_MS, SUBSCRIBE_MS_MAX } from "../base/limits.ts";
import { type Faults, framesOf } from "./faults.ts";
import { Tape, type TapeOptions } from "./player.ts";
import { type Channel, type Client, newClient, receive } from "./session.ts";
import { RateLimit, RestAnswers } from "./trades-api.ts";

export interface ExchangeOptions extends TapeOptions {
  host: string;
  /** 0 takes any free one. */
  port: number;
  faults?: Faults;
  /** Time between heartbeats, and to subscribe in: the exchange's own unless a test is in a hurry. */
  heartbeat_ms?: number;
  subscribe_ms?: number;
  /** How long the end waits for a client that was away. */
  linger_ms?: number;
}

export interface Exchange {
  /** ws://host:port of the feed; the same port answers REST over http. */
  url: string;
  port: number;
  /** Resolves when the recording has ended and the clients were told so. */
  ended: Promise<void>;
  /** Connections so far, frames of trades sent, and answers of REST. */
  counts(): { connections: number; frames: number; rest_requests: number };
  stop(): Promise<void>;
}

type Socket = Bun.ServerWebSocket<Client>;

/** Starts the server; the play begins with the first subscription. Fails with PORT_IN_USE. */
export function startExchange(options: ExchangeOptions): Exchange {
  return new Player(options);
}

class Player implements Exchange {
  readonly url: string;
  readonly port: number;
  readonly ended: Promise<void>;
  readonly #tape: Tape;
  readonly #faults: Faults;
  readonly #server: Bun.Server<Client>;
  readonly #rest: RestAnswers;
  readonly #connects = new RateLimit(8, 20);
  readonly #sockets = new Set<Socket>();
  readonly #done = Promise.withResolvers<void>();
  readonly #beat: Timer;
  #timer: Timer | null = null;
  #connections = 0;
  #frames = 0;
  #told = false;
  #stopped = false;

  constructor(private readonly options: ExchangeOptions) {
    this.#tape = new Tape(options);
    this.#faults = options.faults ?? {};
    this.#rest = new RestAnswers(this.#tape, this.#faults.rest ?? {});
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

  #listen(): Bun.Server<Client> {
    const { host, port } = this.options;
    try {
      return Bun.serve<Client>({
        hostname: host,
        port,
        fetch: (request, server) => {
          if (request.headers.get("upgrade") === null) return this.#rest.answer(request);
          if (!this.#connects.take()) return Response.json({ message: "Too many connections" }, { status: 429 });
          return server.upgrade(request, { data: newClient() })
            ? undefined
            : new Response("no WebSocket", { status: 400 });
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
      const hint = "Stop what listens there, or choose another with --port.";
      throw new TidemarkError("PORT_IN_USE", `${host}:${port} can't be listened on: ${sentence(error)}.`, hint, {
        cause: error,
      });
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
    ws.data.place = -1;
    this.#finish();
  }

  #message(ws: Socket, text: string): void {
    const { data } = ws;
    if (this.#tape.paced && this.#tape.started) this.#tape.advance();
    const answers = receive(data, text, this.#tape);
    if (text.includes('"matches"')) this.#rest.expected = true;
    if (!data.silent) for (const frame of answers) ws.send(frame);
    if (data.place >= 0 || data.wants.size === 0) return;
    if (data.timer) clearTimeout(data.timer);
    this.#tape.start();
    data.place = this.#tape.stand;
    this.#pump(ws);
    if (this.#tape.paced && this.#timer === null) this.#step();
  }

  /** A paced play: what is due goes to everyone, then it sleeps until the next trade is. */
  #step(): void {
    const wait_ms = this.#tape.advance();
    for (const ws of this.#sockets) this.#pump(ws);
    if (this.#tape.over || this.#stopped) this.#finish();
    else this.#timer = setTimeout(() => this.#step(), Math.max(1, Math.min(wait_ms, 1_000)));
  }

  /** Sends a client what is due, as far as its socket takes it: −1 from `send` means that the rest waits for `drain`. */
  #pump(ws: Socket): void {
    const { data } = ws;
    const tape = this.#tape;
    if (data.place < 0 || data.stalled || this.#stopped) return;
    const due = Math.min(tape.paced ? tape.stand : tape.end, data.place + REPLAY_BURST_FRAMES);
    while (data.place < due && !data.stalled) {
      ws.cork(() => {
        for (const stop = Math.min(due, data.place + 100); data.place >= 0 && data.place < stop && !data.stalled; ) {
          const index = data.place++;
          const wants = data.wants.get(tape.trade(index).product_id);
          if (wants !== undefined) this.#send(ws, index, wants);
        }
      });
      if (data.place < 0) return;
    }
    if (data.place > tape.stand) tape.stand = data.place;
    if (data.place >= tape.end) this.#tellEnd(ws);
    else if (!data.stalled && !data.scheduled && (!tape.paced || data.place < tape.stand)) {
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
    return channel === "ticker" ? this.#tape.trade(index).line : this.#tape.match(index);
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
    const earlier = index > 0 && faults.swap_ids?.includes(this.#tape.trade(index - 1).trade_id);
    const before = earlier ? this.#frame(index - 1, channel) : null;
    for (const one of framesOf(faults, index, this.#tape.trade(index).trade_id, frame, before)) {
      if (data.sent >= (faults.cut_after?.[data.connection - 1] ?? Number.POSITIVE_INFINITY)) {
        this.#cut(ws, index);
        return;
      }
      this.#push(ws, one);
    }
  }

  /** The trade in hand was not sent: it is the next one's. */
  #cut(ws: Socket, index: number): void {
    if (index > this.#tape.stand) this.#tape.stand = index;
    ws.data.place = -1;
    if (this.#faults.cut_code === undefined) ws.terminate();
    else ws.close(this.#faults.cut_code, "as the script of faults says");
  }

  #tellEnd(ws: Socket): void {
    this.#told = true;
    if (!ws.data.silent) ws.close(1000, "the recording has ended");
  }

  /**
   * Over once the play is and all clients have gone. One that was away at the end gets a while to come back and hear of it, and one
   * that fills gaps from REST gets its answers.
   */
  #finish(): void {
    if (!this.#tape.over || this.#sockets.size > 0) return;
    const quiet_ms = this.#told ? this.#rest.quietMs() : (this.options.linger_ms ?? REPLAY_LINGER_MS);
    if (quiet_ms <= 0) this.#done.resolve();
    else if (this.#told) setTimeout(() => this.#finish(), quiet_ms);
    else setTimeout(() => this.#sockets.size > 0 || this.#done.resolve(), quiet_ms);
  }

  #heartbeat(): void {
    const time = isoFromUs(this.#tape.clockUs());
    for (const ws of this.#sockets) {
      if (ws.data.silent || ws.data.stalled) continue;
      for (const [product_id, channels] of ws.data.wants) {
        if (!channels.has("heartbeat")) continue;
        const last = this.#tape.last(product_id)?.trade_id ?? 0;
        ws.send(JSON.stringify({ type: "heartbeat", sequence: last, last_trade_id: last, product_id, time }));
      }
    }
  }
}
