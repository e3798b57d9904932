/**
 * Merges the fetches of a topic's partitions into one order (merge.ts), and requests the next one.
 */
import { monotonicMs } from "../../base/clock.ts";
import type { LogBatch, LogPosition, PartitionSpan } from "../../contract/log.ts";
import { newestTime } from "../shared/batches.ts";
import { Partitioner } from "../shared/partition.ts";
import type { Handed, HandOver } from "./handover.ts";
import { KAFKA_QUIET_MS } from "./kafka-limits.ts";
import { type Lane, type MergeRules, nextRun } from "./merge.ts";

interface Merged {
  batches: LogBatch[];
  /** Partitions whose records must be fetched before any can be returned. */
  starving: number[];
  /** A record waits this long for partitions at their ends, milliseconds; null if none does. */
  wait_ms: number | null;
}

interface KafkaLane extends Lane {
  handed: Handed | null;
}

export class PartitionMerge {
  readonly #lanes = new Map<number, KafkaLane>();
  readonly #partitioner: Partitioner;
  #noted_ms: number;

  /**
   * `noted_ms`: just before `spans` were requested. `isSpread`: true if some product is in several
   * partitions.
   */
  constructor(
    private readonly handOver: HandOver,
    positions: ReadonlyMap<number, LogPosition>,
    spans: PartitionSpan[],
    noted_ms: number,
    private readonly options: { until_end: boolean; isSpread(): boolean },
  ) {
    this.#partitioner = new Partitioner(spans.length);
    this.#noted_ms = noted_ms;
    for (const [partition, { next, seen_us }] of positions) {
      this.#lanes.set(partition, { partition, seen_us, head: null, handed: null, next, end: next, noted_end: next });
    }
    this.ends(spans, noted_ms);
  }

  /** The ends that the broker returned. */
  ends(spans: PartitionSpan[], noted_ms: number): void {
    this.#noted_ms = noted_ms;
    for (const { partition, end } of spans) {
      const lane = this.#lanes.get(partition);
      if (lane === undefined) continue;
      lane.noted_end = end;
      lane.end = Math.max(end, lane.next);
    }
  }

  /** The offsets before `next` were fetched; the broker reported `end` as the partition's end. */
  came(partition: number, next: number, end: number): void {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    lane.next = Math.max(lane.next, next);
    lane.end = Math.max(lane.end, end, lane.next);
  }

  /**
   * The next records in order, `records_max` at most; `taken` is called with each batch. `align`
   * moves a batch to the reader's position, or returns false if it can't be returned yet.
   */
  take(records_max: number, align: (handed: Handed) => boolean, taken: (batch: LogBatch) => void): Merged {
    const { until_end, isSpread } = this.options;
    const spread = isSpread();
    const rules: MergeRules = {
      now_ms: monotonicMs(),
      noted_ms: this.#noted_ms,
      quiet_ms: until_end ? 0 : KAFKA_QUIET_MS,
      isHome: (batch, i) => !spread && this.#isHome(batch, i),
    };
    const batches: LogBatch[] = [];
    for (const lane of this.#lanes.values())
      if (!this.#refill(lane, align)) return { batches, starving: [], wait_ms: null };
    for (let left = records_max; left > 0; ) {
      const run = nextRun(this.#lanes.values(), rules);
      if (run.lane === null) return { batches, starving: run.starving, wait_ms: run.wait_ms };
      const lane = run.lane as KafkaLane;
      const batch = this.handOver.take(lane.handed!, Math.min(left, run.to - lane.head!.from));
      lane.seen_us = newestTime(batch, lane.seen_us);
      taken(batch);
      batches.push(batch);
      left -= batch.count;
      if (!this.#refill(lane, align)) break;
    }
    return { batches, starving: [], wait_ms: null };
  }

  /** Sets the lane's head to its next record; false if that can't be returned yet. */
  #refill(lane: KafkaLane, align: (handed: Handed) => boolean): boolean {
    lane.handed = null;
    lane.head = null;
    for (;;) {
      const handed = this.handOver.waiting.find((one) => one.partition === lane.partition);
      if (handed === undefined) return true;
      if (!align(handed)) return false;
      if (!this.handOver.waiting.includes(handed)) continue;
      lane.handed = handed;
      lane.head = { batch: handed.records, from: handed.from, came_ms: handed.came_ms };
      return true;
    }
  }

  /** True if Kafka's own partitioner assigns the key to this partition, as all usual clients do. */
  #isHome(batch: LogBatch, i: number): boolean {
    const key = batch.key(i);
    return key !== "" && this.#partitioner.partitionOf(key) === batch.partition;
  }
}
