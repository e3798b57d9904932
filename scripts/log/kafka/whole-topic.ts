/** Fetches a whole topic without a consumer group, as its owner's jobs must not notice. */
import type { Admin } from "kafkajs";
import Batch from "kafkajs/src/consumer/batch";
import { TidemarkError } from "../../base/errors.ts";
import type { Logger } from "../../base/logger.ts";
import { within } from "../../base/wait.ts";
import type { LogBatch, PartitionSpan } from "../../contract/log.ts";
import { passedBy, warnOfStart } from "../shared/shorter.ts";
import { ConnectionFailure, kafkaClient, type Trouble } from "./client.ts";
import { messageBatch } from "./handover.ts";
import { explained, kafkaErrorType, refusal, unreachable } from "./kafka-errors.ts";
import { KAFKA_FETCH_BYTES_MAX, KAFKA_LAST_FETCH_WAIT_MS, KAFKA_OPEN_MS } from "./kafka-limits.ts";
import { patchKafkajs } from "./patches.ts";
import { adminOf, type Cluster } from "./rights.ts";
import type { KafkaAddress } from "./topic-url.ts";

/** Fetches in a row without a record after which the rest of a partition holds none. */
const EMPTY_FETCHES_MAX = 20;
/** Only records of committed transactions, as KafkaReader returns them. */
const READ_COMMITTED = 1;

/**
 * Every record that the topic has at the call, one partition after the other. Fails with NO_DATA if
 * the topic does not exist (it is not created), LOG_UNREACHABLE, LOG_ACCESS, or USAGE.
 */
export async function* wholeTopic(url: KafkaAddress, logger: Logger): AsyncGenerator<LogBatch> {
  patchKafkajs();
  let latest: Trouble | null = null;
  const refused = Promise.withResolvers<never>();
  refused.promise.catch(() => {});
  const kafka = kafkaClient(url, logger, (trouble) => {
    latest = trouble;
    const failure = new ConnectionFailure(trouble.message, trouble);
    if (refusal(failure, url) !== null) refused.reject(failure);
  });
  const { admin, cluster } = adminOf(kafka);
  try {
    const opened = Promise.race([spansOf(admin, cluster, url.topic), refused.promise]);
    const spans = await within(KAFKA_OPEN_MS, opened, () => ConnectionFailure.late(latest));
    if (spans === null) throw missing(url);
    for (const span of spans) yield* wholePartition(cluster, url, span, logger);
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw refusal(error, url) ?? (latest === null ? unreachable(url, error) : await explained(url, error));
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

function missing({ name, topic }: KafkaAddress): TidemarkError {
  const hint = "Check the topic's name: kafka://host:port/TOPIC. Nothing was created.";
  return new TidemarkError("NO_DATA", `The Kafka cluster of ${name} has no topic ${topic}.`, hint);
}

/** The partitions' offsets now; null if there is no such topic. */
async function spansOf(admin: Admin, cluster: Cluster, topic: string): Promise<PartitionSpan[] | null> {
  await admin.connect();
  if (!(await admin.listTopics()).includes(topic)) return null;
  await cluster.addTargetTopic(topic);
  const offsets = await admin.fetchTopicOffsets(topic);
  return offsets
    .map(({ partition, low, high }) => ({ partition, start: Number(low), end: Number(high) }))
    .sort((a, b) => a.partition - b.partition);
}

async function* wholePartition(
  cluster: Cluster,
  { topic, name }: KafkaAddress,
  span: PartitionSpan,
  logger: Logger,
): AsyncGenerator<LogBatch> {
  warnOfStart(span, { name, logger });
  const { partition, start, end } = span;
  let empty = 0;
  for (let next = start; next < end; ) {
    if (empty === EMPTY_FETCHES_MAX) {
      logger.warn(`partition ${partition} of ${name} returns no record from offset ${next} to its end at ${end}`);
      return;
    }
    await cluster.refreshMetadataIfNecessary();
    const [leader] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
    const broker = await cluster.findBroker({ nodeId: leader! });
    const request = {
      maxWaitTime: KAFKA_LAST_FETCH_WAIT_MS,
      minBytes: 1,
      maxBytes: KAFKA_FETCH_BYTES_MAX,
      isolationLevel: READ_COMMITTED,
      topics: [{ topic, partitions: [{ partition, fetchOffset: String(next), maxBytes: KAFKA_FETCH_BYTES_MAX }] }],
    };
    const { responses } = await broker.fetch(request).catch((error) => {
      throw kafkaErrorType(error) === "OFFSET_OUT_OF_RANGE" ? passedBy(name, partition, next) : error;
    });
    const fetched = responses[0]?.partitions[0];
    if (fetched === undefined || fetched.messages.length === 0) {
      empty++;
      continue;
    }
    empty = 0;
    const batch = new Batch(topic, String(next), fetched);
    next = Math.max(next + 1, Number(batch.lastOffset()) + 1);
    const records = messageBatch(partition, batch.messages);
    const kept = records.offsets.findIndex((offset) => offset >= end);
    const count = kept < 0 ? records.count : kept;
    if (count > 0) yield { ...records, count };
  }
}
