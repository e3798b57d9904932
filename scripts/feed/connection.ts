/**
 * One WebSocket connection: frames in, silence noticed, an end told once. Not what frames mean, nor when to connect again.
 * `ws` is Bun's built-in: on 1.4.5 it honours maxPayload, handshakeTimeout and pause(), which Bun's own WebSocket does only in part.
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

export interface ConnectionHandlers {
  onOpen(connection: Connection): void;
  onFrame(frame: Buffer): void;
  silence_ms?: number;
  /** An HTTP proxy's address; "" connects directly. */
  proxy?: string;
}

/** Looks for silence this often within the limit; a suspended process counts no looks, so that it isn't taken for silence. */
const LOOKS = 10;

export class Connection {
  readonly ended: Promise<ConnectionEnd>;
  readonly #socket: WebSocket;
  readonly #end = Promise.withResolvers<ConnectionEnd>();
  readonly #timer: Timer;
  #opened = false;
  #quiet_looks = 0;
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
      this.#quiet_looks = 0;
      handlers.onFrame(data);
    });
    // A server that pings is alive, also when the market is quiet and it sends no heartbeats.
    socket.on("ping", () => {
      this.#quiet_looks = 0;
    });
    socket.on("error", (error) => {
      this.#why ||= error.message;
    });
    socket.on("close", (code, reason) => this.#close(code, this.#why || String(reason)));
    this.#timer = setInterval(() => {
      if (socket.isPaused || !this.#opened) return;
      if (++this.#quiet_looks > LOOKS) this.drop(`silent for ${silence_ms / 1000} s`);
    }, silence_ms / LOOKS);
  }

  send(message: object): void {
    this.#socket.send(JSON.stringify(message));
  }

  /** Stops reading: what comes meanwhile waits in the kernel's buffers, then at the exchange. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#quiet_looks = 0;
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
