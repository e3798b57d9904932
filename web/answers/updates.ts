/** What each page gets next, as text that is made once for all pages at the same position. */
import { monotonicMs } from "../../scripts/base/clock.ts";
import { CHART_WINDOWS_MAX, EVENTS_STATUS_MS } from "../../scripts/base/limits.ts";
import { printableLines } from "../../scripts/base/printable.ts";
import { eventText, type ServerEvent } from "../http/sse.ts";
import { type Changes, changesSince, type Now, type PagePosition } from "../model/page-changes.ts";
import { lastDone } from "../model/runs.ts";
import type { Selection } from "../model/selection.ts";
import type { Sources } from "../model/sources.ts";
import { type Status, status } from "../model/status.ts";
import { changedWindows, newestWindows } from "../model/windows.ts";
import { batchEvents, statusEvents, windowEvents } from "./update-events.ts";

/** The files' state as of the last `refresh`. */
interface Moment {
  status: Status;
  windows: Now["windows"];
  run_id: number;
  beat: number;
}

/** The table of measures is sent with every fifth status. */
const MEASURES_EVERY = 5;
const encoder = new TextEncoder();

export class Updates {
  #moment: Moment | null = null;
  /** Counts the statuses, one per EVENTS_STATUS_MS. */
  #beat = 0;
  #beat_due_ms = 0;
  /** By what is in them. */
  readonly #texts = new Map<string, Uint8Array>();
  /** Answers of queries by what was asked. */
  readonly #answers = new Map<string, unknown>();

  constructor(private readonly sources: Sources) {}

  /** Reads the files' state. */
  async refresh(): Promise<void> {
    const { sources } = this;
    const now = await status(sources);
    if (monotonicMs() >= this.#beat_due_ms) {
      this.#beat_due_ms = monotonicMs() + EVENTS_STATUS_MS * 0.9;
      this.#beat++;
    }
    this.#moment = sources.leniently(() => ({
      status: now,
      windows: { epoch: sources.windows.epoch, change_id: sources.windows.counters().change_id ?? 0 },
      run_id: lastDone(sources)?.run_id ?? 0,
      beat: this.#beat,
    }));
    this.#texts.clear();
    this.#answers.clear();
  }

  /** What a page at `position` lacks (null: nothing) and its next position. Call `refresh` first. */
  since(position: PagePosition, selection: Selection): { bytes: Uint8Array | null; position: PagePosition } {
    const moment = this.#moment;
    if (moment === null) throw new Error("refresh was not called");
    return this.sources.leniently(() => {
      const found = changesSince(position, this.#nowOf(moment, selection));
      return { bytes: this.#bytes(found.changes, selection, moment), position: found.position };
    });
  }

  #nowOf({ windows, run_id, beat }: Moment, selection: Selection): Now {
    const { sources } = this;
    return {
      windows,
      run_id,
      beat,
      changedSince: (change_id) =>
        this.#once(`${key(selection)} since ${change_id}`, () =>
          changedWindows(sources, selection, change_id, CHART_WINDOWS_MAX),
        ),
      newestStart: () =>
        this.#once(`${key(selection)} newest`, () => newestWindows(sources, selection, 1)[0]?.window_start ?? ""),
    };
  }

  /** One query for all pages until the next `refresh`. */
  #once<T>(name: string, query: () => T): T {
    if (!this.#answers.has(name)) this.#answers.set(name, query());
    return this.#answers.get(name) as T;
  }

  #bytes(changes: Changes, selection: Selection, moment: Moment): Uint8Array | null {
    const { windows, batch, status } = changes;
    if (windows === null && !batch && !status) return null;
    const name = `${key(selection)} ${windows?.since} ${windows?.is_new} ${batch} ${status}`;
    const known = this.#texts.get(name);
    if (known !== undefined) return known;
    const bytes = encoder.encode(printableLines(this.#text(changes, selection, moment)));
    this.#texts.set(name, bytes);
    return bytes;
  }

  #text({ windows, batch, status }: Changes, selection: Selection, moment: Moment): string {
    const { sources } = this;
    const events: ServerEvent[] = [];
    if (windows !== null) events.push(...windowEvents(sources, selection, windows, moment.windows));
    if (batch) events.push(...batchEvents(sources, selection));
    if (status) {
      const measures = moment.beat % MEASURES_EVERY === 0;
      events.push(...statusEvents(sources, selection, moment.status, { measures }));
    }
    return events.map(eventText).join("");
  }
}

function key({ product, size }: Selection): string {
  return `${size.us} ${product}`;
}
