/** What the tab watches, and what becomes of the events that come. */
import type { SelectionKey, StatusEvent, TitleEvent } from "../../scripts/contract/page-events.ts";
import { addressOf, state } from "./address.ts";
import { browserLine } from "./browser-line.ts";
import type { LineMessage } from "./event-line.ts";
import { emit, keyOf, on, type PageEvents, type PageState } from "./page-bus.ts";
import { pageAt } from "./read-again.ts";
import { noteServerTime } from "./server-time.ts";

/** A tab that is hidden for a moment stays connected in full. */
const HIDDEN_MS = 1_000;
/** Where a proxy holds the stream back, the whole page is read this often. */
const HELD_EVERY_MS = 5_000;
const HELD_WAIT_MS = 4_000;
/** A chosen page that has not come after this long is left to the events, which bring its parts. */
const CHOSEN_WAIT_MS = 30_000;

let shown = keyOf(state);
let held: ReturnType<typeof setInterval> | undefined;
let reading: AbortController | null = null;
/** The page's HTML is on its way: parts that come meanwhile are newer than it, and are put in after it. */
let replaced: Promise<unknown> = Promise.resolve();

/** With htmx, a fifth of all script: loaded once the first screen is drawn. */
const swaps = () => import("./parts-swap.ts");
/** The server is away: the connection reports that. */
const ignore = () => {};

export function startConnection(): void {
  swaps().catch(ignore);
  const line = browserLine(take);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let watched = "";
  /** What the page's HTML is of, until that is watched. */
  let opened: { key: SelectionKey; id: string | undefined } = { key: keyOf(state), id: document.body.dataset.id };
  const watch = () => {
    clearTimeout(timer);
    const isHidden = document.visibilityState === "hidden";
    const how = state.paused ? "nothing" : isHidden ? "title" : "all";
    const events = `${document.documentElement.dataset.base ?? ""}/events`;
    const key = keyOf(state);
    // A chart that is dragged changes the state many times per second, and not what is watched.
    if (watched === `${how} ${key}` || reading !== null) return;
    const send = () => {
      watched = `${how} ${key}`;
      document.documentElement.dataset.watches = how;
      line.watch({ events, key, how, opened: key === opened.key ? opened.id : undefined });
      opened.id = undefined;
    };
    if (how === "title") timer = setTimeout(send, HIDDEN_MS);
    else send();
  };
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") line.retry();
    watch();
  });
  addEventListener("online", () => line.retry());
  addEventListener("pagehide", () => {
    watched = "";
    line.bye();
  });
  addEventListener("pageshow", (event) => {
    if ((event as PageTransitionEvent).persisted) watch();
  });
  on("state", (next) => {
    const key = keyOf(next);
    if (key === shown) return watch();
    shown = key;
    watched = "";
    void show(next, (id) => {
      opened = { key, id };
      emit("selected", undefined);
      watch();
    });
  });
  watch();
}

function take(message: LineMessage): void {
  if (!("data" in message)) {
    readNowAndThen();
    return;
  }
  clearInterval(held);
  held = undefined;
  const data = message.data as
    | PageEvents["status" | "windows" | "batch"]
    | { of: string; html: Record<string, string> };
  // What was on its way when another selection was chosen.
  if (data.of !== keyOf(state)) return;
  if (message.event === "parts" && "html" in data) {
    const { of, html } = data;
    void replaced.then(swaps).then(({ swapParts }) => {
      if (of === keyOf(state)) void swapParts(html);
    }, ignore);
  }
  if (message.event === "status" || message.event === "title") {
    noteServerTime((data as StatusEvent | TitleEvent).at_ms);
    emit(message.event, data as StatusEvent);
  } else if (message.event === "windows") emit("windows", data as PageEvents["windows"]);
  else if (message.event === "batch") emit("batch", data as PageEvents["batch"]);
}

/**
 * Another selection: the server's page for it, in this one. `come` gets its id: all that comes after
 * it is asked for then. A server that is away is left to the connection, which begins with nothing.
 */
async function show(next: PageState, come: (id?: string) => void): Promise<void> {
  reading?.abort();
  const mine = new AbortController();
  reading = mine;
  const timer = setTimeout(() => mine.abort(), CHOSEN_WAIT_MS);
  document.getElementById("main")?.setAttribute("aria-busy", "true");
  const got = await pageOf(next, mine.signal);
  clearTimeout(timer);
  // Another choice has come.
  if (reading !== mine) return;
  reading = null;
  if (got === "refused") return location.assign(addressOf(next));
  come(got?.page.body.dataset.id);
  if (got !== null) replaced = got.swapPage(got.page);
  await replaced;
  document.getElementById("main")?.removeAttribute("aria-busy");
}

/** Null: the server does not answer. */
async function pageOf(of: PageState, signal: AbortSignal) {
  try {
    const [page, { swapPage }] = await Promise.all([pageAt(addressOf(of), signal), swaps()]);
    // A proxy may answer with a page of its own.
    return page?.getElementById("main") ? { page, swapPage } : "refused";
  } catch {
    return null;
  }
}

function readNowAndThen(): void {
  held ??= setInterval(() => {
    if (document.visibilityState !== "hidden" && !state.paused && reading === null) replaced = read();
  }, HELD_EVERY_MS);
}

async function read(): Promise<void> {
  const of = keyOf(state);
  const got = await pageOf(state, AbortSignal.timeout(HELD_WAIT_MS));
  if (got === null || got === "refused" || of !== keyOf(state)) return;
  await got.swapPage(got.page);
  emit("heard", undefined);
  emit("windows", { of, reload: true, stream: [] });
}
