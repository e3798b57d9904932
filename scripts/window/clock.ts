/** Event time of one product: M rises with its ticks and never falls; a stamp too far ahead doesn't move it. Never the machine's clock. */

import { APPEND_BEHIND_US_MAX, APPEND_EARLIEST_US } from "../base/limits.ts";

/** M before anything was seen. */
export const NO_TIME = Number.MIN_SAFE_INTEGER;

export class EventClock {
  constructor(public max_time_us: number = NO_TIME) {}

  /**
   * Sees one event time. `appended_us` is when the log took the tick, so that a replay of the log decides the same.
   * False when the stamp is skewed: further ahead of the append than `max_skew_us` (windows.md "future time"). An invalid append
   * time cannot judge: without one, every tick would be skewed and no window would ever close.
   */
  observe(time_us: number, appended_us: number, max_skew_us: number): boolean {
    if (time_us > appended_us + max_skew_us && this.canJudge(appended_us)) return false;
    if (time_us > this.max_time_us) this.max_time_us = time_us;
    return true;
  }

  /** False for an append time that no log has: -1, 0, seconds instead of milliseconds, or long before an event that was accepted. */
  canJudge(appended_us: number): boolean {
    return appended_us >= APPEND_EARLIEST_US && appended_us >= this.max_time_us - APPEND_BEHIND_US_MAX;
  }

  /** Windows that end at or before this are closed. */
  watermark(lateness_us: number): number {
    return this.max_time_us === NO_TIME ? NO_TIME : this.max_time_us - lateness_us;
  }
}
