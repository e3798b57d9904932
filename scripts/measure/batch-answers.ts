/** What the batch's answer contained over time: it changes when a run ends, and not in between. */
import type { AnswerSample, Closing, RunSnapshot } from "../contract/measures.ts";

/** A run that is done, and when: microseconds since 1970 UTC. */
export interface BatchRun {
  run_id: number;
  ended_us: number;
  snapshot: RunSnapshot;
}

/**
 * The batch's answer to one product at the moments of the stream's samples, which say what had been
 * received. `runs`: oldest first. `waiting_us`: receipt of the first tick that the newest run lacks;
 * null if it lacks none, or if that is not known. Moments before the oldest run at which nothing that
 * it added waited are left out: a forgotten run may have answered then.
 */
export function batchSamples(
  samples: readonly AnswerSample[],
  runs: readonly BatchRun[],
  product_id: string,
  waiting_us: number | null,
): AnswerSample[] {
  return samples.flatMap(({ at_us, received_us }) => {
    const next = firstRun(runs, (run) => run.ended_us > at_us);
    const answer_us = runs[next - 1]?.snapshot.newest_us[product_id] ?? null;
    const oldest_us = next === runs.length ? waiting_us : (runs[next]!.snapshot.waiting_us[product_id] ?? null);
    const isWaiting = oldest_us !== null && oldest_us <= at_us;
    if (next === 0 && !isWaiting) return [];
    return { at_us, product_id, answer_us, received_us, waiting_us: isWaiting ? oldest_us : null };
  });
}

type ClosingRecord = Pick<Closing, "log_partition" | "log_offset" | "received_us">;

/**
 * When a run first answered with the record that closed a window; null if none has yet, or if it came
 * before all ticks that the oldest run added: a forgotten run answered with it. `runs`: oldest first.
 */
export function answeredByRun(runs: readonly BatchRun[], closing: ClosingRecord): number | null {
  const { log_partition, log_offset, received_us } = closing;
  const includes = ({ snapshot }: BatchRun) => (snapshot.positions[log_partition] ?? 0) > log_offset;
  const first = firstRun(runs, includes);
  const run = runs[first];
  if (run === undefined) return null;
  const isOlder = first === 0 && received_us < Math.min(...Object.values(run.snapshot.waiting_us));
  return isOlder ? null : run.ended_us;
}

/**
 * Receipt of the first tick that the newest run lacks, to the step of the samples: the first one at
 * which a newer tick had been received. For logs that can't be asked. `samples`: ascending, of one
 * product.
 */
export function waitingBySamples(samples: readonly AnswerSample[], newest_us: number | null): number | null {
  const first = samples.find(({ received_us }) => received_us !== null && received_us > (newest_us ?? -Infinity));
  return first?.at_us ?? null;
}

/** The first index at which `is` holds, which then holds for all later ones; their number if none. */
function firstRun(runs: readonly BatchRun[], is: (run: BatchRun) => boolean): number {
  let [low, high] = [0, runs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (is(runs[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}
