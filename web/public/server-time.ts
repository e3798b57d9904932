/** The server's clock as this browser knows it from the statuses. */

/** Statuses of which the fastest counts: the others were longer on their way. */
const KEPT = 10;
/** A larger step: the clock of the server was set, or this machine has slept. */
const STEP_MS = 2_000;
let skews: number[] = [];

/** Call it when a status with the server's time comes. */
export function noteServerTime(at_ms: number): void {
  const skew = at_ms - performance.now();
  const isStep = Math.abs(skew - Math.max(...skews)) > STEP_MS;
  skews = isStep ? [skew] : [...skews, skew].slice(-KEPT);
}

/** Milliseconds since 1970 by the server's clock; by this browser's before the first status. */
export function now_ms(): number {
  return skews.length === 0 ? Date.now() : performance.now() + Math.max(...skews);
}
