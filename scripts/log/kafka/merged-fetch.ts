/** Merges what kafkajs brings of a topic's partitions into one order (merge.ts), and says which partition must be fetched next. */
import { monotonicMs } from "../../base/clock.ts";
import type { LogBatch, LogPosition, PartitionSpan } from "../../contract/log.ts";
import { Partitioner } from "../shared/partition.ts";
import type { Handed, HandOver } from "./handover.ts";
import { KAFKA_QUIET_MS } from "./kafka-limits.ts";
import { type Lane, type MergeRules, nextRun } from "./merge.ts";

export interface Merged {
  batches: LogBatch[];
  /** Nothing can be handed on before records of these come. */
  starving: number[];
  /** A record waits this long for partitions that are at their ends; null: none does. */
  wait_ms: number | null;
}

interface KafkaLane extends Lane {
  handed: Handed | null;
}

export class PartitionMerge {
  readonly #lanes = new Map<number, KafkaLane>();
  readonly #partitioner: Partitioner;
  #noted_ms: number;

  /** `noted_ms`: before the spans were asked for. `isSpread`: whether some product is known to be in several partitions. */
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

  /** The ends as the broker gave them. */
  ends(spans: PartitionSpan[], noted_ms: number): void {
    this.#noted_ms = noted_ms;
    for (const { partition, end } of spans) {
      const lane = this.#lanes.get(partition);
      if (lane === undefined) continue;
      lane.noted_end = end;
      lane.end = Math.max(end, lane.next);
    }
  }

  /** Records up to, not including, `next` came, or were no records; the partition ends at `end` as far as the broker shows it. */
  came(partition: number, next: number, end: number): void {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    lane.next = Math.max(lane.next, next);
    lane.end = Math.max(lane.end, end, lane.next);
  }

  /**
   * The next records in order, `records_max` at most; `given` is called with each batch. `align` sets a batch on its first record that
   * was not handed on yet; false: it can't be handed on now.
   */
  take(records_max: number, align: (handed: Handed) => boolean, given: (batch: LogBatch) => void): Merged {
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
      for (let i = 0; i < batch.count; i++) lane.seen_us = Math.max(lane.seen_us, batch.appended_us[i]!);
      given(batch);
      batches.push(batch);
      left -= batch.count;
      if (!this.#refill(lane, align)) break;
    }
    return { batches, starving: [], wait_ms: null };
  }

  /** Sets the lane's head on its next record; false when that can't be handed on now. */
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

  /** A key that Kafka's own partitioner puts here: its product's records are all here while nobody writes in another way. */
  #isHome(batch: LogBatch, i: number): boolean {
    const key = batch.key(i);
    return key !== "" && this.#partitioner.partitionOf(key) === batch.partition;
  }
}
