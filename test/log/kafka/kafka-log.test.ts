/** The log on a real Kafka broker: the suite of every log. */
import { afterAll, describe } from "bun:test";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { openLog } from "../../../scripts/log/open.ts";
import { quiet, tempDir } from "../../support/data.ts";
import { deleteTopic, dropBefore, kafkaAvailable } from "../../support/kafka.ts";
import { sharedCluster } from "../../support/kafka-cluster.ts";
import { startWriter } from "../../support/log-records.ts";
import { conformance } from "../conformance.ts";

const here = kafkaAvailable();
const data = tempDir();
afterAll(() => data[Symbol.dispose]());
// A reader whose group drops it begins where the suite's position is: it keeps this on a busy machine.
const cluster = sharedCluster(here, "4s");

const url = (topic: string) => `${cluster.broker.url}/${topic}`;
const open = (topic: string, partitions?: number) =>
  openLog(url(topic), dataPaths(data.path), { role: "writer", partitions, logger: quiet });

describe.skipIf(!here)(here ? "kafka" : "kafka, skipped: no Java or no jars (bun run test:kafka fetches them)", () => {
  conformance("kafka", {
    open,
    dropBefore: (topic, offset) => dropBefore(cluster.admin, topic, offset),
    replace: (topic) => deleteTopic(cluster.admin, topic),
    writer: (topic, ...more) => startWriter(url(topic), data.path, ...more),
    timeout_ms: 120_000,
  });
});
