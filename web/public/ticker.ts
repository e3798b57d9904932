/** Runs what shows the passing of time, a few times per second while the page is visible. */
import { state } from "./address.ts";

/** Tenths of a second are read, not followed. */
const TICK_MS = 250;

const runs: (() => void)[] = [];

/** Runs at the next tick and each one after it; not while the page is paused or hidden. */
export function eachTick(run: () => void): void {
  runs.push(run);
  if (runs.length > 1) return;
  setInterval(() => {
    if (document.visibilityState === "visible" && !state.paused) for (const one of runs) one();
  }, TICK_MS);
}
