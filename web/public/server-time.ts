/** The server's clock as this browser knows it from the statuses. */

/** Statuses of which the fastest counts: the others were longer on their way. */
const KEPT = 10;
let skews: number[] = [];

/** Call it when a status with the server's time comes. */
export function noteServerTime(at_ms: number): void {
  skews = [...skews, at_ms - performance.now()].slice(-KEPT);
}

/** Milliseconds since 1970 by the server's clock; by this browser's before the first status. */
export function now_ms(): number {
  return skews.length === 0 ? Date.now() : performance.now() + Math.max(...skews);
}
