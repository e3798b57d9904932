/** Appends to a Kafka topic: idempotent, in order per partition, retried while the log is open. */
import { type Kafka, type Message, Partitioners, type Producer } from "kafkajs";
import { sentence, TidemarkError } from "../../base/errors.ts";
import type { Logger } from "../../base/logger.ts";
import type { AppendRecord } from "../../contract/log.ts";
import { AppendQueue } from "../shared/append-queue.ts";
import { Partitioner } from "../shared/partition.ts";
import { kafkaErrorType, refusal } from "./kafka-errors.ts";
import { KAFKA_SEND_BYTES_MAX, KAFKA_SEND_RECORDS_MAX } from "./kafka-limits.ts";
import { isReceipt, RECEIVED, RECEIVED_BYTES, receivedValue } from "./received-header.ts";
import { lacking } from "./rights.ts";
import type { KafkaAddress } from "./topic-url.ts";

/**
 * The broker forgot this producer (its data was lost, or the id expired): a new identity continues.
 */
const FORGOTTEN = ["UNKNOWN_PRODUCER_ID", "OUT_OF_ORDER_SEQUENCE_NUMBER", "INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED"];
/** No retry helps: the topic's settings refuse the records. */
const REFUSED = ["INVALID_RECORD", "POLICY_VIOLATION"];
/** The batch exceeds the topic's max.message.bytes, or its segments: each half may fit. */
const TOO_LARGE = ["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"];
const RETRY_MS = 500;
/** Bytes of a batch's header and of a record's lengths and numbers. */
const BATCH_OVERHEAD_BYTES = 100;

/**
 * Messages of one partition. kafkajs 2.2.4 groups messages by a reduce that copies all earlier ones
 * at each message: half of an append's time at 2,000 messages per request.
 */
class OnePartition extends Array<Message> {
  static override get [Symbol.species]() {
    return Array;
  }

  constructor(
    private readonly partition: number,
    messages: Message[] = [],
  ) {
    super();
    for (const message of messages) this.push(message);
  }

  halves(): [OnePartition, OnePartition] {
    const middle = this.length >> 1;
    return [
      new OnePartition(this.partition, this.slice(0, middle)),
      new OnePartition(this.partition, this.slice(middle)),
    ];
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
  /** Bytes of one request; smaller once the broker has refused a larger one. */
  #bytes_max = KAFKA_SEND_BYTES_MAX;

  constructor(
    private readonly kafka: Kafka,
    private readonly url: KafkaAddress,
    partitions: number,
    private readonly logger: Logger,
    /** The topic's max.message.bytes; null if the broker doesn't report it. */
    private readonly recordBytesMax: () => Promise<number | null>,
  ) {
    this.#partitioner = new Partitioner(partitions);
  }

  /**
   * One request at a time per partition keeps its order, and lets the broker recognise a repeated
   * one.
   */
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
        const message = messageOf(records[from]!, partition);
        bytes += bytesOf(message);
        if (bytes > this.#bytes_max && messages.length > 0) break;
        messages.push(message);
      }
      await this.#send(messages);
    }
  }

  /**
   * Retries until the broker has them: repeated messages carry the same sequence numbers, so none
   * is stored twice. A batch that is too large has used no numbers, so its halves begin with them.
   */
  async #send(messages: OnePartition): Promise<void> {
    for (;;) {
      try {
        const producer = await this.#connected();
        await producer.send({ topic: this.url.topic, acks: -1, timeout: 10_000, messages });
        if (this.#away) this.logger.info("the Kafka broker accepts records again");
        this.#away = false;
        return;
      } catch (error) {
        if (TOO_LARGE.includes(kafkaErrorType(error))) return this.#sendHalves(messages, error);
        this.#judge(error, messages.length);
        await Bun.sleep(RETRY_MS);
      }
    }
  }

  async #sendHalves(messages: OnePartition, error: unknown): Promise<void> {
    const bytes = messages.reduceRight((sum, message) => sum + bytesOf(message), 0);
    if (messages.length === 1) throw await this.#tooLarge(bytes, error);
    this.#bytes_max = Math.min(this.#bytes_max, Math.ceil(bytes / 2));
    this.logger.debug(`the topic refuses a batch of ${bytes} bytes: sending at most ${this.#bytes_max} from now on`);
    for (const half of messages.halves()) await this.#send(half);
  }

  async #tooLarge(bytes: number, cause: unknown): Promise<TidemarkError> {
    const { topic } = this.url;
    const limit = await this.recordBytesMax().catch(() => null);
    const limits = limit === null ? "more than its max.message.bytes" : `and its max.message.bytes is ${limit}`;
    return new TidemarkError(
      "LOG_SETTINGS",
      `The topic ${topic} refuses a single record of ${bytes} bytes (${limits}).`,
      `Raise max.message.bytes of the topic to at least ${bytes + BATCH_OVERHEAD_BYTES}.`,
      { cause },
    );
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

  /** Returns if a retry makes sense, else throws. */
  #judge(error: unknown, count: number): void {
    const type = kafkaErrorType(error);
    if (REFUSED.includes(type)) {
      throw new TidemarkError(
        "LOG_SETTINGS",
        `The Kafka broker refuses records for ${this.url.topic}: ${sentence(error)}`,
        "Change the topic's settings, or use another topic.",
        { cause: error },
      );
    }
    if (type === "TOPIC_AUTHORIZATION_FAILED") {
      throw lacking([{ operation: "WRITE", on: "topic", name: this.url.topic }], this.url);
    }
    const refused = refusal(error, this.url);
    if (refused !== null) throw refused;
    if (this.#closed) {
      throw new TidemarkError(
        "LOG_UNREACHABLE",
        `The Kafka broker at ${this.url.brokers.join(", ")} did not accept the last ${count} records: ${sentence(error)}`,
        "They are not in the log; `produce` fills them in at its next start.",
        { cause: error },
      );
    }
    if (FORGOTTEN.includes(type)) {
      this.#producer?.then((old) => old.disconnect()).catch(() => {});
      this.#producer = null;
    }
    if (!this.#away)
      this.logger.warn(`the Kafka broker accepts no records, retrying until it does: ${sentence(error)}`);
    this.#away = true;
  }

  /** Waits for running appends; without a broker they fail after one more try. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue.idle();
    await (await this.#producer?.catch(() => null))?.disconnect();
  }
}

/** The value and the key as they are; the receipt time as a header. */
function messageOf({ key, value, received_us }: AppendRecord, partition: number): Message {
  const message: Message = { key, value: Buffer.from(value.buffer, value.byteOffset, value.length), partition };
  if (isReceipt(received_us)) message.headers = { [RECEIVED]: receivedValue(received_us) };
  return message;
}

function bytesOf({ key, value, headers }: Message): number {
  return (value?.length ?? 0) + (key?.length ?? 0) + (headers === undefined ? 0 : RECEIVED_BYTES);
}
