/**
 * Types of the inner parts of kafkajs that patches.ts, rights.ts and whole-topic.ts use; its own types
 * omit them.
 */
declare module "kafkajs/src/network/requestQueue" {
  interface RequestQueue {
    throttleCheckTimeoutId: Timer | null;
    throttledUntil: number;
    pending: unknown[];
    checkPendingRequests(): void;
    scheduleCheckPendingRequests(this: RequestQueue): void;
  }
  const RequestQueue: { prototype: RequestQueue };
  export default RequestQueue;
}

declare module "kafkajs/src/protocol/requests/fetch/v11/response" {
  const response: { decode(bytes: Buffer): Promise<unknown> };
  export default response;
}

declare module "kafkajs/src/protocol/encoder" {
  class Encoder {
    writeArray(values: string[]): this;
    writeBoolean(value: boolean): this;
  }
  export default Encoder;
}

declare module "kafkajs/src/protocol/decoder" {
  class Decoder {
    constructor(bytes: Buffer);
    readInt16(): number;
    readInt32(): number;
    readBoolean(): boolean;
    readString(): string | null;
    readBytes(): Buffer | null;
    readArray<T>(read: () => T): T[];
  }
  export default Decoder;
}

declare module "kafkajs/src/consumer/batch" {
  import type { KafkaMessage } from "kafkajs";
  /** One partition of a fetch's response. */
  export interface FetchedPartition {
    partition: number;
    highWatermark: string;
    abortedTransactions: unknown[];
    messages: KafkaMessage[];
  }
  class Batch {
    constructor(topic: string, fetchedOffset: string, partition: FetchedPartition);
    messages: KafkaMessage[];
    lastOffset(): string;
  }
  export default Batch;
}
