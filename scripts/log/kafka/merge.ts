/** One order of all partitions: (newest append time so far, partition, offset). */
import type { LogBatch } from "../../contract/log.ts";

/** A record's key in the merged order; within a partition the offset decides. */
interface OrderKey {
  /** The newest append time of the partition up to this record, microseconds since 1970 UTC. */
  at_us: number;
  partition: number;
}

/** One partition of the merge, as its reader knows it. */
export interface Lane {
  readonly partition: number;
  /** The newest append time of the records already returned, microseconds since 1970 UTC. */
  seen_us: number;
  /** The next records to return, from record `from` on; null if none was fetched. */
  head: { batch: LogBatch; from: number; came_ms: number } | null;
  /** The next offset to fetch. */
  next: number;
  /** The partition's known end: records below it are still to be fetched. */
  end: number;
  /** Its end when the ends were last requested: records below it were visible then. */
  noted_end: number;
}

export interface MergeRules {
  /** Now, and when the ends were last requested: monotonic milliseconds. */
  now_ms: number;
  noted_ms: number;
  /** How long a record waits for partitions at their ends; 0 if later records are not read. */
  quiet_ms: number;
  /** True if a record need not wait: its product's records are all in this partition. */
  isHome(batch: LogBatch, i: number): boolean;
}

/** Records of `lane` from its head to before `to` come next; or why none can be returned yet. */
type NextRun =
  | { lane: Lane; to: number }
  /** Partitions whose next records are needed first, and how long a record waits for quiet ones. */
  | { lane: null; starving: number[]; wait_ms: number | null };

export function precedes(a: OrderKey, b: OrderKey): boolean {
  return a.at_us < b.at_us || (a.at_us === b.at_us && a.partition < b.partition);
}

function smaller(a: OrderKey | null, b: OrderKey): OrderKey {
  return a === null || precedes(b, a) ? b : a;
}

/** The longest run of records of one partition that comes next in the merged order. Pure. */
export function nextRun(lanes: Iterable<Lane>, rules: MergeRules): NextRun {
  const starving: number[] = [];
  let first: (OrderKey & { lane: Lane }) | null = null;
  let bound: OrderKey | null = null;
  let quiet: OrderKey | null = null;
  for (const lane of lanes) {
    const { partition, seen_us, head } = lane;
    if (head !== null) {
      const key = { at_us: Math.max(seen_us, head.batch.appended_us[head.from]!), partition, lane };
      if (first !== null) bound = smaller(bound, precedes(key, first) ? first : key);
      if (first === null || precedes(key, first)) first = key;
    } else if (lane.next < lane.end) {
      starving.push(partition);
      bound = smaller(bound, { at_us: seen_us, partition });
    } else if (rules.quiet_ms > 0) {
      quiet = smaller(quiet, { at_us: seen_us, partition });
    }
  }
  if (first === null) return { lane: null, starving, wait_ms: null };
  const { batch, from } = first.lane.head!;
  const key = { at_us: first.lane.seen_us, partition: first.partition };
  let to = from;
  let wait_ms: number | null = null;
  for (; to < batch.count; to++) {
    key.at_us = Math.max(key.at_us, batch.appended_us[to]!);
    if (bound !== null && !precedes(key, bound)) break;
    if (quiet === null || precedes(key, quiet)) continue;
    wait_ms = waitOf(first.lane, to, rules);
    if (wait_ms > 0) break;
  }
  return to > from ? { lane: first.lane, to } : { lane: null, starving, wait_ms };
}

/**
 * How long record `i` of the lane's head still waits for partitions at their ends, milliseconds.
 */
function waitOf(lane: Lane, i: number, rules: MergeRules): number {
  const { batch, came_ms } = lane.head!;
  if (rules.isHome(batch, i)) return 0;
  const visible_ms = batch.offsets[i]! < lane.noted_end ? Math.min(rules.noted_ms, came_ms) : came_ms;
  return Math.max(0, visible_ms + rules.quiet_ms - rules.now_ms);
}
