/** A kafkajs client for tests: what administrators and other people's programs do with a topic. */
import { type Admin, Kafka, logLevel, type Message } from "kafkajs";
import { patchKafkajs } from "../../scripts/log/kafka/patches.ts";

export function stockClient(port: number): Kafka {
  // Without it each idle connection warns on stderr.
  patchKafkajs();
  return new Kafka({ clientId: "somebody", brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
}

/** Cuts partition 0 as retention would. Retries: a new leader may be unknown to this client at first. */
export async function dropBefore(admin: Admin, topic: string, offset: number): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
    } catch (error) {
      if (tries === 10) throw error;
      await Bun.sleep(100);
    }
  }
}

/** Creates a topic, and waits for its leaders. `config`: its settings by name. */
export async function createTopic(
  admin: Admin,
  topic: string,
  numPartitions: number,
  config: Record<string, string> = {},
): Promise<void> {
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions, configEntries }] });
}

/** Deletes a topic, and waits until it is gone. */
export async function deleteTopic(admin: Admin, topic: string): Promise<void> {
  await admin.deleteTopics({ topics: [topic] });
  while ((await admin.listTopics()).includes(topic)) await Bun.sleep(50);
}

/** Sends each group in a transaction, which leaves a marker in each partition that it wrote to. */
export async function transactions(
  port: number,
  topic: string,
  groups: { messages: Message[]; isAborted?: boolean }[],
): Promise<void> {
  const client = stockClient(port);
  const producer = client.producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (const { messages, isAborted = false } of groups) {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages });
    await (isAborted ? transaction.abort() : transaction.commit());
  }
  await producer.disconnect();
}
