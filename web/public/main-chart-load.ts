/** Loads the main chart's windows: the first view, what panning lacks, and what is in the archive only. */

import { RANGES, type RangeName } from "../../scripts/contract/page-address.ts";
import type { Bar, Cell, ChartAnswer } from "../../scripts/contract/page-events.ts";
import type { ChartStore } from "./main-chart-store.ts";
import { type Extent, missing, type View } from "./main-chart-view.ts";
import type { Range } from "./page-bus.ts";
import { addressUnder } from "./site.ts";

interface Loaded {
  /** An answer is in the store. */
  took(answer: ChartAnswer): void;
  /** The note is another one. */
  noted(): void;
}

/** GET /api/chart/older. */
interface OlderAnswer {
  batch: Bar[];
}

type Selection = { product: string; window: string };

/** After a failed request the next one waits this long. */
const RETRY_MS = 2_000;
/** The archive is read by a few processes at once: a busy server is asked again. */
const OLDER_TRIES = 4;

export class Loader {
  readonly #store: ChartStore;
  readonly #loaded: Loaded;
  #abort = new AbortController();
  #isBusy = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** The batch run that the view was loaded with: its event adds nothing. */
  run_id: number | null = null;
  #failed_ms = Number.NEGATIVE_INFINITY;
  #notes = { windows: "", older: "" };

  constructor(store: ChartStore, loaded: Loaded) {
    this.#store = store;
    this.#loaded = loaded;
  }

  /** The view of a range, in place of all that is in memory. */
  async first(selection: Selection, { span_ms, to_ms }: Range): Promise<void> {
    this.stop();
    const query: Record<string, string> =
      to_ms === null || span_ms === "all"
        ? { range: enough(span_ms) }
        : { from: iso((to_ms - span_ms) / 1000), to: iso(to_ms / 1000) };
    const isLoaded = await this.#load("loading …", selection, query, (answer) => {
      this.#store.clear();
      this.run_id = answer.run_id;
      this.#store.cover({ from_s: answer.from_s, to_s: to_ms === null ? null : answer.to_s }, answer);
    });
    if (isLoaded === false) this.#retry = setTimeout(() => void this.first(selection, { span_ms, to_ms }), RETRY_MS);
  }

  /** What is being loaded, or why it can't be; "": nothing. */
  get note(): string {
    return this.#notes.windows || this.#notes.older;
  }

  #note(of: "windows" | "older", text: string): void {
    this.#notes[of] = text;
    this.#loaded.noted();
  }

  /** Whether windows are under way: events that come meanwhile are newer than they are. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Loads what a view lacks; nothing while a request is under way, at whose end it is asked again. */
  async more(selection: Selection, view: View, extent: Extent): Promise<void> {
    if (this.#isBusy || performance.now() - this.#failed_ms < RETRY_MS) return;
    const span = missing(view, this.#store.coverage, extent);
    if (span === null) return;
    const isEarlier = span.from_s < (this.#store.coverage?.from_s ?? span.from_s);
    const query = { from: iso(span.from_s), ...(span.to_s === null ? {} : { to: iso(span.to_s) }) };
    await this.#load(`loading ${isEarlier ? "earlier " : ""}windows …`, selection, query, (answer) => {
      // A cut answer has its newest windows, which may not reach what is here.
      const from_s = answer.is_cut ? answer.from_s : span.from_s;
      this.#store.cover({ from_s, to_s: span.to_s }, answer);
      this.#store.bound((view.from_s + view.to_s) / 2);
    });
  }

  /** True: loaded; false: failed; null: ended by `stop`. */
  async #load(
    note: string,
    { product, window }: Selection,
    query: Record<string, string>,
    take: (answer: ChartAnswer) => void,
  ): Promise<boolean | null> {
    const { signal } = this.#abort;
    this.#isBusy = true;
    this.#note("windows", note);
    try {
      const answer = await get<ChartAnswer>("/api/chart", { product, window, ...query }, signal);
      take(answer);
      this.#isBusy = false;
      this.#note("windows", "");
      this.#loaded.took(answer);
      await this.#older(answer, signal);
      return true;
    } catch (error) {
      if (signal.aborted) return null;
      this.#failed_ms = performance.now();
      this.#isBusy = false;
      this.#note("windows", `not loaded: ${reasonOf(error)}`);
      return false;
    }
  }

  /**
   * The batch's windows that its newest run no longer lists are read from the archive; without them
   * the stream's are drawn alone.
   */
  async #older(answer: ChartAnswer, signal: AbortSignal): Promise<void> {
    const { product, window, from_s, to_s, older_before_s } = answer;
    if (older_before_s === null || from_s >= older_before_s) return;
    this.#note("older", "loading the batch’s earlier windows …");
    const span = { from: iso(from_s), to: iso(Math.min(to_s, older_before_s)) };
    for (let tries = 1; ; tries++) {
      try {
        const { batch } = await get<OlderAnswer>("/api/chart/older", { product, window, ...span }, signal);
        this.#store.add({ stream: [], batch, cells: this.#historyOf(batch) });
        this.#note("older", "");
        this.#loaded.took(answer);
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#note("older", `the batch’s earlier windows are not loaded: ${reasonOf(error)}`);
        if (tries === OLDER_TRIES) return;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  /** The batch's earlier windows that the stream lacks, of which no cell came. */
  #historyOf(batch: readonly Bar[]): Cell[] {
    const isHistory = (start_s: number) => {
      const row = this.#store.get(start_s);
      return row === undefined || (row.stream === null && row.cell === null);
    };
    return batch.flatMap(([start_s]): Cell[] => (isHistory(start_s) ? [[start_s, "history", 0]] : []));
  }

  /** Ends what is under way. */
  stop(): void {
    this.#abort.abort();
    clearTimeout(this.#retry);
    this.#abort = new AbortController();
    this.#isBusy = false;
    this.run_id = null;
    this.#failed_ms = Number.NEGATIVE_INFINITY;
    this.#notes = { windows: "", older: "" };
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The shortest range that the server knows which is at least this long. */
function enough(span_ms: Range["span_ms"]): RangeName {
  if (span_ms === "all") return "all";
  const found = Object.entries(RANGES).find(([, length]) => length !== "all" && length >= span_ms);
  return (found?.[0] ?? "all") as RangeName;
}

function iso(at_s: number): string {
  return new Date(Math.round(at_s * 1000)).toISOString();
}

async function get<T>(path: string, query: Record<string, string>, signal: AbortSignal): Promise<T> {
  const answer = await fetch(`${addressUnder(path)}?${new URLSearchParams(query)}`, {
    signal,
    headers: { Accept: "application/json" },
  });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.json();
}
