/** Appends to a Kafka topic: idempotent, acknowledged by all in-sync replicas, in order per partition, and never given up while the log is open. */
import { type Kafka, type Message, Partitioners, type Producer } from "kafkajs";
import { sentence, TidemarkError } from "../common/errors.ts";
import { KAFKA_SEND_BYTES_MAX, KAFKA_SEND_RECORDS_MAX } from "../common/limits.ts";
import type { AppendRecord } from "../common/log.ts";
import type { Logger } from "../common/logger.ts";
import { AppendQueue } from "./append-queue.ts";
import { kafkaErrorType } from "./kafka-client.ts";
import { Partitioner } from "./partition.ts";

/** The broker forgot this producer (its data was lost, or the id expired): a new identity goes on where the old one stood. */
const FORGOTTEN = ["UNKNOWN_PRODUCER_ID", "OUT_OF_ORDER_SEQUENCE_NUMBER", "INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED"];
/** No retry can help: the topic or its rights are set up otherwise. */
const REFUSED = [
  "MESSAGE_TOO_LARGE",
  "RECORD_LIST_TOO_LARGE",
  "INVALID_RECORD",
  "POLICY_VIOLATION",
  "TOPIC_AUTHORIZATION_FAILED",
  "CLUSTER_AUTHORIZATION_FAILED",
];
const RETRY_MS = 500;

/**
 * Messages of one partition. kafkajs 2.2.4 sorts messages into partitions by a reduce that copies all those before at each one: half of
 * an append's time at 2,000 messages a request.
 */
class OnePartition extends Array<Message> {
  static override get [Symbol.species]() {
    return Array;
  }

  constructor(private readonly partition: number) {
    super();
  }

  override reduce(): never {
    return { [this.partition]: this.slice() } as never;
  }
}

export class KafkaProducer {
  readonly #partitioner: Partitioner;
  readonly #queue = new AppendQueue((records) => this.#commit(records));
  #producer: Promise<Producer> | null = null;
  #closed = false;
  #away = false;

  constructor(
    private readonly kafka: Kafka,
    private readonly url: { brokers: string[]; topic: string },
    partitions: number,
    private readonly logger: Logger,
  ) {
    this.#partitioner = new Partitioner(partitions);
  }

  /** One request at a time for a partition keeps its order, and lets a repeated request be recognised as one. */
  append(records: AppendRecord[]): Promise<void> {
    return this.#queue.append(records);
  }

  async #commit(records: AppendRecord[]): Promise<void> {
    const groups = [...this.#partitioner.group(records)];
    await Promise.all(groups.map(([partition, group]) => this.#sendAll(partition, group)));
  }

  async #sendAll(partition: number, records: AppendRecord[]): Promise<void> {
    for (let from = 0; from < records.length; ) {
      const messages = new OnePartition(partition);
      let bytes = 0;
      for (; from < records.length && messages.length < KAFKA_SEND_RECORDS_MAX; from++) {
        const { key, value } = records[from]!;
        bytes += value.length + key.length;
        if (bytes > KAFKA_SEND_BYTES_MAX && messages.length > 0) break;
        messages.push({ key, value: Buffer.from(value.buffer, value.byteOffset, value.length), partition });
      }
      await this.#send(messages);
    }
  }

  /** Tries until the broker has them. The same messages again carry the same sequence numbers, so that none is stored twice. */
  async #send(messages: Message[]): Promise<void> {
    for (;;) {
      try {
        const producer = await this.#connected();
        await producer.send({ topic: this.url.topic, acks: -1, timeout: 10_000, messages });
        if (this.#away) this.logger.info("the Kafka broker takes records again");
        this.#away = false;
        return;
      } catch (error) {
        this.#judge(error, messages.length);
        await Bun.sleep(RETRY_MS);
      }
    }
  }

  #connected(): Promise<Producer> {
    this.#producer ??= (async () => {
      const producer = this.kafka.producer({
        idempotent: true,
        maxInFlightRequests: 1,
        allowAutoTopicCreation: false,
        createPartitioner: Partitioners.DefaultPartitioner,
      });
      await producer.connect();
      return producer;
    })();
    this.#producer.catch(() => {
      this.#producer = null;
    });
    return this.#producer;
  }

  /** Returns when another try makes sense, throws when it doesn't. */
  #judge(error: unknown, count: number): void {
    const type = kafkaErrorType(error);
    if (REFUSED.includes(type)) {
      throw new TidemarkError(
        "LOG_SETTINGS",
        `The Kafka broker refuses records for ${this.url.topic}: ${sentence(error)}`,
        "See the topic's max.message.bytes and rights.",
        { cause: error },
      );
    }
    if (this.#closed) {
      throw new TidemarkError(
        "LOG_UNREACHABLE",
        `The Kafka broker at ${this.url.brokers.join(", ")} didn't take the last ${count} records: ${sentence(error)}`,
        "They are not in the log; a feed fills them in when it starts again.",
        { cause: error },
      );
    }
    if (FORGOTTEN.includes(type)) {
      this.#producer?.then((old) => old.disconnect()).catch(() => {});
      this.#producer = null;
    }
    if (!this.#away)
      this.logger.warn(`the Kafka broker takes no records, trying again until it does: ${sentence(error)}`);
    this.#away = true;
  }

  /** Waits for what is under way; when the broker is away, that fails after one more try. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue.idle();
    await (await this.#producer?.catch(() => null))?.disconnect();
  }
}
