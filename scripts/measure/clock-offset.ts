/** Bounds of the exchange's clock minus ours, from round trips; no delay is assumed to be symmetric. */
import type { ClockOffset } from "../contract/measures.ts";

/** A request for the exchange's time and its answer, in microseconds since 1970 UTC. */
export interface TimeAnswer {
  sent_us: number;
  received_us: number;
  /** The exchange's time in the answer: whole multiples of `resolution_us`, rounded down. */
  time_us: number;
  resolution_us: number;
}

/** What one answer proves of the offset at a moment of our clock. */
interface Bounds {
  at_us: number;
  low_us: number;
  high_us: number;
}

/** Answers kept: an hour of them at one per minute. */
const KEPT = 64;
/** The largest drift of two clocks that run: Linux corrects its own by at most 500 ppm. */
const DRIFT_MAX = 500e-6;
/** The error of the drift that stamps show: 6 ms of the least delay over ten minutes. */
const DRIFT_ERROR = 10e-6;
/** How far the offset may leave the line of a constant drift, per time: a quartz warms up. */
const WANDER = 1e-6;
/** Each step leaves two thirds of what is searched. */
const STEPS = 100;

/**
 * The interval of the offset. An answer T proves that the offset was from T − receipt to T − sending.
 * Older answers are carried to the newest one along a constant drift, for each drift on which all of
 * them agree. When there is none, a clock was set, and the newest answer begins again.
 */
export class OffsetInterval {
  #answers: Bounds[] = [];
  #agreed: Pick<ClockOffset, "low_us" | "high_us"> | null = null;

  /** The interval when the newest answer came; null before the first. */
  get offset(): ClockOffset | null {
    if (this.#agreed === null) return null;
    return { ...this.#agreed, requests: this.#answers.length, as_of_us: this.#answers.at(-1)!.at_us };
  }

  /**
   * Takes the newest answer; false when it contradicts the others, so that it begins again. `drift`:
   * that of the exchange's clock against ours as its stamps show it (1e-6: it gains a microsecond per
   * second); null when it is not known.
   */
  take({ sent_us, received_us, time_us, resolution_us }: TimeAnswer, drift: number | null = null): boolean {
    const [low_us, high_us] = [time_us - received_us, time_us + resolution_us - sent_us];
    this.#answers.push({ at_us: received_us, low_us, high_us });
    if (this.#answers.length > KEPT) this.#answers.shift();
    const isKnown = drift !== null && Math.abs(drift) <= DRIFT_MAX;
    const likely = isKnown ? agreed(this.#answers, drift - DRIFT_ERROR, drift + DRIFT_ERROR) : null;
    this.#agreed = likely ?? agreed(this.#answers, -DRIFT_MAX, DRIFT_MAX);
    if (this.#agreed !== null) return true;
    this.#answers = this.#answers.slice(-1);
    this.#agreed = { low_us, high_us };
    return false;
  }

  /** One of the clocks was set: what was known holds no longer. */
  begin(): void {
    this.#answers = [];
    this.#agreed = null;
  }
}

/** The offsets at the newest answer that agree with all at some drift from `from` to `to`; null: there are none. */
function agreed(answers: readonly Bounds[], from: number, to: number) {
  const now_us = answers.at(-1)!.at_us;
  const low = (drift: number) =>
    Math.max(...answers.map(({ at_us, low_us }) => low_us + (drift - WANDER) * (now_us - at_us)));
  const high = (drift: number) =>
    Math.min(...answers.map(({ at_us, high_us }) => high_us + (drift + WANDER) * (now_us - at_us)));
  const room = (drift: number) => high(drift) - low(drift);
  const best = top(room, from, to);
  if (room(best) < 0) return null;
  const [least, most] = [edge(room, from, best), edge(room, to, best)];
  const low_us = low(top((drift) => -low(drift), least, most));
  const high_us = high(top(high, least, most));
  return { low_us: Math.floor(low_us), high_us: Math.ceil(high_us) };
}

/** Where a concave function is largest between two points. */
function top(value: (x: number) => number, from: number, to: number): number {
  let [a, b] = [from, to];
  for (let step = 0; step < STEPS; step++) {
    const [left, right] = [a + (b - a) / 3, b - (b - a) / 3];
    if (value(left) < value(right)) a = left;
    else b = right;
  }
  const middle = (a + b) / 2;
  return [from, to, middle].reduce((best, x) => (value(x) > value(best) ? x : best));
}

/** The point nearest to `outside` where a concave function, which is not negative `inside`, is not negative. */
function edge(value: (x: number) => number, outside: number, inside: number): number {
  if (value(outside) >= 0) return outside;
  let [out, kept] = [outside, inside];
  for (let step = 0; step < STEPS; step++) {
    const middle = (out + kept) / 2;
    if (value(middle) >= 0) kept = middle;
    else out = middle;
  }
  return kept;
}
