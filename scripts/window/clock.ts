/** Event time of one product: a high mark that rises with its ticks and never reads a local clock. */
import { APPEND_BEHIND_US_MAX, APPEND_EARLIEST_US } from "../base/limits.ts";

/** The event-time high mark before anything was seen. */
export const NO_TIME = Number.MIN_SAFE_INTEGER;

export class EventClock {
  constructor(public max_time_us: number = NO_TIME) {}

  /**
   * Raises the high mark to an event time, unless it is skewed: more than `max_skew_us` ahead of
   * `appended_us`, when the log took the tick (docs/semantics.md "Skew"). False when it is skewed.
   */
  observe(time_us: number, appended_us: number, max_skew_us: number): boolean {
    if (time_us > appended_us + max_skew_us && this.canJudge(appended_us)) return false;
    if (time_us > this.max_time_us) this.max_time_us = time_us;
    return true;
  }

  /**
   * False for an invalid append time: before 2016, or long before an event that was accepted.
   * Judged by it, every tick would be skewed and no window would ever close.
   */
  canJudge(appended_us: number): boolean {
    return appended_us >= APPEND_EARLIEST_US && appended_us >= this.max_time_us - APPEND_BEHIND_US_MAX;
  }

  /** Windows that end at or before this are closed. NO_TIME before anything was seen. */
  watermark(lateness_us: number): number {
    return this.max_time_us === NO_TIME ? NO_TIME : this.max_time_us - lateness_us;
  }
}
