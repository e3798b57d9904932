/** Finality: how long after a window's end its answer is one that only a late tick can change. */
import type { Closing } from "../contract/measures.ts";
import { type Distribution, distribution } from "./distribution.ts";

/** Of one pipeline, over windows that were closed; values in microseconds. */
export interface Finality {
  /** By the exchange's clock: event time of the record that closed the window − the window's end. */
  event: Distribution;
  /** By this machine's clock: the answer's commit − receipt of that record. */
  machine: Distribution;
}

/**
 * The same for both pipelines. `answered`: when a pipeline's answer first contained the closing
 * record, microseconds since 1970 UTC; null: not yet, then the window does not count. Null without
 * a window.
 */
export function finality(
  closings: readonly Closing[],
  answered: (closing: Closing) => number | null,
  { from_us, to_us }: { from_us: number; to_us: number },
): Finality | null {
  const known = closings.flatMap((closing) => {
    const at_us = answered(closing);
    return at_us === null || at_us < from_us || at_us > to_us ? [] : { closing, at_us };
  });
  const event = distribution(known.map(({ closing }) => closing.closed_time_us - closing.window_end_us));
  const machine = distribution(known.map(({ closing, at_us }) => at_us - closing.received_us));
  return event === null || machine === null ? null : { event, machine };
}
