/** /events: windows as they change, batch runs as they end, the status once per second. */
import type { Context } from "hono";
import { getBunServer } from "hono/bun";
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
import { Problem } from "../http/problem.ts";
import { parameters, selectionOf } from "../http/query-string.ts";
import { type PagePosition, positionFromId } from "../model/page-changes.ts";
import { choices, type Selection } from "../model/selection.ts";
import type { Sources } from "../model/sources.ts";
import type { Updates } from "./updates.ts";

interface Client {
  readonly selection: Selection;
  position: PagePosition;
  /** When it last asked for something; 0: never. */
  asked_ms: number;
  close: (() => void) | null;
  /** Set while it waits for changes. */
  wake: (() => void) | null;
}

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
  #fresh = false;
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
    const given = parameters(c, ["product", "window"]);
    const selection = this.sources.leniently(() => selectionOf(given, choices(this.sources)));
    const position = positionFromId(c.req.header("last-event-id"));
    // Bun closes an answer that is silent for 10 s otherwise (1.4.5).
    getBunServer<Bun.Server<unknown>>(c)?.timeout(c.req.raw, 0);
    const headers = { "Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no" };
    if (c.req.method === "HEAD") return c.body(null, 200, headers);
    return c.body(this.#stream({ selection, position, asked_ms: 0, close: null, wake: null }), 200, headers);
  };

  /** Ends every stream; pages connect again by themselves. */
  close(): void {
    for (const client of this.#clients) client.close?.();
    this.#rest();
  }

  /** Back-pressure: the next text is made when the client asks for it, so a slow one has no queue. */
  #stream(client: Client): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          client.close = () => {
            this.#gone(client);
            controller.close();
            client.wake?.();
          };
          this.#clients.add(client);
          this.#timer ??= setInterval(() => void this.#pollOnce(), EVENTS_POLL_MS);
        },
        pull: async (controller) => {
          try {
            const bytes = await this.#next(client);
            if (bytes !== null) controller.enqueue(bytes);
          } catch (error) {
            this.#warn(error);
            client.close?.();
          }
        },
        cancel: () => this.#gone(client),
      },
      { highWaterMark: 1 },
    );
  }

  /** Waits until there is something that the client lacks; null when it is gone. */
  async #next(client: Client): Promise<Uint8Array | null> {
    if (!this.#fresh) await this.updates.refresh();
    this.#fresh = true;
    while (this.#clients.has(client)) {
      client.asked_ms = monotonicMs();
      const { bytes, position } = this.updates.since(client.position, client.selection);
      client.position = position;
      if (bytes !== null) return bytes;
      await new Promise<void>((resolve) => {
        client.wake = resolve;
      });
      client.wake = null;
    }
    return null;
  }

  #gone(client: Client): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.#rest();
  }

  /** Without an open page nothing is polled. */
  #rest(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    this.#fresh = false;
  }

  /** One poll at a time. One that fails is logged, and the pages keep what they have. */
  async #pollOnce(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    try {
      await this.#poll();
    } catch (error) {
      this.#warn(error);
    } finally {
      this.#polling = false;
    }
  }

  #warn(error: unknown): void {
    if (!this.#failed) this.logger.warn(`the pages can't be brought up to date: ${sentence(error)}`);
    this.#failed = true;
  }

  /** Wakes the pages after a change, at most every EVENTS_EVERY_MS, and each second for the status. */
  async #poll(): Promise<void> {
    const { windows: w, results: r } = this.sources;
    const versions = `${w.epoch}.${w.version} ${r.epoch}.${r.version}`;
    if (versions !== this.#versions) this.#changed = true;
    this.#versions = versions;
    const since_ms = monotonicMs() - this.#sent_ms;
    if (!(this.#changed && since_ms >= EVENTS_EVERY_MS) && since_ms < EVENTS_STATUS_MS) return;
    this.#changed = false;
    this.#sent_ms = monotonicMs();
    await this.updates.refresh();
    this.#failed = false;
    for (const client of this.#clients) {
      if (client.wake) client.wake();
      else if (client.asked_ms > 0 && monotonicMs() - client.asked_ms > EVENTS_WRITE_MS_MAX) client.close?.();
    }
  }
}
