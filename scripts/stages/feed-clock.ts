/** The exchange's clock for `stream`, from the file of `produce`. */
import { readFileSync } from "node:fs";
import { monotonicMs } from "../base/clock.ts";
import { exchangeClockOf } from "../contract/replay-clock.ts";

const READ_EVERY_MS = 1_000;

export class FeedClock {
  #clock: ReturnType<typeof exchangeClockOf> = null;
  #read_ms = Number.NEGATIVE_INFINITY;

  /** `path`: of feed.json. */
  constructor(private readonly path: string) {}

  /** The exchange's time at a time of this machine, microseconds; null when it is not known. */
  at(at_us: number): number | null {
    if (monotonicMs() - this.#read_ms >= READ_EVERY_MS) {
      this.#read_ms = monotonicMs();
      this.#clock = clockIn(this.path);
    }
    return this.#clock?.(at_us) ?? null;
  }
}

/** Null without the file, for example where `produce` runs on another machine. */
function clockIn(path: string): ReturnType<typeof exchangeClockOf> {
  try {
    return exchangeClockOf(readFileSync(path, "utf8"));
  } catch {
    return null;
  }
}
