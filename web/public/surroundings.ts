/** The browser's network and clock for a line of events. */
import type { Surroundings } from "./event-line.ts";

export const surroundings: Surroundings = {
  fetch: (url, init) => fetch(url, { ...init, cache: "no-store" }),
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
