/**
 * /events: windows as they change, batch runs as they end, the status once a second. One look at the files serves all pages, and one
 * text all pages that stand at the same place. A slow page gets fewer, newer messages, never a queue (faults.md 31).
 */
import type { Context } from "hono";
import { getBunServer } from "hono/bun";
import { monotonicMs } from "../../scripts/base/clock.ts";
import { sentence } from "../../scripts/base/errors.ts";
import {
  EVENTS_EVERY_MS,
  EVENTS_LOOK_MS,
  EVENTS_STATUS_MS,
  EVENTS_WRITE_MS_MAX,
  SSE_CLIENTS_MAX,
} from "../../scripts/base/limits.ts";
import type { Logger } from "../../scripts/base/logger.ts";
import { answerProblem, Problem } from "../http/problem.ts";
import { parameters, selectionOf } from "../http/query-string.ts";
import type { Sources } from "../model/sources.ts";
import { choices } from "../model/view.ts";
import { type News, type Place, placeOf } from "./updates.ts";

interface Client extends Place {
  /** When it last asked for something; 0: never. */
  asked_ms: number;
  close: (() => void) | null;
  /** Set while it waits for news. */
  wake: (() => void) | null;
}

export class EventHub {
  readonly #clients = new Set<Client>();
  #timer: Timer | null = null;
  #versions = "";
  #changed = false;
  #sent_ms = 0;
  #fresh = false;
  /** A look is under way: the next one waits for its turn. */
  #looking = false;
  /** The last look failed: said once. */
  #failed = false;

  constructor(
    private readonly sources: Sources,
    private readonly news: News,
    private readonly logger: Logger,
  ) {}

  get clients(): number {
    return this.#clients.size;
  }

  answer = (c: Context): Response => {
    if (this.#clients.size >= SSE_CLIENTS_MAX) {
      const full = answerProblem(
        c,
        new Problem(503, "BUSY", `${SSE_CLIENTS_MAX} pages are open already.`, "Close some, or try again later."),
      );
      full.headers.set("Retry-After", "10");
      return full;
    }
    const selection = selectionOf(
      parameters(c, ["product", "window"]),
      this.sources.leniently(() => choices(this.sources)),
    );
    const place = placeOf(selection, c.req.header("last-event-id"));
    // Bun cuts a quiet answer after 10 s otherwise (1.4.5).
    getBunServer<Bun.Server<unknown>>(c)?.timeout(c.req.raw, 0);
    const headers = { "Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no" };
    if (c.req.method === "HEAD") return c.body(null, 200, headers);
    return c.body(this.#stream({ ...place, asked_ms: 0, close: null, wake: null }), 200, headers);
  };

  /** Ends every stream; pages connect again by themselves. */
  close(): void {
    for (const client of this.#clients) client.close?.();
    this.#rest();
  }

  /** The next text is made when the page asks for it: that is all of the back-pressure. */
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
          this.#timer ??= setInterval(() => void this.#lookOnce(), EVENTS_LOOK_MS);
        },
        pull: async (controller) => {
          if (!this.#fresh) await this.news.refresh();
          this.#fresh = true;
          while (this.#clients.has(client)) {
            client.asked_ms = monotonicMs();
            const bytes = this.news.of(client);
            if (bytes !== null) {
              controller.enqueue(bytes);
              return;
            }
            await new Promise<void>((resolve) => {
              client.wake = resolve;
            });
            client.wake = null;
          }
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

  /** Nobody watches: nothing is looked at. */
  #rest(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    this.#fresh = false;
  }

  /** One look at a time. One that fails is logged, and the pages keep what they have. */
  async #lookOnce(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      await this.#look();
    } catch (error) {
      if (!this.#failed) this.logger.warn(`the pages can't be brought up to date: ${sentence(error)}`);
      this.#failed = true;
    } finally {
      this.#looking = false;
    }
  }

  /** Whether a file changed; wakes the pages at most every EVENTS_EVERY_MS, and each second for the status. */
  async #look(): Promise<void> {
    const { windows: w, results: r } = this.sources;
    const versions = `${w.epoch}.${w.version} ${r.epoch}.${r.version}`;
    if (versions !== this.#versions) this.#changed = true;
    this.#versions = versions;
    const since_ms = monotonicMs() - this.#sent_ms;
    if (!(this.#changed && since_ms >= EVENTS_EVERY_MS) && since_ms < EVENTS_STATUS_MS) return;
    this.#changed = false;
    this.#sent_ms = monotonicMs();
    await this.news.refresh();
    this.#failed = false;
    for (const client of this.#clients) {
      if (client.wake) client.wake();
      else if (client.asked_ms > 0 && monotonicMs() - client.asked_ms > EVENTS_WRITE_MS_MAX) client.close?.();
    }
  }
}
