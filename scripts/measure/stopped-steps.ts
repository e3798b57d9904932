/** The steps that a stopped stream has not sampled: its answer is still that of its newest sample. */
import type { AnswerSample } from "../contract/measures.ts";

/**
 * The multiples of `step_us` after the newest sample that are in a span. `waiting_us`: receipt of the
 * first tick that the answer lacks; null: none; undefined: not known, so nor is what was received.
 */
export function stoppedSteps(
  newest: AnswerSample,
  waiting_us: number | null | undefined,
  { from_us, to_us, step_us }: { from_us: number; to_us: number; step_us: number },
): AnswerSample[] {
  const steps: AnswerSample[] = [];
  const before_us = Math.max(newest.at_us, from_us);
  for (let at_us = (Math.floor(before_us / step_us) + 1) * step_us; at_us <= to_us; at_us += step_us) {
    const isWaiting = waiting_us != null && waiting_us <= at_us;
    const isKnown = waiting_us !== undefined && !isWaiting;
    steps.push({
      ...newest,
      at_us,
      received_us: isKnown ? newest.received_us : null,
      waiting_us: isWaiting ? waiting_us : null,
    });
  }
  return steps;
}
