/** Problems of the machine's clock that `produce` reports: it jumped, or live trades contradict it. */
import { readFileSync } from "node:fs";
import { ClockWatch, monotonicMs, nowUs } from "../base/clock.ts";
import { formatSpan } from "../base/duration.ts";
import { isoFromUs } from "../base/iso.ts";
import { CLOCK_JUMP_SHOWN_MS, CLOCK_JUMPS_KEPT, CLOCK_WRONG_TICKS, CLOCK_WRONG_US } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import type { ClockJump, FeedStatus } from "../contract/feed-status.ts";
import type { Problem, Problems } from "../contract/problems.ts";

export class FeedClock {
  /** The newest CLOCK_JUMPS_KEPT jumps, oldest first. */
  readonly jumps: ClockJump[];
  readonly #watch = new ClockWatch();
  #shownUntil_ms = 0;
  /** Trades in a row that contradict our clock. */
  #wrong = 0;

  /** `status_path`: feed.json, whose jumps of earlier runs are kept. */
  constructor(
    private readonly problems: Problems,
    private readonly logger: Logger,
    status_path: string | null,
  ) {
    this.jumps = jumpsOf(status_path);
  }

  /** Call once per second: a jump is shown for CLOCK_JUMP_SHOWN_MS, and kept in feed.json. */
  check(): void {
    const by_ms = this.#watch.look();
    if (by_ms !== 0) {
      const at_us = nowUs();
      this.jumps.push({ at_us, by_ms });
      this.jumps.splice(0, this.jumps.length - CLOCK_JUMPS_KEPT);
      this.#shownUntil_ms = monotonicMs() + CLOCK_JUMP_SHOWN_MS;
      const way = by_ms > 0 ? "forward" : "back";
      const why = by_ms > 0 ? "the machine slept, or its clock was set" : "it was set";
      const sentence = `This machine's clock moved ${way} by ${formatSpan(Math.abs(by_ms) * 1_000)} to ${isoFromUs(at_us)}: ${why}. Append times follow the new time.`;
      this.#report({ code: "clock-jump", sentence, stops: false, since_us: at_us });
    } else if (monotonicMs() > this.#shownUntil_ms) this.problems.solve("clock-jump");
  }

  /** Takes the lag of a live trade: our receipt − its event time, microseconds. */
  trade(lag_us: number): void {
    if (Math.abs(lag_us) < CLOCK_WRONG_US) {
      if (this.#wrong >= CLOCK_WRONG_TICKS && this.problems.solve("clock-wrong")) {
        this.logger.info("this machine's clock agrees with the exchange's again");
      }
      this.#wrong = 0;
    } else if (++this.#wrong === CLOCK_WRONG_TICKS) {
      const side = lag_us > 0 ? "ahead of" : "behind";
      const sentence = `This machine's clock is about ${formatSpan(Math.abs(lag_us))} ${side} the exchange's. Set it: append times are taken from it, and while they are wrong, ticks with wrong stamps are not detected.`;
      this.#report({ code: "clock-wrong", sentence, stops: false, since_us: nowUs() });
    }
  }

  #report(problem: Problem): void {
    if (this.problems.report(problem)) this.logger.warn(problem.sentence);
  }
}

function jumpsOf(path: string | null): ClockJump[] {
  try {
    const { clock_jumps } = JSON.parse(readFileSync(path ?? "", "utf8")) as Partial<FeedStatus>;
    return Array.isArray(clock_jumps) ? clock_jumps.slice(-CLOCK_JUMPS_KEPT) : [];
  } catch {
    return [];
  }
}
