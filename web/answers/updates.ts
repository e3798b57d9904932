/** What each open page gets next, made once for all that have received the same. */
import { monotonicMs, nowUs } from "../../scripts/base/clock.ts";
import { EVENTS_STATUS_MS } from "../../scripts/base/limits.ts";
import { gzipMessage, gzipOpening, NOTHING, type Received } from "../http/compress.ts";
import { isChoice, type Watch, type Watched } from "../http/watched.ts";
import { NewestUsed } from "../model/newest-used.ts";
import { changesSince, idFromCommit, idOf, type Now, type PagePosition } from "../model/page-changes.ts";
import { lastDone } from "../model/runs.ts";
import { type Choice, choices, type Selection } from "../model/selection.ts";
import type { Sources } from "../model/sources.ts";
import { type Status, statusNow } from "../model/status.ts";
import { type View, view, wholeView } from "../model/view.ts";
import { type PageParts, PartChanges, pageParts } from "./part-changes.ts";
import { changeTexts, statusText, titleText } from "./update-events.ts";

/** What one client has received. Clients that share this object get the same bytes next. */
export interface Receiver {
  readonly watch: Watch;
  /** One per selection of `watch.of`. */
  readonly positions: readonly PagePosition[];
  /** Number of the newest status that it has; 0: none yet. */
  readonly beat: number;
  /** Null: it gets plain text. */
  readonly received: Received | null;
}

interface Next {
  /** Null: it has everything. */
  bytes: Uint8Array | null;
  receiver: Receiver;
}

/** The files' state when a moment was taken. */
interface Moment {
  status: Status;
  now: Now;
  choice: Choice;
  /** The newest run that is done, and the newest that has ended. */
  runs: string;
  beat: number;
}

/** Beats from one title of a hidden tab to the next. */
const TITLE_BEATS = 10;
/** Beats between two messages that refer to nothing before: then all have received the same. */
const ALONE_BEATS = 30;
/** Bytes that proxies and antivirus programs are known to hold back before they send any. */
const PADDING = `:${" ".repeat(2_048)}\n`;
/** Browsers wait 3 s by default before they connect again. */
const OPENING = `${PADDING}retry: 1000\n\n`;
/** Pages sent as HTML whose parts are known until they connect; each has a few kB. */
const PAGES_MAX = 64;
const NO_PARTS = new PartChanges();
const encoder = new TextEncoder();

export class Updates {
  #moment: Moment | null = null;
  /** Counts the statuses, one per EVENTS_STATUS_MS. */
  #beat = 0;
  #beat_due_ms = 0;
  #moments = 0;
  /** Moments of another process of `serve` have other numbers. */
  readonly #server = nowUs().toString(36);
  #pages_made = 0;
  /** What pages have that were sent as HTML, by the server's name in their ids. */
  readonly #pages = new NewestUsed<string, PageParts>(PAGES_MAX);
  /** By selection, of those that are watched. */
  #parts = new Map<string, PartChanges>();
  readonly #used = new Set<string>();
  /** Selections of pages that have connected since the last moment. */
  readonly #opened = new Set<string>();
  /** Texts of this moment by selection and position, and what receivers get next. */
  readonly #texts = new Map<string, string>();
  readonly #next = new Map<Receiver, Next>();
  /** Receivers and messages of this moment by what came before, so that equals become one. */
  readonly #receivers = new Map<Received | null, Map<string, Receiver>>();
  readonly #messages = new Map<Received, Map<string, { bytes: Uint8Array; received: Received }>>();

  /** `base`: the path under which a proxy shows the page; "": the root. */
  constructor(
    private readonly sources: Sources,
    private readonly base = "",
  ) {}

  /**
   * What a page shows as HTML, and the id with which it connects: it then gets what came after it.
   * Call it leniently. The position is that of the files before the view is read.
   */
  page(selection: Selection): { view: View; id: string } {
    const { windows, run_id, status } = this.#files();
    const shown = wholeView(this.sources, selection, status);
    // A name of its own: what two pages have can't be compared by moments.
    const server = `${this.#server}p${++this.#pages_made}`;
    this.#pages.set(server, pageParts(shown));
    return { view: shown, id: idOf({ windows, run_id, parts: { server, moment: 0 } }) };
  }

  /** A client that has what its address states, and the first bytes for it. */
  open(watch: Watch, gzip: boolean): { bytes: Uint8Array; receiver: Receiver } {
    const positions = watch.of.map(({ position }) => position);
    // What is rendered first for a selection is newer than any page.
    for (const { key, position } of watch.of)
      if (this.#parts.has(key) && this.#pageOf(position) !== undefined) this.#opened.add(key);
    const receiver = this.#shared({ watch, positions, beat: 0, received: gzip ? NOTHING : null });
    return { bytes: gzip ? gzipOpening(OPENING) : encoder.encode(OPENING), receiver };
  }

  /**
   * Takes the files' state, calls `work`, which must not wait for anything, and has `next` return what
   * changed up to it. All that is sent is of one commit of each file. `isOfAll`: it serves all clients,
   * so that a selection without one is forgotten.
   */
  async atOneMoment(work: () => void, isOfAll = true): Promise<void> {
    const { sources } = this;
    await sources.log.refresh();
    sources.leniently(() => {
      this.#take();
      work();
      if (isOfAll) this.#forget();
    });
  }

  /** What a receiver gets now. Call it in the `work` of `atOneMoment`. */
  next(receiver: Receiver): Next {
    const known = this.#next.get(receiver);
    if (known !== undefined) return known;
    const next = this.#make(receiver, this.#moment!);
    this.#next.set(receiver, next);
    return next;
  }

  #files(): Pick<Now, "windows" | "run_id"> & { status: Status } {
    const { windows } = this.sources;
    return {
      status: statusNow(this.sources),
      windows: { epoch: windows.epoch, change_id: windows.counters().change_id ?? 0 },
      run_id: lastDone(this.sources)?.run_id ?? 0,
    };
  }

  #take(): void {
    const { sources } = this;
    const { windows, run_id, status } = this.#files();
    const newest = status.last_run;
    const ended = newest === null || newest.state === "running" ? run_id : newest.run_id;
    if (monotonicMs() >= this.#beat_due_ms) {
      this.#beat_due_ms = monotonicMs() + EVENTS_STATUS_MS * 0.9;
      this.#beat++;
    }
    this.#moment = {
      status,
      now: {
        windows,
        run_id,
        parts: { server: this.#server, moment: ++this.#moments },
      },
      choice: choices(sources),
      runs: `${sources.results.epoch}.${run_id}.${ended}`,
      beat: this.#beat,
    };
    for (const made of [this.#texts, this.#next, this.#receivers, this.#messages, this.#used]) made.clear();
  }

  /** Selections that nobody watches. */
  #forget(): void {
    for (const key of this.#parts.keys().filter((key) => !this.#used.has(key))) {
      this.#parts.delete(key);
      this.#opened.delete(key);
    }
  }

  #make(receiver: Receiver, { now, beat }: Moment): Next {
    const { watch, positions, received } = receiver;
    const isBeat = beat !== receiver.beat;
    const isTitle = receiver.beat === 0 || Math.floor(beat / TITLE_BEATS) !== Math.floor(receiver.beat / TITLE_BEATS);
    const text = [
      ...watch.of.map((watched, i) => this.#text(watched, positions[i]!, isBeat)),
      ...(isTitle ? watch.titles.map((watched) => this.#title(watched)) : []),
    ].join("");
    // A selection that began from several positions is one from now on.
    const of = [...new Map(watch.of.map((watched) => [watched.key, watched])).values()];
    const next = { watch: { ...watch, of }, positions: of.map(() => now), beat };
    if (text === "") return { bytes: null, receiver: this.#shared({ ...next, received }) };
    const whole = `${text}id: ${idOf(now)}\n\n`;
    if (received === null) return { bytes: encoder.encode(whole), receiver: this.#shared({ ...next, received }) };
    const before = isBeat && beat % ALONE_BEATS === 0 ? NOTHING : received;
    const message = once(onceMap(this.#messages, before), whole, () => gzipMessage(whole, before));
    return { bytes: message.bytes, receiver: this.#shared({ ...next, received: message.received }) };
  }

  #text(watched: Watched, position: PagePosition, isBeat: boolean): string {
    const { sources } = this;
    const { now, status: state } = this.#moment!;
    const page = this.#pageOf(position);
    const changes = { ...changesSince(position, now), ...(page === undefined ? {} : { parts_after: page }) };
    const { windows_after, run_after } = changes;
    const parts_after = page === undefined ? changes.parts_after : position.parts?.server;
    const status = () => once(this.#texts, `${watched.key} status`, () => statusText(sources, watched, state));
    const text = once(this.#texts, `${watched.key} ${windows_after} ${run_after} ${parts_after}`, () =>
      changeTexts(sources, watched, changes, this.#partsOf(watched), { base: this.base, status }),
    );
    return isBeat && !text.endsWith(status()) ? text + status() : text;
  }

  #pageOf({ parts }: PagePosition): PageParts | undefined {
    return this.#pages.get(parts?.server ?? "");
  }

  #title(watched: Watched): string {
    return once(this.#texts, `${watched.key} title`, () => titleText(this.sources, watched, this.#moment!.status));
  }

  /** Rendered as of this moment; of a selection that is not there yet nothing is. */
  #partsOf({ key, selection }: Watched): PartChanges {
    // What was there stays, also while windows.db can't be read.
    if (!this.#parts.has(key) && !isChoice(selection, this.#moment!.choice)) return NO_PARTS;
    const parts = once(this.#parts, key, () => new PartChanges());
    if (this.#used.has(key)) return parts;
    this.#used.add(key);
    const { now, runs, beat, status } = this.#moment!;
    let made: View | null = null;
    const viewNow = () => (made ??= view(this.sources, selection, status));
    const at = { moment: now.parts.moment, beat, windows: idFromCommit(now.windows), runs };
    parts.render({ ...at, isWhole: this.#opened.delete(key) }, viewNow);
    return parts;
  }

  /** The same object for all that have received the same. */
  #shared(receiver: Receiver): Receiver {
    const { watch, positions, beat, received } = receiver;
    const keys = (watched: Watched[]) => watched.map(({ key }) => key);
    const name = JSON.stringify([keys(watch.of), keys(watch.titles), positions, beat]);
    return once(onceMap(this.#receivers, received), name, () => receiver);
  }
}

function once<K, V>(made: Map<K, V>, key: K, make: () => V): V {
  const known = made.get(key);
  if (known !== undefined) return known;
  const value = make();
  made.set(key, value);
  return value;
}

function onceMap<K, V>(made: Map<K, Map<string, V>>, key: K): Map<string, V> {
  return once(made, key, () => new Map<string, V>());
}
