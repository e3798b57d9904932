/** Wrong clocks as `stream` reports them: ticks stamped too far ahead, invalid append times. */
import { monotonicMs, nowUs } from "../base/clock.ts";
import { formatDuration, formatSpan } from "../base/duration.ts";
import { APPEND_AHEAD_US_MAX, APPEND_EARLIEST_US, CLOCK_VALID_MS, CLOCK_WRONG_TICKS } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import type { Problem, Problems } from "../contract/problems.ts";
import type { Position } from "../contract/tick.ts";
import { canMeasure } from "../measure/latency-buckets.ts";

const REPAIR = "An embedded log is repaired with `bun run doctor --repair-log`.";

export class SkewWatch {
  /** Skewed ticks since the last valid one, of any product. */
  #streak = 0;
  #valid_ms = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly problems: Problems,
    private readonly logger: Logger,
    private readonly max_skew_us: number,
  ) {}

  /** Call after each commit, with its counts. One valid tick of any product proves the clock right. */
  see(counts: { ticks: number; skewed: number }, noticed: { ahead_us: number; unjudged: Position | null }): void {
    if (noticed.unjudged) this.#unjudged(noticed.unjudged);
    if (counts.ticks === 0) return;
    if (counts.skewed < counts.ticks) {
      this.#streak = 0;
      this.#valid_ms = monotonicMs();
      if (this.problems.solve("clock-behind")) this.logger.info("append times are right again: windows close again");
      return;
    }
    this.#streak += counts.skewed;
    if (this.#streak < CLOCK_WRONG_TICKS || monotonicMs() - this.#valid_ms < CLOCK_VALID_MS) return;
    const sentence = `Every tick of every product is stamped further ahead of its append time than --max-skew (${formatDuration(this.max_skew_us)}), the last one by ${formatSpan(noticed.ahead_us)}, so no window closes. The clock that stamps the log is behind: set the clock of the machine that runs \`produce\` (on Kafka, of the broker). Windows then close without a restart.`;
    // The span changes with each tick: one sentence is enough.
    if (!this.#isReported("clock-behind"))
      this.#report({ code: "clock-behind", sentence, stops: true, since_us: nowUs() });
  }

  /** Whether a latency may be measured from this append time; one far ahead of our clock is reported. */
  measures(appended_us: number, now_us: number): boolean {
    if (appended_us - now_us > APPEND_AHEAD_US_MAX) {
      const sentence = `Records have append times ${formatSpan(appended_us - now_us)} ahead of this machine's clock: ticks stamped too far ahead are not noticed among them. One of the clocks is wrong, this one or that of the machine that runs \`produce\` (on Kafka, of the broker). ${REPAIR}`;
      if (!this.#isReported("append-ahead"))
        this.#report({ code: "append-ahead", sentence, stops: false, since_us: now_us });
    } else if (appended_us >= APPEND_EARLIEST_US && this.problems.solve("append-ahead")) {
      this.logger.info("append times agree with this machine's clock again");
    }
    return canMeasure(appended_us, now_us);
  }

  #unjudged({ partition, offset, appended_us }: Position): void {
    const sentence = `Records have an invalid append time, the first one ${appended_us / 1_000} ms since 1970 at offset ${offset} of partition ${partition}: whether their ticks are stamped too far ahead is not checked. On Kafka, set the topic's message.timestamp.type to LogAppendTime. ${REPAIR}`;
    this.#report({ code: "append-time", sentence, stops: false, since_us: nowUs() });
  }

  #isReported(code: string): boolean {
    return this.problems.list().some((problem) => problem.code === code);
  }

  #report(problem: Problem): void {
    if (this.problems.report(problem)) this.logger.warn(problem.sentence);
  }
}
