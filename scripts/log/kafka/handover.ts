/** Between kafkajs, which pushes batches, and a poll, which pulls LogBatches. */
import type { Batch, KafkaMessage } from "kafkajs";
import { monotonicMs } from "../../base/clock.ts";
import type { LogBatch } from "../../contract/log.ts";
import { sliceBatch } from "../shared/batches.ts";
import { FetchedRecords } from "./fetched-records.ts";
import { type Hole, holesOf } from "./holes.ts";
import { receivedOf } from "./received-header.ts";

/** A batch that waits for a poll. */
export interface Handed {
  readonly partition: number;
  readonly records: LogBatch;
  /** Lost offsets before some of these records, in order. */
  readonly holes: Hole[];
  /** Monotonic milliseconds. */
  readonly came_ms: number;
  /** Index of the first record not yet returned. */
  from: number;
  /** True once the log was asked whether it may begin after the reader's position. */
  verified: boolean;
  settle(taken: boolean): void;
}

/**
 * Holds a pushed batch until it is pulled: kafkajs fetches no more meanwhile, so memory stays
 * bounded.
 */
export class HandOver {
  readonly waiting: Handed[] = [];

  constructor(
    private readonly heartbeat_ms: number,
    private readonly news: () => void,
  ) {}

  /**
   * Resolves with true once all records were taken, with false if the batch was dropped; rejects if
   * a heartbeat does.
   */
  async offer(records: LogBatch, holes: Hole[], heartbeat: () => Promise<void>): Promise<boolean> {
    let beat: Timer | undefined;
    try {
      return await new Promise<boolean>((settle, fail) => {
        const { partition } = records;
        const came_ms = monotonicMs();
        const handed: Handed = { partition, records, holes, came_ms, from: 0, verified: false, settle };
        this.waiting.push(handed);
        beat = setInterval(() => {
          heartbeat().catch((error) => {
            this.#remove(handed);
            fail(error);
          });
        }, this.heartbeat_ms);
        this.news();
      });
    } finally {
      clearInterval(beat);
    }
  }

  /**
   * Returns up to `records_max` records of a waiting batch, none beyond its next hole. After the
   * last one kafkajs fetches again.
   */
  take(handed: Handed, records_max: number): LogBatch {
    const { from, holes } = handed;
    while (holes.length > 0 && holes[0]!.at < from) holes.shift();
    const lost = holes[0]?.at === from ? holes.shift()!.lost : 0;
    const to = Math.min(handed.records.count, from + records_max, holes[0]?.at ?? handed.records.count);
    const batch = sliceBatch(handed.records, from, to);
    this.skip(handed, to);
    return lost === 0 ? batch : { ...batch, lost };
  }

  /** Lets kafkajs fetch while records wait here: those of another partition are needed first. */
  release(): void {
    for (const handed of this.waiting) handed.settle(true);
  }

  /** Continues at record `to`. */
  skip(handed: Handed, to: number): void {
    handed.from = to;
    if (to < handed.records.count) return;
    this.#remove(handed);
    handed.settle(true);
  }

  clear(): void {
    for (const handed of this.waiting.splice(0)) handed.settle(false);
  }

  #remove(handed: Handed): void {
    const at = this.waiting.indexOf(handed);
    if (at >= 0) this.waiting.splice(at, 1);
  }
}

/**
 * The lost offsets before a fetch's records, from the requested one on. kafkajs keeps transaction
 * markers and aborted records in an array that its types omit; FetchedRecords have none.
 */
export function holesIn(batch: Batch, records: LogBatch, expected: number): Hole[] {
  if (batch.messages instanceof FetchedRecords) return holesOf(records.offsets, records.offsets, expected);
  const { rawMessages } = batch as Batch & { rawMessages: KafkaMessage[] };
  const all = rawMessages.map(({ offset }) => Number(offset));
  return holesOf(records.offsets, all, expected);
}

const EMPTY = new Uint8Array(0);

/** Fetched messages as a LogBatch. A message without a value (a tombstone) is an empty record. */
export function messageBatch(partition: number, messages: KafkaMessage[] | FetchedRecords): LogBatch {
  if (messages instanceof FetchedRecords) return messages.batch(partition);
  const count = messages.length;
  const ends = new Uint32Array(count);
  const offsets = new Float64Array(count);
  const appended_us = new Float64Array(count);
  const received_us = new Float64Array(count);
  messages.forEach((message, i) => {
    ends[i] = message.value === null ? 0 : message.value.length;
    offsets[i] = Number(message.offset);
    appended_us[i] = Number(message.timestamp) * 1_000;
    received_us[i] = receivedOf(message);
  });
  return {
    partition,
    count,
    buffer: (i) => messages[i]!.value ?? EMPTY,
    starts: new Uint32Array(count),
    ends,
    offsets,
    appended_us,
    received_us,
    key: (i) => messages[i]!.key?.toString() ?? "",
  };
}
