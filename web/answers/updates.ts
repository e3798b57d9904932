/** What a page gets: windows that changed since it last heard, the newest batch, the status. Made once for all pages that stand at the same place. */
import { monotonicMs } from "../../scripts/base/clock.ts";
import { CHART_WINDOWS_MAX, EVENTS_STATUS_MS } from "../../scripts/base/limits.ts";
import { printableLines } from "../../scripts/base/printable.ts";
import { lastDone } from "../model/comparison.ts";
import type { MetricResults } from "../model/metric-results.ts";
import type { Sources } from "../model/sources.ts";
import { type Status, status } from "../model/status.ts";
import {
  batchAverage,
  batchSide,
  minutes,
  type Selection,
  streamAge,
  streamSide,
  viewOf,
  words,
} from "../model/view.ts";
import { changedWindows, type ShownWindow, windows } from "../model/windows.ts";
import { batchParts, changedRows, newWindows, strip } from "../pages/fragments.tsx";

/** Where one page stands. */
export interface Place {
  selection: Selection;
  /** windows.db and the commit up to which it has everything; null: it has nothing yet. */
  at: { epoch: string; change_id: number } | null;
  /** Start of the newest window that it shows. */
  newest: string;
  run_id: number;
  /** Name of the newest status that it has. */
  status: string;
}

/** A page that has nothing, or what its Last-Event-ID says: `epoch.change_id`, as ids are sent. */
export function placeOf(selection: Selection, last_event_id: string | undefined): Place {
  const match = /^([0-9a-z]{1,20})\.(\d{1,15})$/.exec(last_event_id ?? "");
  const at = match ? { epoch: match[1]!, change_id: Number(match[2]) } : null;
  return { selection, at, newest: "", run_id: -1, status: "" };
}

export class News {
  #status: Status | null = null;
  #status_due_ms = 0;
  /** Counts the statuses. */
  #beat = 0;
  /** How far the files were at the last look. */
  #now = { epoch: "", change_id: 0, run: 0 };
  #texts = new Map<string, Uint8Array>();
  #changes: { name: string; to: number; rows: ShownWindow[] } = { name: "", to: -1, rows: [] };

  constructor(
    private readonly sources: Sources,
    private readonly results: MetricResults,
  ) {}

  /** Looks at the files. */
  async refresh(): Promise<void> {
    const { sources } = this;
    this.#status = await status(sources);
    this.#now = sources.leniently(() => ({
      epoch: sources.windows.epoch,
      change_id: sources.windows.counters().change_id ?? 0,
      run: lastDone(sources)?.run_id ?? 0,
    }));
    if (monotonicMs() >= this.#status_due_ms) {
      this.#status_due_ms = monotonicMs() + EVENTS_STATUS_MS * 0.9;
      this.#beat++;
    }
    this.#texts.clear();
  }

  /** All that a page has not seen, as one text's bytes, and moves its place; null when there is nothing. Call `refresh` first. */
  of(place: Place): Uint8Array | null {
    return this.sources.leniently(() => this.#of(place));
  }

  #of(place: Place): Uint8Array | null {
    const parts = [this.#windowNews(place), this.#batchNews(place), this.#statusNews(place)].filter(
      (part) => part !== null,
    );
    if (parts.length === 0) return null;
    const name = parts.map((part) => part.name).join(" + ");
    let bytes = this.#texts.get(name);
    if (bytes === undefined) {
      bytes = encoder.encode(printableLines(parts.map((part) => part.make()).join("")));
      this.#texts.set(name, bytes);
    }
    return bytes;
  }

  #windowNews(place: Place): Part | null {
    const { sources } = this;
    const { selection, at } = place;
    const { epoch, change_id } = this.#now;
    const known = at !== null && at.epoch === epoch && at.change_id <= change_id;
    if (known && at.change_id === change_id) return null;
    place.at = { epoch, change_id };
    const changed = known ? this.#changedSince(selection, at.change_id) : [];
    if (known && changed.length === 0) return null;
    const snapshot = !known || changed.length === CHART_WINDOWS_MAX;
    const newest = snapshot ? "" : place.newest;
    place.newest = changed.at(-1)?.window_start ?? windows(sources, newestOf(selection, 1))[0]?.window_start ?? "";
    const isNew = place.newest > newest;
    const id = `${epoch}.${change_id}`;
    const make = () => {
      const rows = snapshot ? windows(sources, newestOf(selection, CHART_WINDOWS_MAX)).reverse() : changed;
      const shown = this.#sides(selection);
      const inTable = new Set(shown.stream.windows.map((w) => w.window_start));
      const parts = isNew
        ? newWindows(shown)
        : changedRows(
            changed.filter((w) => inTable.has(w.window_start)),
            shown,
          );
      const data = JSON.stringify({ snapshot, rows: rows.map(point) });
      return message({ event: "windows", id, data }) + message({ data: parts });
    };
    return { name: `windows ${key(selection)} ${snapshot ? "all" : at!.change_id} ${isNew}`, make };
  }

  #changedSince(selection: Selection, change_id: number): ShownWindow[] {
    const name = `${key(selection)} ${change_id}`;
    if (this.#changes.name !== name || this.#changes.to !== this.#now.change_id) {
      const rows = changedWindows(this.sources, selection.product, selection.size_us, change_id, CHART_WINDOWS_MAX);
      this.#changes = { name, to: this.#now.change_id, rows };
    }
    return this.#changes.rows;
  }

  #sides(selection: Selection) {
    const [stream, batch] = [streamSide(this.sources, selection), batchSide(this.sources, this.results, selection)];
    return {
      selection,
      stream,
      batch,
    };
  }

  #batchNews(place: Place): Part | null {
    const { selection } = place;
    if (place.run_id === this.#now.run) return null;
    place.run_id = this.#now.run;
    const make = () => {
      const whole = viewOf(this.sources, this.results, selection, this.#status!);
      const data = {
        average: batchAverage(whole.batch),
        minutes: minutes(this.results, selection)
          .slice(0, CHART_WINDOWS_MAX)
          .reverse()
          .map((row) => [
            Date.parse(String(row.window_start)) / 1000,
            Number(row.trade_count),
            Number(row.total_volume),
          ]),
        runs: whole.batch.runs
          .filter((run) => run.seconds !== null)
          .reverse()
          .map((run) => [run.run_id, run.seconds]),
        stream_p50_ms: whole.stream.latency?.p50_ms ?? null,
      };
      return message({ event: "batch", data: JSON.stringify(data) }) + message({ data: batchParts(whole) });
    };
    return { name: `batch ${key(selection)} ${this.#now.run}`, make };
  }

  /** The strip once a second; the table of words, which is larger, every fifth time. */
  #statusNews(place: Place): Part | null {
    const { selection } = place;
    const name = `status ${key(selection)} ${this.#beat}`;
    if (place.status === name) return null;
    place.status = name;
    const make = () => {
      const feed = this.sources.feed();
      const state = this.#status!;
      const table = this.#beat % WORDS_EVERY === 0 ? words(this.sources, this.results, selection, state, feed) : null;
      return message({
        data: strip({ status: state, selection, age: streamAge(this.sources, selection, feed) }, table),
      });
    };
    return { name, make };
  }
}

/** A piece of news: pages with the same `name` get the same text, which is made once. */
interface Part {
  name: string;
  make(): string;
}

/** The table of words goes out with every fifth status. */
const WORDS_EVERY = 5;
const encoder = new TextEncoder();

function newestOf(selection: Selection, limit: number) {
  return { ...selection, from_us: null, to_us: null, limit };
}

function key({ size_us, product }: Selection): string {
  return `${size_us} ${product}`;
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
