/** Event time of one product: M rises with its ticks and never falls; a stamp too far ahead doesn't move it. Never the machine's clock. */

/** M before anything was seen. */
export const NO_TIME = Number.MIN_SAFE_INTEGER;

export class EventClock {
  constructor(public max_time_us: number = NO_TIME) {}

  /**
   * Sees one event time. `appended_us` is when the log took the tick, so that a replay of the log decides the same.
   * False when the stamp is skewed: further ahead of the append than `max_skew_us` (windows.md "future time").
   */
  observe(time_us: number, appended_us: number, max_skew_us: number): boolean {
    if (time_us > appended_us + max_skew_us) return false;
    if (time_us > this.max_time_us) this.max_time_us = time_us;
    return true;
  }

  /** Windows that end at or before this are closed. */
  watermark(lateness_us: number): number {
    return this.max_time_us === NO_TIME ? NO_TIME : this.max_time_us - lateness_us;
  }
}
