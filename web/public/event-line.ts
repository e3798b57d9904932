/** The one stream of /events of a browser: which tab watches what, reading, and connecting again. */
import type { SelectionKey } from "../../scripts/contract/page-events.ts";
import { EventParser, type Message } from "./event-parser.ts";

/** What a tab watches: `all` if it is visible, `title` if hidden, `nothing` if paused. */
export interface Watch {
  /** Address of /events. */
  events: string;
  key: SelectionKey;
  how: "all" | "title" | "nothing";
  /** Of the page as the server sent it, to continue from; only with the first of its watches. */
  opened?: string;
}

/** What a tab receives: an event of the server; `held`: a proxy lets nothing through. */
export type LineMessage = { event: string; data: unknown } | { event: "held" };

interface Tab extends Watch {
  /** The id of the newest events that it has received; "": none. */
  id: string;
  heard_ms: number;
  /** The stream that brings it everything since `id`; null until one is asked for that. */
  stream: Stream | null;
}

/** One request for /events. */
interface Stream {
  address: string;
  abort: AbortController;
  heard_ms: number;
  /** An event has come. */
  isHeard: boolean;
}

/** Clock, timers and network; tests have their own. */
export interface Surroundings {
  fetch(url: string, init: { signal: AbortSignal; headers: Record<string, string> }): Promise<Response>;
  /** Milliseconds of a clock that also runs while the machine sleeps. */
  now(): number;
  after(ms: number, run: () => void): () => void;
}

const FIRST_WAIT_MS = 250;
const WAIT_MS_MAX = 5_000;
/** A visible tab gets a status each second, a hidden one a title each ten. */
const SILENT_MS = { all: 10_000, title: 25_000, nothing: 25_000 };
const WATCH_EVERY_MS = 1_000;
/** A timer that is later than this was stopped: the machine has slept. */
const SLEPT_MS = 5_000;
/** Several tabs that change at once, after a start of the browser, are one request. */
const GATHER_MS = 20;
/** A tab that was not heard of for this long was discarded. Hidden ones are heard of each minute. */
const TAB_MS_MAX = 180_000;
/** With more ids, when a browser with many tabs starts, all is asked for once per selection. */
const OF_MAX = 32;
/** After this many silent connections the tabs read the page itself now and then. */
const SILENT_MAX = 2;

export class EventLine<T> {
  readonly #tabs = new Map<T, Tab>();
  #stream: Stream | null = null;
  #cancel: (() => void) | null = null;
  #watching: (() => void) | null = null;
  #failures = 0;
  #silent = 0;

  constructor(
    private readonly post: (tab: T, message: LineMessage) => void,
    private readonly world: Surroundings,
  ) {}

  /** A tab comes, is shown, hidden, paused, or shows another selection. */
  watch(tab: T, watch: Watch): void {
    const known = this.#tabs.get(tab);
    // A page that is newer than what was received continues from its HTML.
    const id = known?.key === watch.key && watch.opened === undefined ? known.id : "";
    const stream = known?.key === watch.key && known.how === watch.how ? known.stream : null;
    const opened = watch.opened ?? (known?.key === watch.key ? known.opened : undefined);
    this.#tabs.set(tab, { ...watch, opened, id, heard_ms: this.world.now(), stream });
    this.#watching ??= this.world.after(WATCH_EVERY_MS, () => this.#check(this.world.now()));
    this.#later(GATHER_MS);
  }

  /** The tab is still there. False: it is not known, and must watch again. */
  here(tab: T): boolean {
    const known = this.#tabs.get(tab);
    if (known) known.heard_ms = this.world.now();
    return known !== undefined;
  }

  drop(tab: T): void {
    if (this.#tabs.delete(tab)) this.#later(GATHER_MS);
  }

  /** Connects again now if nothing comes: the network is back, or somebody waits. */
  retry(): void {
    const { now } = this.world;
    if (this.#stream !== null && now() - this.#stream.heard_ms < SLEPT_MS) return;
    this.#failures = 0;
    this.#end();
    this.#later(GATHER_MS);
  }

  #later(ms: number): void {
    this.#cancel?.();
    this.#cancel = this.world.after(ms, () => this.#connect());
  }

  #end(): void {
    this.#stream?.abort.abort();
    this.#stream = null;
  }

  #connect(): void {
    this.#cancel = null;
    const address = this.#address();
    this.#end();
    if (address === null) return;
    const stream = { address, abort: new AbortController(), heard_ms: this.world.now(), isHeard: false };
    this.#stream = stream;
    for (const tab of this.#tabs.values()) tab.stream = stream;
    this.#read(stream)
      .catch(() => {})
      .finally(() => {
        if (this.#stream !== stream) return;
        this.#stream = null;
        const wait_ms = Math.min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** this.#failures++);
        this.#later(wait_ms * (0.7 + 0.3 * Math.random()));
      });
  }

  /** `of` continues from what each of its tabs has; null while no tab watches anything. */
  #address(): string | null {
    const tabs = [...this.#tabs.values()];
    const keysOf = (how: Watch["how"]) => [...new Set(tabs.filter((tab) => tab.how === how).map(({ key }) => key))];
    const idsOf = (key: SelectionKey) =>
      oldest(tabs.filter((tab) => tab.how === "all" && tab.key === key).map(({ id, opened = "" }) => id || opened));
    const whole = keysOf("all");
    const of = whole.flatMap((key) => idsOf(key).map((id) => (id === "" ? key : `${key}@${id}`)));
    const asked = [
      ...(of.length > OF_MAX ? whole : of).map((key) => `of=${encodeURIComponent(key)}`),
      ...keysOf("title").map((key) => `title=${encodeURIComponent(key)}`),
    ];
    return asked.length === 0 ? null : `${tabs[0]!.events}?${asked.join("&")}`;
  }

  async #read(stream: Stream): Promise<void> {
    const init = { signal: stream.abort.signal, headers: { Accept: "text/event-stream" } };
    const { ok, body } = await this.world.fetch(stream.address, init);
    if (!ok || body === null) throw new Error("refused");
    const [parser, decoder, reader] = [new EventParser(), new TextDecoder(), body.getReader()];
    for (;;) {
      const { done, value } = await reader.read();
      if (this.#stream !== stream) return reader.cancel().catch(() => {});
      if (done) return;
      stream.heard_ms = this.world.now();
      for (const message of parser.push(decoder.decode(value, { stream: true }))) {
        stream.isHeard = true;
        this.#failures = this.#silent = 0;
        this.#pass(message, stream);
      }
    }
  }

  /** The tab reads whole pages from now on. */
  #hold(tab: T, watch: Tab): void {
    watch.opened = undefined;
    this.post(tab, { event: "held" });
  }

  #pass({ event, data, id }: Message, stream: Stream): void {
    // The others have changed a moment ago: the next stream brings what they lack.
    const tabs = [...this.#tabs].filter(([, watch]) => watch.stream === stream);
    if (data !== "") {
      const content = JSON.parse(data) as { of: SelectionKey };
      const how = event === "title" ? "title" : "all";
      for (const [tab, watch] of tabs)
        if (watch.how === how && watch.key === content.of) {
          // If the id of this event is lost, the page is no longer as the server sent it.
          if (how === "all") watch.opened = undefined;
          this.post(tab, { event, data: content });
        }
    }
    if (id !== null) for (const [, watch] of tabs) if (watch.how === "all") watch.id = id;
  }

  /** Each second: whether the stream is silent, the machine has slept, or tabs are gone. */
  #check(due_ms: number): void {
    this.#watching = null;
    const now = this.world.now();
    const hasSlept = now - due_ms > SLEPT_MS;
    for (const [tab, watch] of this.#tabs) {
      // The tabs have slept too.
      if (hasSlept) watch.heard_ms = now;
      else if (now - watch.heard_ms > TAB_MS_MAX) this.drop(tab);
    }
    if (this.#tabs.size === 0) return;
    this.#watching = this.world.after(WATCH_EVERY_MS, () => this.#check(now + WATCH_EVERY_MS));
    const stream = this.#stream;
    if (stream === null) return;
    const how = [...this.#tabs.values()].some((tab) => tab.how === "all") ? "all" : "title";
    if (!hasSlept && now - stream.heard_ms < SILENT_MS[how]) return;
    if (!stream.isHeard && ++this.#silent >= SILENT_MAX)
      for (const [tab, watch] of this.#tabs) if (watch.how === "all") this.#hold(tab, watch);
    this.#end();
    this.#later(0);
  }
}

/** From these ids all can continue: the oldest of each server, or page. [""]: one has nothing. */
function oldest(ids: string[]): string[] {
  const parts = ids.map((id) => /([^.]*)\.(\d+)$/.exec(id)).filter((found) => found !== null);
  if (parts.length < ids.length) return [""];
  const newestFirst = parts.sort((a, b) => Number(b[2]) - Number(a[2]));
  return [...new Map(newestFirst.map(({ 1: server, input }) => [server, input])).values()];
}
