/** Runs what shows the passing of time: all of it at once, so that the page is painted once. */
import { state } from "./address.ts";
import { on } from "./page-bus.ts";

/** Tenths of a second are read, not followed. */
const TICK_MS = 500;

interface Run {
  run(): void;
  /** Also while the page is paused or hidden. */
  always: boolean;
}

const runs = new Set<Run>();
let timer: ReturnType<typeof setInterval> | undefined;

/**
 * Runs after each status and between them, twice per second; not while the page is paused or
 * hidden, unless `always`. Returns what ends that.
 */
export function eachTick(run: () => void, { always = false } = {}): () => void {
  const one = { run, always };
  runs.add(one);
  if (timer === undefined) {
    restart();
    on("status", () => {
      restart();
      // Those that take the status are done then.
      queueMicrotask(tick);
    });
  }
  return () => runs.delete(one);
}

function restart(): void {
  clearInterval(timer);
  timer = setInterval(tick, TICK_MS);
}

function tick(): void {
  const isShown = document.visibilityState === "visible" && !state.paused;
  for (const { run, always } of runs) if (isShown || always) run();
}
