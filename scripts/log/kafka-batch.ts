/** From what kafkajs pushes to what a poll pulls: the hand-over, and kafkajs's messages as a LogBatch. */
import type { KafkaMessage } from "kafkajs";
import type { LogBatch } from "../common/log.ts";

/** A batch on its way. */
export interface Handed {
  readonly partition: number;
  readonly messages: KafkaMessage[];
  /** Index of the first message not yet given. */
  from: number;
  /** It doesn't begin where the reader stands, and that was found to be right. */
  verified: boolean;
  settle(taken: boolean): void;
}

/** Holds what was pushed until it is pulled: kafkajs fetches nothing more meanwhile, so that memory stays bounded. */
export class HandOver {
  readonly waiting: Handed[] = [];

  constructor(
    private readonly heartbeat_ms: number,
    private readonly news: () => void,
  ) {}

  /** Resolves with true when all messages were taken, with false when the batch was dropped; rejects when the heartbeat does. */
  async offer(partition: number, messages: KafkaMessage[], heartbeat: () => Promise<void>): Promise<boolean> {
    let beat: Timer | undefined;
    try {
      return await new Promise<boolean>((settle, fail) => {
        const handed: Handed = { partition, messages, from: 0, verified: false, settle };
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

  /** Gives up to `records_max` messages of a waiting batch, and lets kafkajs go on once all were given. */
  take(handed: Handed, records_max: number): LogBatch {
    const to = Math.min(handed.messages.length, handed.from + records_max);
    const batch = messageBatch(handed.partition, handed.messages, handed.from, to);
    this.skip(handed, to);
    return batch;
  }

  /** Goes on to message `to`. */
  skip(handed: Handed, to: number): void {
    handed.from = to;
    if (to < handed.messages.length) return;
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

const EMPTY = new Uint8Array(0);
const ZEROS = new Uint32Array(32_768);

/** Messages `from` up to, not including, `to`. A message without a value (a tombstone) is an empty record. */
function messageBatch(partition: number, messages: KafkaMessage[], from: number, to: number): LogBatch {
  const count = to - from;
  const ends = new Uint32Array(count);
  const offsets = new Float64Array(count);
  const appended_us = new Float64Array(count);
  const first = Number(messages[from]!.offset);
  // Offsets and times are text in kafkajs: a run without holes is counted, and a time is read once for all that share it.
  const dense = Number(messages[to - 1]!.offset) - first === count - 1;
  let time = "";
  let time_us = 0;
  for (let i = 0; i < count; i++) {
    const message = messages[from + i]!;
    if (message.timestamp !== time) {
      time = message.timestamp;
      time_us = Number(time) * 1_000;
    }
    ends[i] = message.value === null ? 0 : message.value.length;
    offsets[i] = dense ? first + i : Number(message.offset);
    appended_us[i] = time_us;
  }
  return {
    partition,
    count,
    buffer: (i) => messages[from + i]!.value ?? EMPTY,
    starts: count <= ZEROS.length ? ZEROS.subarray(0, count) : new Uint32Array(count),
    ends,
    offsets,
    appended_us,
    key: (i) => messages[from + i]!.key?.toString() ?? "",
  };
}
