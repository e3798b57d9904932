/** The exchange's clock and the feed's end for `stream` and `batch`, from the file of `produce`. */
import { readFileSync } from "node:fs";
import { monotonicMs } from "../base/clock.ts";
import { type FeedTimes, feedTimesOf } from "../contract/replay-clock.ts";

const READ_EVERY_MS = 1_000;

export class FeedClock {
  #times: FeedTimes = { clock: null, ended_us: null };
  #read_ms = Number.NEGATIVE_INFINITY;

  /** `path`: of feed.json. */
  constructor(private readonly path: string) {}

  /** The exchange's time at a time of this machine, microseconds; null when it is not known. */
  at(at_us: number): number | null {
    return this.#read().clock?.(at_us) ?? null;
  }

  /** When the feed ended, microseconds since 1970 UTC; null while it has not, and if it is not known. */
  ended(): number | null {
    return this.#read().ended_us;
  }

  #read(): FeedTimes {
    if (monotonicMs() - this.#read_ms < READ_EVERY_MS) return this.#times;
    this.#read_ms = monotonicMs();
    this.#times = feedTimesOf(textOf(this.path));
    return this.#times;
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
