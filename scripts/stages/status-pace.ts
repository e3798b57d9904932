/** How often feed.json is written: once a second while it is small, less often when it is large. */
import { monotonicMs } from "../base/clock.ts";

/** Each write is a new file, so a large one each second would be most of what `produce` writes. */
const BYTES_PER_SECOND = 4_096;
/** Readers take a stage for ended after STAGE_SILENCE_MS_MAX. */
const WAIT_MS_MAX = 5_000;
/** Timers of a second are a little early or late. */
const EARLY_MS = 100;

export class StatusPace {
  #due_ms = 0;
  #urgent = "";

  constructor(private readonly now_ms = monotonicMs) {}

  /** Whether to write now. `urgent`: what readers must know at once; a change of it is due. */
  isDue(urgent: string): boolean {
    return urgent !== this.#urgent || this.now_ms() >= this.#due_ms;
  }

  wrote(urgent: string, bytes: number): void {
    this.#urgent = urgent;
    const wait_ms = Math.min((bytes / BYTES_PER_SECOND) * 1_000, WAIT_MS_MAX);
    this.#due_ms = this.now_ms() + wait_ms - EARLY_MS;
  }
}
