/** The log on a real Kafka broker: the suite of every log, and what is Kafka's own. */
import { afterAll, beforeAll, describe } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { createLogger } from "../../scripts/common/logger.ts";
import { dataPaths } from "../../scripts/common/settings.ts";
import { openLog } from "../../scripts/log/open.ts";
import { type Broker, kafkaAvailable, startBroker } from "../support/kafka.ts";
import { conformance } from "./conformance.ts";

const here = kafkaAvailable();
const logger = createLogger("test", { verbose: false });
logger.level = "silent";
const root = mkdtempSync(join(tmpdir(), "tidemark-kafka-log-"));
let broker: Broker;
let admin: Admin;

const url = (topic: string) => `${broker.url}/${topic}`;
const open = (topic: string, partitions?: number) =>
  openLog(url(topic), dataPaths(root), { role: "writer", partitions, logger });
const stock = () => new Kafka({ brokers: [`127.0.0.1:${broker.port}`], logLevel: logLevel.NOTHING });

describe.skipIf(!here)(here ? "kafka" : "kafka, skipped: no Java or no jars (bun run test:kafka fetches them)", () => {
  beforeAll(async () => {
    broker = await startBroker();
    admin = stock().admin();
    await admin.connect();
  }, 120_000);
  afterAll(async () => {
    await admin.disconnect();
    await broker.stop();
    rmSync(root, { recursive: true });
  });

  conformance("kafka", {
    open,
    dropBefore: async (topic, offset) => {
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
    },
    replace: async (topic) => {
      await admin.deleteTopics({ topics: [topic] });
      while ((await admin.listTopics()).includes(topic)) await Bun.sleep(50);
    },
    writer: (topic, key, total, size) =>
      Bun.spawn(
        [
          process.execPath,
          join(import.meta.dir, "../support/log-writer.ts"),
          url(topic),
          root,
          key,
          `${total}`,
          `${size}`,
        ],
        { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
      ),
    timeout_ms: 30_000,
  });
});
