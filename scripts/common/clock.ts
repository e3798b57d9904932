/** The only place that reads the machine's clock. No window rule calls it (design.md "Stream semantics"). */

/** Microseconds since 1970 UTC, from the high-resolution clock. */
export function nowUs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

/** Milliseconds since 1970 UTC. */
export function nowMs(): number {
  return Date.now();
}

/** Milliseconds of a clock that never steps, for spans. */
export function monotonicMs(): number {
  return performance.now();
}

/** `2023-09-05T16:00:00.000000Z`, always with six digits. */
export function isoFromUs(us: number): string {
  const seconds = Math.floor(us / 1_000_000);
  const rest = us - seconds * 1_000_000;
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}.${String(rest).padStart(6, "0")}Z`;
}
