/** Lag: now − receipt of the oldest received tick that a pipeline's answer lacks. */
import type { AnswerSample } from "../contract/measures.ts";
import { type Distribution, distribution } from "./distribution.ts";

/**
 * Microseconds of this machine's clock; 0 if the answer lacks no received tick. A silent market adds
 * nothing.
 */
export function lagAt({ at_us, waiting_us }: Pick<AnswerSample, "at_us" | "waiting_us">): number {
  return waiting_us === null ? 0 : at_us - waiting_us;
}

/** Samples at equal steps, of one product; null without any. */
export function lags(samples: readonly AnswerSample[]): Distribution | null {
  return distribution(samples.map(lagAt));
}
