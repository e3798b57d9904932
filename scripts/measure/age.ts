/** Age: exchange time now − event time of the newest tick in a pipeline's answer. */
import type { AnswerSample } from "../contract/measures.ts";
import { type Distribution, distribution } from "./distribution.ts";

/** The exchange's time at a time of this machine; both in microseconds since 1970 UTC. */
export type ExchangeClock = (at_us: number) => number;

/** At one moment, in microseconds of the exchange's clock. */
interface Age {
  age_us: number;
  /** Of an answer that contains every tick at its receipt; null if no tick had been received. */
  perfect_us: number | null;
}

/** Over all samples of a span that have an answer; values in microseconds. */
export interface Ages {
  age: Distribution;
  /** Mean age of the perfect answer at those of the samples that know it; null: none does. */
  perfect_mean_us: number | null;
  /** Share of the samples that are older than a value: ascending values, until none is. */
  curve: [above_us: number, share: number][];
}

const SECOND = 1_000_000;
/** Values of the curve: 0.1 s to 30 h. */
const ABOVE_US = [
  ...[0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600],
  ...[20, 30, 60, 120, 300, 600, 1_800].map((minutes) => minutes * 60),
].map((seconds) => seconds * SECOND);

/** Null before the first answer. Not clamped: an exchange whose clock is ahead makes it negative. */
export function ageAt({ at_us, answer_us, received_us }: AnswerSample, clock: ExchangeClock): Age | null {
  if (answer_us === null) return null;
  const exchange_us = clock(at_us);
  return { age_us: exchange_us - answer_us, perfect_us: received_us === null ? null : exchange_us - received_us };
}

/** Samples at equal steps, of one product. Null if none has an answer. */
export function ages(samples: readonly AnswerSample[], clock: ExchangeClock): Ages | null {
  const known = samples.flatMap((sample) => ageAt(sample, clock) ?? []);
  const values = known.map(({ age_us }) => age_us);
  const age = distribution(values);
  if (age === null) return null;
  const perfect = known.flatMap(({ perfect_us }) => perfect_us ?? []);
  return { age, perfect_mean_us: distribution(perfect)?.mean ?? null, curve: curveOf(values) };
}

function curveOf(values: readonly number[]): Ages["curve"] {
  const sorted = Float64Array.from(values).sort();
  let at = 0;
  const points: Ages["curve"] = [];
  for (const above_us of ABOVE_US) {
    while (at < sorted.length && sorted[at]! <= above_us) at++;
    points.push([above_us, (sorted.length - at) / sorted.length]);
    if (at === sorted.length) break;
  }
  return points;
}
