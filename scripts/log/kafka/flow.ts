/** Controls what kafkajs fetches next: again only once all fetched records were taken. */
import type { Consumer, Kafka } from "kafkajs";
import { monotonicMs } from "../../base/clock.ts";
import type { TidemarkError } from "../../base/errors.ts";
import type { Logger } from "../../base/logger.ts";
import type { LogPosition, PartitionSpan, ReaderOptions } from "../../contract/log.ts";
import { sessionMs } from "./client.ts";
import type { HandOver } from "./handover.ts";
import type { Hole } from "./holes.ts";
import {
  KAFKA_FETCH_BYTES_MAX,
  KAFKA_FETCH_WAIT_MS,
  KAFKA_LAST_FETCH_WAIT_MS,
  KAFKA_METADATA_MS,
} from "./kafka-limits.ts";

/** What a reader needs of its log. */
export interface KafkaReaderLog {
  name: string;
  partitions: number;
  logger: Logger;
  spans(): Promise<PartitionSpan[]>;
  /**
   * Fails if the record before a position was appended later than the job has seen: that is another
   * log.
   */
  recognise(partition: number, position: LogPosition, group: string): Promise<void>;
  /** The error to report for one that no retry fixes; null for all others. */
  refused(error: unknown, group: string): TidemarkError | null;
  /** The error to report for one that ended kafkajs's consumer. */
  ended(error: unknown, group: string): Promise<TidemarkError>;
}

/** Heartbeats also report a rebalance; three fit into the shortest session. */
export const HEARTBEAT_MS = 333;

/** A member of the reader's group; `restarts`: true if it starts again after an error. */
export function groupConsumer(kafka: Kafka, options: ReaderOptions, restarts: (error: Error) => boolean): Consumer {
  const wait_ms = options.until_end ? KAFKA_LAST_FETCH_WAIT_MS : KAFKA_FETCH_WAIT_MS;
  return kafka.consumer({
    groupId: options.group,
    sessionTimeout: sessionMs(),
    heartbeatInterval: HEARTBEAT_MS,
    maxBytesPerPartition: KAFKA_FETCH_BYTES_MAX,
    maxBytes: 2 * KAFKA_FETCH_BYTES_MAX,
    minBytes: 1,
    maxWaitTimeInMs: Math.min(wait_ms, sessionMs() / 4),
    allowAutoTopicCreation: false,
    metadataMaxAge: KAFKA_METADATA_MS,
    retry: { restartOnFailure: async (error) => restarts(error) },
  });
}

export class FetchOrder {
  readonly #paused = new Set<number>();
  /**
   * By partition: the next offset to fetch, and lost offsets before it that no record has reported
   * yet.
   */
  #next = new Map<number, number>();
  #lost = new Map<number, number>();

  /** When a fetch last returned no record (monotonic clock): the partition had no more then. */
  empty_ms = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly consumer: Consumer,
    private readonly topic: string,
    readonly handOver: HandOver,
  ) {
    consumer.on(consumer.events.FETCH, ({ payload }) => {
      if (payload.numberOfBatches === 0) this.empty_ms = monotonicMs();
    });
  }

  /**
   * Fetches from these positions on. `lost` is called if kafkajs has just lost the group; it joins
   * again by itself.
   */
  begin(positions: ReadonlyMap<number, number>, lost: (error: unknown) => void): void {
    this.#paused.clear();
    this.#next = new Map(positions);
    this.#lost = new Map();
    try {
      for (const [partition, next] of positions) {
        this.consumer.seek({ topic: this.topic, partition, offset: String(next) });
      }
      this.consumer.resume([{ topic: this.topic, partitions: [...positions.keys()] }]);
    } catch (error) {
      lost(error);
    }
  }

  /**
   * Records before `next` were fetched: returns the holes before them, found from the expected
   * offset on.
   */
  came(partition: number, next: number, find: (expected: number) => Hole[]): Hole[] {
    const holes = find(this.#next.get(partition) ?? 0);
    const before = this.#lost.get(partition) ?? 0;
    this.#next.set(partition, Math.max(next, this.#next.get(partition) ?? 0));
    this.#lost.delete(partition);
    if (before === 0) return holes;
    if (holes[0]?.at === 0) holes[0].lost += before;
    else holes.unshift({ at: 0, lost: before });
    return holes;
  }

  /**
   * Offsets [first, next) were fetched and hold no record. Returns how many were lost before them,
   * which the next record reports.
   */
  passed(partition: number, first: number, next: number): number {
    const expected = this.#next.get(partition) ?? 0;
    const lost = Math.max(0, first - expected);
    if (lost > 0) this.#lost.set(partition, (this.#lost.get(partition) ?? 0) + lost);
    this.#next.set(partition, Math.max(next, expected));
    return lost;
  }

  /**
   * Lets kafkajs fetch while records wait: only `starving` partitions if there are any, else all if
   * a record waits for quiet partitions.
   */
  next(starving: number[], isWaiting: boolean): void {
    const waiting = new Set(this.handOver.waiting.map(({ partition }) => partition));
    const isStarving = starving.length > 0;
    const pause = isStarving ? [...waiting].filter((partition) => !this.#paused.has(partition)) : [];
    const resume = [...this.#paused].filter((partition) => !waiting.has(partition) || (isWaiting && !isStarving));
    for (const partition of pause) this.#paused.add(partition);
    for (const partition of resume) this.#paused.delete(partition);
    if (pause.length > 0) this.consumer.pause([{ topic: this.topic, partitions: pause }]);
    if (resume.length > 0) this.consumer.resume([{ topic: this.topic, partitions: resume }]);
    if (isStarving || isWaiting) this.handOver.release();
  }
}
