/** What the batch's answer contained over time: it changes when a run ends, and not in between. */
import type { AnswerSample, RunSnapshot } from "../contract/measures.ts";

/** A run that is done, and when: microseconds since 1970 UTC. */
export interface BatchRun {
  run_id: number;
  ended_us: number;
  snapshot: RunSnapshot;
}

/**
 * The batch's answer to one product at the moments of the stream's samples, which say what had been
 * received. `runs`: oldest first. `waiting_us`: receipt of the first tick that the newest run lacks;
 * null if it lacks none, or if that is not known.
 */
export function batchSamples(
  samples: readonly AnswerSample[],
  runs: readonly BatchRun[],
  product_id: string,
  waiting_us: number | null,
): AnswerSample[] {
  return samples.map(({ at_us, received_us }) => {
    const next = firstRun(runs, (run) => run.ended_us > at_us);
    const answer_us = runs[next - 1]?.snapshot.newest_us[product_id] ?? null;
    const oldest_us = next === runs.length ? waiting_us : (runs[next]!.snapshot.waiting_us[product_id] ?? null);
    return {
      at_us,
      product_id,
      answer_us,
      received_us,
      waiting_us: oldest_us !== null && oldest_us <= at_us ? oldest_us : null,
    };
  });
}

/** When a run first answered with the record at `offset`; null if none has yet. `runs`: oldest first. */
export function answeredByRun(runs: readonly BatchRun[], log_partition: number, log_offset: number): number | null {
  const includes = ({ snapshot }: BatchRun) => (snapshot.positions[log_partition] ?? 0) > log_offset;
  return runs[firstRun(runs, includes)]?.ended_us ?? null;
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
