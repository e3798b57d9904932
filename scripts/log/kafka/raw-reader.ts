/** For `bench`: the stock Kafka client, which only reads, and deleting the topics it has read. */
import { monotonicMs } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import { kafkaClient } from "./client.ts";
import { parseKafkaUrl } from "./topic-url.ts";

/** Bytes per fetch: at 8 MB the client is fastest. */
const FETCH_BYTES = 8_388_608;

/**
 * Reads `count` messages of a topic from its start in a new group, with kafkajs unpatched. Returns
 * the seconds from joining to the last message.
 */
export async function readRaw(url: string, count: number, logger: Logger): Promise<number> {
  const { kafka, topic } = clientOf(url, logger);
  const groupId = `tidemark-raw-${crypto.randomUUID()}`;
  const consumer = kafka.consumer({
    groupId,
    maxBytesPerPartition: FETCH_BYTES,
    maxBytes: 2 * FETCH_BYTES,
    minBytes: 1,
  });
  const started_ms = monotonicMs();
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const done = Promise.withResolvers<number>();
  let read = 0;
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset }) => {
      read += batch.messages.length;
      resolveOffset(batch.lastOffset());
      if (read >= count) done.resolve((monotonicMs() - started_ms) / 1_000);
    },
  });
  const seconds = await done.promise;
  await consumer.disconnect();
  return seconds;
}

/** Deletes a topic and the groups that read it. */
export async function dropTopic(url: string, logger: Logger): Promise<void> {
  const { kafka, topic } = clientOf(url, logger);
  const admin = kafka.admin();
  await admin.connect();
  try {
    await admin.deleteTopics({ topics: [topic] });
    const { groups } = await admin.listGroups();
    const ours = groups.map(({ groupId }) => groupId).filter((id) => id.startsWith("tidemark-raw-"));
    if (ours.length > 0) await admin.deleteGroups(ours);
  } finally {
    await admin.disconnect();
  }
}

function clientOf(url: string, logger: Logger) {
  const address = parseKafkaUrl(url);
  return { kafka: kafkaClient(address, logger), topic: address.topic };
}
