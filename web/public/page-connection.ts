/** What the tab watches, and what becomes of the events that come. */
import type { StatusEvent, TitleEvent } from "../../scripts/contract/page-events.ts";
import { addressOf, state } from "./address.ts";
import { browserLine } from "./browser-line.ts";
import type { LineMessage } from "./event-line.ts";
import { emit, on, type PageEvents, type PageState } from "./page-bus.ts";
import { noteServerTime } from "./server-time.ts";

/** A tab that is hidden for a moment stays connected in full. */
const HIDDEN_MS = 1_000;
/** Where a proxy holds the stream back, the whole page is read this often. */
const HELD_EVERY_MS = 5_000;
const HELD_WAIT_MS = 4_000;

let shown: PageState = state;
let held: ReturnType<typeof setInterval> | undefined;
let reading: AbortController | null = null;

/** With htmx, a fifth of all script: loaded once the first screen is drawn. */
const swaps = () => import("./parts-swap.ts");
/** The server is away: the connection reports that. */
const ignore = () => {};

export function startConnection(): void {
  swaps().catch(ignore);
  const line = browserLine(take);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let watched = "";
  let opened = document.body.dataset.id;
  const first = keyOf(state);
  const watch = () => {
    clearTimeout(timer);
    const isHidden = document.visibilityState === "hidden";
    const how = state.paused ? "nothing" : isHidden ? "title" : "all";
    const events = `${document.documentElement.dataset.base ?? ""}/events`;
    const key = keyOf(state);
    // A chart that is dragged changes the state many times per second, and not what is watched.
    if (watched === `${how} ${key}`) return;
    const send = () => {
      watched = `${how} ${key}`;
      document.documentElement.dataset.watches = how;
      line.watch({ events, key, how, opened: key === first ? opened : undefined });
      opened = undefined;
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
    if (keyOf(next) !== keyOf(shown)) void show(next);
    shown = next;
    watch();
  });
  watch();
}

function keyOf({ product, window }: PageState): string {
  return `${product}/${window}`;
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
    void swaps().then(({ swapParts }) => {
      if (of === keyOf(state)) void swapParts(html);
    }, ignore);
  }
  if (message.event === "status" || message.event === "title") {
    noteServerTime((data as StatusEvent | TitleEvent).at_ms);
    emit(message.event, data as StatusEvent);
  } else if (message.event === "windows") emit("windows", data as PageEvents["windows"]);
  else if (message.event === "batch") emit("batch", data as PageEvents["batch"]);
}

/** Another selection: the server's page for it, in this one. */
async function show(next: PageState): Promise<void> {
  reading?.abort();
  reading = new AbortController();
  const address = addressOf(next);
  document.getElementById("main")?.setAttribute("aria-busy", "true");
  try {
    if (!(await (await swaps()).swapPage(address, reading.signal))) location.assign(address);
  } catch {
    // Another choice has come, or the server is away: the connection reports that.
  } finally {
    document.getElementById("main")?.removeAttribute("aria-busy");
  }
}

function readNowAndThen(): void {
  held ??= setInterval(async () => {
    if (document.visibilityState === "hidden" || state.paused) return;
    try {
      if (!(await (await swaps()).swapPage(addressOf(state), AbortSignal.timeout(HELD_WAIT_MS)))) return;
    } catch {
      return;
    }
    const of = keyOf(state);
    emit("heard", undefined);
    emit("windows", { of, reload: true, stream: [] });
  }, HELD_EVERY_MS);
}
