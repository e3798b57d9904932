/** The exchange's clock and the feed's end for `stream`, from the file of `produce`. */
import { readFileSync } from "node:fs";
import { monotonicMs } from "../base/clock.ts";
import { exchangeClockOf, feedEndOf } from "../contract/replay-clock.ts";

const READ_EVERY_MS = 1_000;

export class FeedClock {
  #clock: ReturnType<typeof exchangeClockOf> = null;
  #ended_us: number | null = null;
  #read_ms = Number.NEGATIVE_INFINITY;

  /** `path`: of feed.json. */
  constructor(private readonly path: string) {}

  /** The exchange's time at a time of this machine, microseconds; null when it is not known. */
  at(at_us: number): number | null {
    this.#refresh();
    return this.#clock?.(at_us) ?? null;
  }

  /** When the feed ended, microseconds since 1970 UTC; null while it has not, and if it is not known. */
  ended(): number | null {
    this.#refresh();
    return this.#ended_us;
  }

  #refresh(): void {
    if (monotonicMs() - this.#read_ms < READ_EVERY_MS) return;
    this.#read_ms = monotonicMs();
    const text = textOf(this.path);
    this.#clock = exchangeClockOf(text);
    this.#ended_us = feedEndOf(text);
  }
}

/** "" without the file, for example where `produce` runs on another machine. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
