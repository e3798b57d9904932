/** The log on a Kafka cluster, 3.x and 4.x, through kafkajs. */
import type { Admin, Kafka } from "kafkajs";
import { TidemarkError } from "../../base/errors.ts";
import type { Logger } from "../../base/logger.ts";
import { plural } from "../../base/printable.ts";
import { within } from "../../base/wait.ts";
import type { AppendRecord, Log, LogBatch, LogPosition, PartitionSpan, ReaderOptions } from "../../contract/log.ts";
import { newestPerKey } from "../shared/batches.ts";
import { readLast } from "../shared/read-to-end.ts";
import { firstOffset, otherLog } from "../shared/shorter.ts";
import { ConnectionFailure, kafkaClient, type Trouble } from "./client.ts";
import { explained, kafkaErrorType, refusal, unreachable } from "./kafka-errors.ts";
import { KAFKA_CONFIRM_MS, KAFKA_OPEN_MS, KAFKA_RECORD_BYTES_MAX } from "./kafka-limits.ts";
import { patchKafkajs } from "./patches.ts";
import { KafkaProducer } from "./producer.ts";
import { KafkaReader } from "./reader.ts";
import { adminOf, lackingRights } from "./rights.ts";
import { refuseCompacted, topicSetting } from "./topic-settings.ts";
import type { KafkaAddress } from "./topic-url.ts";

const NO_LEADER_YET = ["UNKNOWN_TOPIC_OR_PARTITION", "LEADER_NOT_AVAILABLE", "NOT_LEADER_FOR_PARTITION"];
const LEADER_POLL_MS = 200;

export interface KafkaOptions {
  role: "writer" | "reader";
  /** For a new topic; with an existing one of another number opening fails with LOG_SETTINGS. */
  partitions?: number;
  /** For a new topic: how long it keeps records, microseconds; default: the broker's setting. */
  retain_us?: number;
  logger: Logger;
}

/** The groups of `readLast` begin with this; a writer's rights are checked for it. */
const TAIL_GROUP = "tidemark-tail";

/**
 * Connects, and creates a missing topic. Fails with LOG_UNREACHABLE within KAFKA_OPEN_MS,
 * LOG_ACCESS (listener, certificate, login, any right that a writer will need), LOG_SETTINGS, or
 * USAGE without a password.
 */
export async function openKafka(url: KafkaAddress, options: KafkaOptions): Promise<KafkaLog> {
  patchKafkajs();
  let latest: Trouble | null = null;
  const refused = Promise.withResolvers<never>();
  refused.promise.catch(() => {});
  const kafka = kafkaClient(url, options.logger, (trouble) => {
    latest = trouble;
    // kafkajs would retry for five seconds, which changes no certificate.
    const failure = new ConnectionFailure(trouble.message, trouble);
    if (refusal(failure, url) !== null) refused.reject(failure);
  });
  const { admin, cluster } = adminOf(kafka);
  try {
    const settled = Promise.race([settleTopic(admin, url.topic, options), refused.promise]);
    const partitions = await within(KAFKA_OPEN_MS, settled, () => ConnectionFailure.late(latest));
    const log = new KafkaLog(kafka, admin, url, partitions, options.logger, (operations, group) =>
      lackingRights(cluster, url, operations, group),
    );
    const lacking = options.role === "writer" ? await log.lacking() : null;
    if (lacking !== null) throw lacking;
    return log;
  } catch (error) {
    admin.disconnect().catch(() => {});
    throw error instanceof TidemarkError ? error : await explained(url, error);
  }
}

/** Creates a missing topic, and resolves with its number of partitions once their leaders respond. */
async function settleTopic(admin: Admin, topic: string, options: KafkaOptions): Promise<number> {
  await admin.connect();
  for (;;) {
    try {
      return await settleOnce(admin, topic, options);
    } catch (error) {
      // A topic that was deleted just now is listed a moment longer than it exists.
      if (kafkaErrorType(error) !== "UNKNOWN_TOPIC_OR_PARTITION") throw error;
      await Bun.sleep(LEADER_POLL_MS);
    }
  }
}

async function settleOnce(admin: Admin, topic: string, options: KafkaOptions): Promise<number> {
  const known = await admin.listTopics();
  if (!known.includes(topic)) await createTopic(admin, topic, options);
  await leadersAnswer(admin, topic);
  await refuseCompacted(admin, topic, options.logger);
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const partitions = topics[0]!.partitions.length;
  if (options.partitions !== undefined && options.partitions !== partitions) {
    throw new TidemarkError(
      "LOG_SETTINGS",
      `The topic ${topic} has ${plural(partitions, "partition")}, not ${options.partitions}.`,
      "Leave the number out, or use another topic.",
    );
  }
  return partitions;
}

/** A new topic is listed before its leaders respond; on a busy broker that takes seconds. */
async function leadersAnswer(admin: Admin, topic: string): Promise<void> {
  for (;;) {
    try {
      await admin.fetchTopicOffsets(topic);
      return;
    } catch (error) {
      if (!NO_LEADER_YET.includes(kafkaErrorType(error))) throw error;
      await Bun.sleep(LEADER_POLL_MS);
    }
  }
}

async function createTopic(admin: Admin, topic: string, options: KafkaOptions): Promise<void> {
  const numPartitions = options.partitions ?? 1;
  const configEntries = [
    // One clock, the broker's, for all producers: a wrong one would make ticks look skewed.
    { name: "message.timestamp.type", value: "LogAppendTime" },
    // Compaction would drop ticks; recompression would cost the broker CPU time.
    { name: "cleanup.policy", value: "delete" },
    { name: "compression.type", value: "producer" },
    { name: "max.message.bytes", value: String(KAFKA_RECORD_BYTES_MAX) },
  ];
  if (options.retain_us !== undefined) {
    configEntries.push({ name: "retention.ms", value: String(Math.ceil(options.retain_us / 1_000)) });
  }
  const made = await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions, configEntries }] });
  if (made) options.logger.info(`created the topic ${topic} with ${plural(numPartitions, "partition")}`);
}

export class KafkaLog implements Log {
  readonly kind = "kafka";
  readonly name: string;
  #producer: KafkaProducer | null = null;
  #readers: KafkaReader[] = [];

  constructor(
    private readonly kafka: Kafka,
    private readonly admin: Admin,
    private readonly url: KafkaAddress,
    readonly partitions: number,
    readonly logger: Logger,
    /** LOG_ACCESS if the user lacks one of these rights on the topic, or READ on the group; or null. */
    private readonly lackingFor: (operations: ("READ" | "WRITE")[], group: string) => Promise<TidemarkError | null>,
  ) {
    this.name = url.name;
  }

  /**
   * Resolves when all in-sync replicas have the records. Retries in order while the cluster is
   * away: the caller bounds what waits meanwhile.
   */
  append(records: AppendRecord[]): Promise<void> {
    this.#producer ??= new KafkaProducer(this.kafka, this.url, this.partitions, this.logger, async () => {
      return Number(await topicSetting(this.admin, this.url.topic, "max.message.bytes")) || null;
    });
    return this.#producer.append(records);
  }

  lacking(): Promise<TidemarkError | null> {
    return this.lackingFor(["READ", "WRITE"], TAIL_GROUP);
  }

  async spans(): Promise<PartitionSpan[]> {
    try {
      const offsets = await this.admin.fetchTopicOffsets(this.url.topic);
      return offsets
        .map(({ partition, low, high }) => ({ partition, start: Number(low), end: Number(high) }))
        .sort((a, b) => a.partition - b.partition);
    } catch (error) {
      throw unreachable(this.url, error);
    }
  }

  async verify(group: string, positions: ReadonlyMap<number, LogPosition>): Promise<void> {
    const read = [...positions].filter(([, position]) => position.next > 0);
    const check = async () => {
      const spans = new Map((await this.spans()).map((span) => [span.partition, span]));
      for (const [partition, position] of read) {
        firstOffset(spans.get(partition) ?? { partition, start: 0, end: 0 }, position.next, group, this);
        await this.#recognise(partition, position, group);
      }
    };
    if (read.length === 0) return;
    await check().catch(async () => {
      await Bun.sleep(KAFKA_CONFIRM_MS);
      await check();
    });
  }

  /**
   * A job's records were appended by `seen_us`: an earlier offset with a later time is of another
   * log.
   */
  async #recognise(partition: number, position: LogPosition, group: string): Promise<void> {
    if (position.seen_us === 0) return;
    const { topic } = this.url;
    // Kafka's times are whole milliseconds; kafkajs returns the end if no record is later.
    const found = await this.admin
      .fetchTopicOffsetsByTimestamp(topic, Math.floor(position.seen_us / 1_000) + 1)
      .catch((error) => {
        throw unreachable(this.url, error);
      });
    const first = found.find((one) => one.partition === partition);
    if (first !== undefined && Number(first.offset) < position.next)
      throw otherLog(partition, position, group, this.name);
  }

  /** Reads through a group of its own, which is deleted afterwards. */
  async *readLast(records: number): AsyncGenerator<LogBatch> {
    const group = `${TAIL_GROUP}-${crypto.randomUUID()}`;
    try {
      yield* readLast(this, records, group);
    } finally {
      await this.admin.deleteGroups([group]).catch(() => {});
    }
  }

  async tail(records: number): Promise<LogBatch[]> {
    return newestPerKey(await Array.fromAsync(this.readLast(records)));
  }

  async reader(options: ReaderOptions): Promise<KafkaReader> {
    const { name, logger } = this;
    const lacking = await this.lackingFor(["READ"], options.group);
    if (lacking !== null) throw lacking;
    const reader = new KafkaReader(this.kafka, this.url.topic, options, {
      name,
      logger,
      partitions: this.partitions,
      spans: () => this.spans(),
      recognise: (partition, position, group) => this.#recognise(partition, position, group),
      refused: (error, group) => refusal(error, this.url, group),
      ended: (error, group) => this.#ended(error, group),
    });
    this.#readers.push(reader);
    await reader.start().catch((error) => {
      throw refusal(error, this.url, options.group) ?? unreachable(this.url, error);
    });
    return reader;
  }

  async #ended(error: unknown, group: string): Promise<TidemarkError> {
    const refused = refusal(error, this.url, group) ?? (await this.lackingFor(["READ"], group));
    return refused ?? unreachable(this.url, error);
  }

  async committed(group: string): Promise<{ partition: number; next: number }[]> {
    try {
      const topics = await this.admin.fetchOffsets({ groupId: group, topics: [this.url.topic] });
      const offsets = topics[0]?.partitions ?? [];
      return offsets
        .map(({ partition, offset }) => ({ partition, next: Number(offset) }))
        .filter(({ next }) => next >= 0)
        .sort((a, b) => a.partition - b.partition);
    } catch (error) {
      throw unreachable(this.url, error);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.close()));
    await this.#producer?.close();
    await this.admin.disconnect();
  }
}
