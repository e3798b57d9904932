/** The only place that reads the machine's clock. No window rule calls it (docs/semantics.md). */
import { CLOCK_JUMP_MS } from "./limits.ts";

/** The last wall clock − monotonic clock in microseconds: the digits that Date.now() lacks. */
let between_us = 0;

/**
 * Microseconds since 1970 UTC. The wall clock is read at each call, so that a suspend or a step of the
 * clock is followed at once. The monotonic clock only adds the digits below a millisecond: two calls
 * without a step between them never go back.
 */
export function nowUs(): number {
  const wall_us = Date.now() * 1_000;
  const monotonic_us = performance.now() * 1_000;
  const guess_us = monotonic_us + between_us;
  const now_us = Math.min(Math.max(guess_us, wall_us), wall_us + 999);
  if (now_us !== guess_us) between_us = now_us - monotonic_us;
  return Math.round(now_us);
}

/**
 * Makes the next nowUs() exact to a few microseconds: waits, at most 2 ms and without giving way, for
 * the wall clock's next millisecond.
 */
export function settleClock(): void {
  const [wall_ms, until_ms] = [Date.now(), performance.now() + 2];
  while (Date.now() === wall_ms && performance.now() < until_ms);
  nowUs();
}

/** Milliseconds since 1970 UTC. */
export function nowMs(): number {
  return Date.now();
}

/** Milliseconds of a clock for spans: it never steps, and may stop while the machine sleeps. */
export function monotonicMs(): number {
  return performance.now();
}

/** Detects that the wall clock was set or the machine slept: both move it against the monotonic clock. */
export class ClockWatch {
  #between_ms = Date.now() - performance.now();

  /** Milliseconds by which the wall clock moved since the last call; 0 below CLOCK_JUMP_MS. */
  look(): number {
    const before_ms = performance.now();
    const between_ms = Date.now() - before_ms;
    // A process that was paused between the two readings would measure its own pause.
    if (performance.now() - before_ms > CLOCK_JUMP_MS / 4) return 0;
    const moved_ms = Math.round(between_ms - this.#between_ms);
    this.#between_ms = between_ms;
    return Math.abs(moved_ms) < CLOCK_JUMP_MS ? 0 : moved_ms;
  }
}
