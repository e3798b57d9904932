/**
 * /events: windows as they change, batch runs as they end, the status once a second. One look at the files serves all pages, and one
 * text all pages that stand at the same place. A slow page gets fewer, newer messages, never a queue (faults.md 31).
 */
import type { Context } from "hono";
import { getBunServer } from "hono/bun";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import { monotonicMs } from "../scripts/common/clock.ts";
import {
  CHART_WINDOWS_MAX,
  EVENTS_EVERY_MS,
  EVENTS_LOOK_MS,
  EVENTS_STATUS_MS,
  EVENTS_WRITE_MS_MAX,
  SSE_CLIENTS_MAX,
} from "../scripts/common/limits.ts";
import { lastDone } from "./comparison.ts";
import type { MetricResults } from "./metric-results.ts";
import { batchParts, changedRows, newWindows, strip } from "./pages/fragments.tsx";
import { answerProblem, Problem } from "./problem.ts";
import { parameters, selectionOf } from "./query-string.ts";
import type { Sources } from "./sources.ts";
import { type Status, status } from "./status.ts";
import { batchAverage, batchSide, choices, minutes, type Selection, streamSide, view, words } from "./view.ts";
import { changedWindows, type ShownWindow, windows } from "./windows.ts";

/** Where one page stands. */
interface Client {
  selection: Selection;
  /** windows.db and the commit up to which it has everything; null: it has nothing yet. */
  at: { epoch: string; change_id: number } | null;
  /** Start of the newest window that it shows. */
  newest: string;
  run_id: number;
  status_due_ms: number;
  wake: () => void;
}

export class EventHub {
  readonly #clients = new Set<Client>();
  #timer: Timer | null = null;
  #versions = "";
  #changed = false;
  #sent_ms = 0;
  #status: Status | null = null;
  /** How far the files were at the last look. */
  #now = { epoch: "", change_id: 0, run_id: 0 };
  #texts = new Map<string, string>();
  #closed = false;

  constructor(
    private readonly sources: Sources,
    private readonly results: MetricResults,
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
    const selection = selectionOf(parameters(c, ["product", "window"]), choices(this.sources));
    const client: Client = {
      selection,
      at: stand(c.req.header("last-event-id")),
      newest: "",
      run_id: -1,
      status_due_ms: 0,
      wake: () => {},
    };
    // Bun cuts a quiet answer after 10 s otherwise (1.4.5).
    getBunServer<Bun.Server<unknown>>(c)?.timeout(c.req.raw, 0);
    return streamSSE(c, (stream) => this.#serve(client, stream));
  };

  /** Ends every stream; pages connect again by themselves. */
  close(): void {
    this.#closed = true;
    for (const client of this.#clients) client.wake();
    if (this.#timer) clearInterval(this.#timer);
  }

  async #serve(client: Client, stream: SSEStreamingApi): Promise<void> {
    stream.onAbort(() => client.wake());
    this.#clients.add(client);
    this.#timer ??= setInterval(() => void this.#look(), EVENTS_LOOK_MS);
    try {
      if (this.#status === null) await this.#refresh();
      while (!stream.aborted && !this.#closed) {
        const woken = new Promise<void>((resolve) => {
          client.wake = resolve;
        });
        const text = await this.#news(client);
        if (text !== "" && !(await written(stream, text))) break;
        await woken;
      }
    } finally {
      this.#clients.delete(client);
      if (this.#clients.size === 0 && this.#timer) {
        clearInterval(this.#timer);
        this.#timer = null;
      }
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
    await this.#refresh();
    for (const client of this.#clients) client.wake();
  }

  async #refresh(): Promise<void> {
    const { windows: w } = this.sources;
    this.#status = await status(this.sources);
    this.#now = { epoch: w.epoch, change_id: w.counters().change_id ?? 0, run_id: lastDone(this.sources)?.run_id ?? 0 };
    this.#texts.clear();
  }

  /** All that a page has not seen, as one text; "" when there is nothing. */
  async #news(client: Client): Promise<string> {
    let text = this.#windowNews(client);
    const { run_id } = this.#now;
    if (run_id !== client.run_id) {
      client.run_id = run_id;
      text += await this.#once(`batch ${key(client)} ${run_id}`, () => this.#batchNews(client.selection));
    }
    if (monotonicMs() >= client.status_due_ms) {
      client.status_due_ms = monotonicMs() + EVENTS_STATUS_MS * 0.9;
      text += await this.#once(`status ${key(client)}`, () => this.#statusNews(client.selection));
    }
    return text;
  }

  #windowNews(client: Client): string {
    const { sources } = this;
    const { selection, at } = client;
    const { epoch, change_id } = this.#now;
    const known = at !== null && at.epoch === epoch && at.change_id <= change_id;
    if (known && at.change_id === change_id) return "";
    client.at = { epoch, change_id };
    const id = `${epoch}.${change_id}`;
    const changed = known
      ? changedWindows(sources, selection.product, selection.size_us, at.change_id, CHART_WINDOWS_MAX)
      : [];
    if (known && changed.length === 0) return "";
    const isNew = !known || changed.length === CHART_WINDOWS_MAX || changed.at(-1)!.window_start > client.newest;
    const text = this.#text(`windows ${key(client)} ${known ? at.change_id : "all"} ${id} ${isNew}`, () => {
      const snapshot = !known || changed.length === CHART_WINDOWS_MAX;
      const rows = snapshot
        ? windows(sources, { ...selection, from_us: null, to_us: null, limit: CHART_WINDOWS_MAX }).reverse()
        : changed;
      const shown = { ...this.#sides(selection) };
      const inTable = new Set(shown.stream.windows.map((w) => w.window_start));
      const parts = isNew
        ? newWindows(shown)
        : changedRows(
            changed.filter((w) => inTable.has(w.window_start)),
            shown,
          );
      return (
        message({ event: "windows", id, data: JSON.stringify({ snapshot, rows: rows.map(point) }) }) +
        message({ data: parts })
      );
    });
    if (isNew)
      client.newest =
        changed.at(-1)?.window_start ??
        windows(sources, { ...selection, from_us: null, to_us: null, limit: 1 })[0]?.window_start ??
        "";
    return text;
  }

  #sides(selection: Selection) {
    const [stream, batch] = [streamSide(this.sources, selection), batchSide(this.sources, this.results, selection)];
    return {
      selection,
      stream,
      batch,
      words: words(this.sources, this.results, selection, this.#status!, this.sources.feed()),
    };
  }

  async #batchNews(selection: Selection): Promise<string> {
    const whole = await view(this.sources, this.results, selection);
    const latency = whole.words.find((word) => word.word === "pipeline latency")?.stream.values;
    const data = {
      average: batchAverage(whole.batch),
      minutes: minutes(this.results, selection)
        .slice(0, CHART_WINDOWS_MAX)
        .reverse()
        .map((row) => [Date.parse(String(row.window_start)) / 1000, Number(row.trade_count), Number(row.total_volume)]),
      runs: whole.batch.runs
        .filter((run) => run.seconds !== null)
        .reverse()
        .map((run) => [run.run_id, run.seconds]),
      stream_p50_ms: latency?.p50_ms ?? null,
    };
    return message({ event: "batch", data: JSON.stringify(data) }) + message({ data: batchParts(whole) });
  }

  #statusNews(selection: Selection): string {
    const feed = this.sources.feed();
    const all = {
      status: this.#status!,
      selection,
      feed,
      words: words(this.sources, this.results, selection, this.#status!, feed),
    };
    return message({ data: strip(all) });
  }

  #text(name: string, make: () => string): string {
    const known = this.#texts.get(name) ?? make();
    this.#texts.set(name, known);
    return known;
  }

  async #once(name: string, make: () => string | Promise<string>): Promise<string> {
    const known = this.#texts.get(name) ?? (await make());
    this.#texts.set(name, known);
    return known;
  }
}

/** `epoch.change_id`, as ids are sent; anything else is a page that has nothing. */
function stand(id: string | undefined): Client["at"] {
  const match = /^([0-9a-z]{1,20})\.(\d{1,15})$/.exec(id ?? "");
  return match ? { epoch: match[1]!, change_id: Number(match[2]) } : null;
}

function key({ selection }: Client): string {
  return `${selection.size_us} ${selection.product}`;
}

/** A window as the charts draw it: seconds since 1970, average price, trades, volume, final. Doubles are enough for a pixel. */
function point(w: ShownWindow): [number, number, number, number, number] {
  return [Date.parse(w.window_start) / 1000, Number(w.avg_price), w.trade_count, Number(w.total_volume), w.final];
}

/** One message of the stream (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
function message({ event, id, data }: { event?: string; id?: string; data: string }): string {
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `${event ? `event: ${event}\n` : ""}${id ? `id: ${id}\n` : ""}${lines.join("")}\n`;
}

/** Waits until the page has taken the text; false when it takes too long or is gone. */
async function written(stream: SSEStreamingApi, text: string): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), EVENTS_WRITE_MS_MAX);
  const taken = await Promise.race([stream.write(text).then(() => true as const), late.promise]);
  clearTimeout(timer);
  if (!taken) stream.abort();
  return taken && !stream.aborted;
}
