/**
 * One WebSocket connection: passes frames, detects silence, reports its end once.
 * It uses Bun's built-in `ws`, because Bun 1.4.5's own WebSocket lacks maxPayload, handshakeTimeout
 * and pause().
 */
import WebSocket from "ws";
import { FEED_SILENCE_MS_MAX, FRAME_BYTES_MAX, HANDSHAKE_MS_MAX } from "../base/limits.ts";

export interface ConnectionEnd {
  /** The close frame's code; 1006 when there was none. */
  code: number;
  /** For people. */
  reason: string;
  opened: boolean;
}

interface ConnectionHandlers {
  onOpen(connection: Connection): void;
  onFrame(frame: Buffer): void;
  silence_ms?: number;
  /** An HTTP proxy's address; "" connects directly. */
  proxy?: string;
}

/** Silence is this many checks without a frame, not a span: a suspended process makes no checks. */
const SILENT_CHECKS = 10;

export class Connection {
  readonly ended: Promise<ConnectionEnd>;
  readonly #socket: WebSocket;
  readonly #end = Promise.withResolvers<ConnectionEnd>();
  readonly #timer: Timer;
  #opened = false;
  #quiet_checks = 0;
  #why = "";

  constructor(url: string, handlers: ConnectionHandlers) {
    this.ended = this.#end.promise;
    const silence_ms = handlers.silence_ms ?? FEED_SILENCE_MS_MAX;
    const socket = new WebSocket(url, {
      maxPayload: FRAME_BYTES_MAX,
      handshakeTimeout: HANDSHAKE_MS_MAX,
      perMessageDeflate: false,
      ...(handlers.proxy ? { proxy: handlers.proxy } : {}),
    });
    this.#socket = socket;
    socket.on("open", () => {
      this.#opened = true;
      handlers.onOpen(this);
    });
    socket.on("message", (data) => {
      this.#quiet_checks = 0;
      handlers.onFrame(data);
    });
    // A server that pings is alive, also when the market is quiet and it sends no heartbeats.
    socket.on("ping", () => {
      this.#quiet_checks = 0;
    });
    socket.on("error", (error) => {
      this.#why ||= error.message;
    });
    socket.on("close", (code, reason) => this.#close(code, this.#why || String(reason)));
    this.#timer = setInterval(() => {
      if (socket.isPaused || !this.#opened) return;
      if (++this.#quiet_checks > SILENT_CHECKS) this.drop(`silent for ${silence_ms / 1000} s`);
    }, silence_ms / SILENT_CHECKS);
  }

  send(message: object): void {
    this.#socket.send(JSON.stringify(message));
  }

  /** Stops reading: frames wait in the kernel's buffers, then at the exchange. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#quiet_checks = 0;
    this.#socket.resume();
  }

  /** Ends the connection without waiting for the peer, which may be dead. */
  drop(why: string): void {
    this.#why = why;
    this.#socket.terminate();
    this.#close(1006, why);
  }

  #close(code: number, reason: string): void {
    clearInterval(this.#timer);
    this.#end.resolve({ code, reason, opened: this.#opened });
  }
}
