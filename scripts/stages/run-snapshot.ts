/** What the answers of a batch run contain, and how long its new ticks waited for them. */
import type { TickGroups } from "../archive/index.ts";
import { type Buckets, curveName, type Histograms, type RunSnapshot } from "../contract/measures.ts";
import { bucketOf, merged } from "../measure/buckets.ts";

/** Windows of the metric that is compared with the stream. */
const CURVE = curveName(60_000_000);

/**
 * The snapshot of a run whose results are committed at `committed_us`, when the exchange's time is
 * `exchange_us` (null: not known, so there is no curve). A latency is at most 1/28 above the true
 * one, never below: 1/256 of the tick's group by age, and 1/32 of its bucket (docs/measures.md).
 */
export function runSnapshot(ticks: TickGroups, committed_us: number, exchange_us: number | null): RunSnapshot {
  const { fresh } = ticks;
  const since_us = committed_us - fresh.at_us;
  const histograms: Histograms = {
    pipeline: histogram(fresh.received, (age_us) => since_us + age_us),
    pipeline_from_append: histogram(fresh.appended, (age_us) => since_us + age_us),
  };
  if (exchange_us !== null) histograms[CURVE] = histogram(fresh.minute_ends, (end_us) => exchange_us - end_us);
  return {
    positions: Object.fromEntries(ticks.positions),
    collected_to: ticks.collected_to,
    store_created: ticks.store_created,
    newest_us: Object.fromEntries(ticks.newest_us),
    waiting_us: Object.fromEntries(fresh.waiting_us),
    histograms,
    unreceived: fresh.unreceived,
    exchange_us,
  };
}

/** Counts by the bucket of each group's value; values below 0 are in bucket 0. */
function histogram(groups: ReadonlyMap<number, number>, value: (group: number) => number): Buckets {
  return merged([[...groups].map(([group, count]) => [bucketOf(Math.max(0, value(group))), count])]);
}
