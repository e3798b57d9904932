/** /events: windows as they change, batch runs as they end, the status once per second. */
import type { Context } from "hono";
import { monotonicMs } from "../../scripts/base/clock.ts";
import { sentence } from "../../scripts/base/errors.ts";
import {
  EVENTS_EVERY_MS,
  EVENTS_POLL_MS,
  EVENTS_STATUS_MS,
  EVENTS_WRITE_MS_MAX,
  SSE_CLIENTS_MAX,
} from "../../scripts/base/limits.ts";
import type { Logger } from "../../scripts/base/logger.ts";
import { acceptsGzip } from "../http/compress.ts";
import { Problem } from "../http/problem.ts";
import { unhurried } from "../http/unhurried.ts";
import { refuseTooMany, watchOf } from "../http/watched.ts";
import { choices } from "../model/selection.ts";
import type { Sources } from "../model/sources.ts";
import type { Receiver, Updates } from "./updates.ts";

interface Client {
  receiver: Receiver;
  /** It has received nothing but the opening. */
  isNew: boolean;
  /** When it last asked for something. */
  asked_ms: number;
  close: (() => void) | null;
  /** Set while it waits for bytes; null ends its stream. */
  take: ((bytes: Uint8Array | null) => void) | null;
}

const HEADERS = {
  "Content-Type": "text/event-stream",
  // A proxy that compresses would hold events back.
  "Cache-Control": "no-cache, no-transform",
  "X-Accel-Buffering": "no",
  Vary: "Accept-Encoding",
};

/**
 * The open pages. One poll of the files serves all of them, and only while a page is open. A slow
 * page gets fewer and newer messages, never a queue (docs/faults.md 31).
 */
export class EventHub {
  readonly #clients = new Set<Client>();
  #timer: Timer | null = null;
  #versions = "";
  #changed = false;
  #sent_ms = 0;
  #polling = false;
  /** The last poll failed, which is logged once. */
  #failed = false;

  constructor(
    private readonly sources: Sources,
    private readonly updates: Updates,
    private readonly logger: Logger,
  ) {}

  get clients(): number {
    return this.#clients.size;
  }

  answer = (c: Context): Response => {
    if (this.#clients.size >= SSE_CLIENTS_MAX)
      throw new Problem(503, "BUSY", `${SSE_CLIENTS_MAX} pages are open already.`, "Close some, or try again later.", {
        "Retry-After": "10",
      });
    const choice = this.sources.leniently(() => choices(this.sources));
    const watch = watchOf(c, choice);
    refuseTooMany(
      watch,
      this.#clients.values().map(({ receiver }) => receiver.watch),
      choice,
    );
    const gzip = acceptsGzip(c.req.header("accept-encoding"));
    unhurried(c);
    const headers = gzip ? { ...HEADERS, "Content-Encoding": "gzip" } : HEADERS;
    if (c.req.method === "HEAD") return c.body(null, 200, headers);
    const { receiver, bytes } = this.updates.open(watch, gzip);
    return c.body(
      this.#stream({ receiver, isNew: true, asked_ms: monotonicMs(), close: null, take: null }, bytes),
      200,
      headers,
    );
  };

  /** Ends every stream; pages connect again by themselves. */
  close(): void {
    for (const client of this.#clients) client.close?.();
    this.#rest();
  }

  /** Back-pressure: bytes are made while the client asks for some, so a slow one has no queue. */
  #stream(client: Client, opening: Uint8Array): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          controller.enqueue(opening);
          client.close = () => {
            this.#gone(client);
            controller.close();
            client.take?.(null);
          };
          this.#clients.add(client);
          this.#timer ??= setInterval(() => void this.#pollOnce(), EVENTS_POLL_MS);
        },
        pull: async (controller) => {
          const bytes = await new Promise<Uint8Array | null>((resolve) => {
            client.asked_ms = monotonicMs();
            client.take = resolve;
          });
          if (bytes !== null) controller.enqueue(bytes);
        },
        cancel: () => this.#gone(client),
      },
      { highWaterMark: 1 },
    );
  }

  #gone(client: Client): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.#rest();
  }

  /** Without an open page nothing is polled. */
  #rest(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** One poll at a time. One that fails is logged, and the pages keep what they have. */
  async #pollOnce(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      await this.#poll();
      this.#failed = false;
    } catch (error) {
      if (!this.#failed) this.logger.warn(`the pages can't be brought up to date: ${sentence(error)}`);
      this.#failed = true;
    } finally {
      this.#polling = false;
    }
  }

  /** Serves new pages at once, all after a change at most every EVENTS_EVERY_MS, and each second. */
  async #poll(): Promise<void> {
    const { windows: w, results: r } = this.sources;
    const versions = `${w.epoch}.${w.version} ${r.epoch}.${r.version}`;
    if (versions !== this.#versions) this.#changed = true;
    this.#versions = versions;
    const since_ms = monotonicMs() - this.#sent_ms;
    const isDue = (this.#changed && since_ms >= EVENTS_EVERY_MS) || since_ms >= EVENTS_STATUS_MS;
    if (!isDue && ![...this.#clients].some(({ isNew }) => isNew)) return;
    if (isDue) {
      this.#changed = false;
      this.#sent_ms = monotonicMs();
    }
    await this.updates.atOneMoment(() => {
      for (const client of this.#clients) if (isDue || client.isNew) this.#serve(client);
    }, isDue);
  }

  #serve(client: Client): void {
    const { take } = client;
    if (take === null) {
      if (monotonicMs() - client.asked_ms > EVENTS_WRITE_MS_MAX) client.close?.();
      return;
    }
    const { bytes, receiver } = this.updates.next(client.receiver);
    client.receiver = receiver;
    client.isNew = false;
    if (bytes === null) return;
    client.take = null;
    take(bytes);
  }
}
