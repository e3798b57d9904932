/** A stock kafkajs client for tests: what an administrator does to a topic, and what somebody else's program reads and writes. */
import { type Admin, Kafka, logLevel } from "kafkajs";
import { patchKafkajs } from "../../scripts/log/kafka/patches.ts";

export function stockClient(port: number): Kafka {
  // Without it each idle connection warns on stderr.
  patchKafkajs();
  return new Kafka({ clientId: "somebody", brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
}

/** Cuts partition 0 as retention would. A leader that was found just now may be unknown to this client for a moment, and is asked again. */
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

/** Deletes a topic, and waits until it is gone. */
export async function deleteTopic(admin: Admin, topic: string): Promise<void> {
  await admin.deleteTopics({ topics: [topic] });
  while ((await admin.listTopics()).includes(topic)) await Bun.sleep(50);
}
