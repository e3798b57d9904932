/**
 * `bun run test:kafka`: a Kafka broker in the foreground, for development.
 * `--port N` (9092), `--data DIR` (.cache/kafka/broker), `--topic NAME` (created, kept forever;
 * repeatable), `--fetch-only` (only fetches its jars and those of engines/, and archives classes: a
 * test's broker starts in a third of the CPU time).
 */
import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { fetchEngineJars } from "./engine-jars.ts";
import { createTopic, startBroker, stockClient, transactions } from "./kafka.ts";
import { CLASSES, fetchJars, TO_ARCHIVE } from "./kafka-jars.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "9092" },
    data: { type: "string", default: resolve(import.meta.dir, "../../.cache/kafka/broker") },
    topic: { type: "string", multiple: true, default: [] },
    "fetch-only": { type: "boolean", default: false },
  },
});
if (values["fetch-only"]) {
  fetchJars();
  fetchEngineJars();
  if (!existsSync(CLASSES)) await archiveClasses();
  process.exit(0);
}
const broker = await startBroker({ port: Number(values.port), dir: values.data, jvm: [] });
const admin = stockClient(broker.port).admin();
await admin.connect();
// Their records have the times of windows: those of a recording are older than the default retention.
for (const topic of values.topic)
  if (!(await admin.listTopics()).includes(topic)) await createTopic(admin, topic, 1, { "retention.ms": "-1" });
await admin.disconnect();
process.stdout.write(`${broker.url}/raw_prices\n`);
process.stderr.write("A Kafka broker listens there until Ctrl-C. Use it with: bun run start --log ADDRESS\n");
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    broker.stop().then(() => process.exit(0));
  });
}
broker.process().once("exit", (code) => process.exit(code ?? 1));

/** A broker that does what tests want of one, and leaves its classes when it ends. */
async function archiveClasses(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "tidemark-kafka-"));
  const broker = await startBroker({ dir, jvm: TO_ARCHIVE });
  const client = stockClient(broker.port);
  const admin = client.admin();
  await createTopic(admin, "classes", 1);
  await admin.disconnect();
  await transactions(broker.port, "classes", [{ messages: [{ key: "key", value: "value" }] }]);
  const consumer = client.consumer({ groupId: "classes" });
  await consumer.subscribe({ topic: "classes", fromBeginning: true });
  await new Promise<void>((resolve) => void consumer.run({ eachMessage: async () => resolve() }));
  await consumer.disconnect();
  await broker.stop();
  renameSync(`${CLASSES}.new`, CLASSES);
  rmSync(dir, { recursive: true, force: true });
}
