/** The log on a real Kafka broker: the suite of every log. */
import { afterAll, beforeAll, describe } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Admin } from "kafkajs";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { createLogger } from "../../../scripts/base/logger.ts";
import { openLog } from "../../../scripts/log/open.ts";
import {
  type Broker,
  deleteTopic,
  dropBefore,
  kafkaAvailable,
  SESSION,
  sharedBroker,
  stockClient,
} from "../../support/kafka.ts";
import { startWriter } from "../../support/log-records.ts";
import { conformance } from "../conformance.ts";

const here = kafkaAvailable();
const logger = createLogger("test", { verbose: false });
logger.level = "silent";
const root = mkdtempSync(join(tmpdir(), "tidemark-kafka-log-"));
let broker: Broker;
let admin: Admin;

const url = (topic: string) => `${broker.url}/${topic}`;
const open = (topic: string, partitions?: number) =>
  openLog(url(topic), dataPaths(root), { role: "writer", partitions, logger });

describe.skipIf(!here)(here ? "kafka" : "kafka, skipped: no Java or no jars (bun run test:kafka fetches them)", () => {
  beforeAll(async () => {
    broker = await sharedBroker();
    // Many readers come and go here, and each leaves its group only when its fetch ends.
    process.env.TIDEMARK_KAFKA_SESSION = "1s";
    admin = stockClient(broker.port).admin();
    await admin.connect();
  }, 120_000);
  afterAll(async () => {
    await admin.disconnect();
    process.env.TIDEMARK_KAFKA_SESSION = SESSION;
    rmSync(root, { recursive: true });
  });

  conformance("kafka", {
    open,
    dropBefore: (topic, offset) => dropBefore(admin, topic, offset),
    replace: (topic) => deleteTopic(admin, topic),
    writer: (topic, ...more) => startWriter(url(topic), root, ...more),
    timeout_ms: 30_000,
  });
});
