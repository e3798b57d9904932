/** Jars that the other engines need beyond Spark's and the broker's own, from Maven Central. */
import { existsSync, realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { KAFKA_VERSION } from "./kafka-jars.ts";
import { copyJars, type Jar } from "./maven.ts";

const CACHE = resolve(import.meta.dir, "../../.cache/engines");

/** The connector has no 4.3.0 on Maven Central; its client of Kafka has the version that it asks for. */
const CONNECTOR_VERSION = "4.2.0";
const JARS: Record<"spark" | "streams", Jar[]> = {
  spark: [
    `org.apache.spark:spark-sql-kafka-0-10_2.13:${CONNECTOR_VERSION}`,
    `org.apache.spark:spark-token-provider-kafka-0-10_2.13:${CONNECTOR_VERSION}`,
    "org.apache.kafka:kafka-clients:3.9.2",
    "org.apache.commons:commons-pool2:2.13.1",
    "org.xerial:sqlite-jdbc:3.50.3.0",
  ],
  // Without RocksDB (70 MB): the job's stores are in memory. The rest is in the broker's folder.
  streams: [`org.apache.kafka:kafka-streams:${KAFKA_VERSION}`],
};

function isThere(engine: keyof typeof JARS): boolean {
  const names = JARS[engine].map((jar) => `${jar.split(":").slice(1).join("-")}.jar`);
  return names.every((name) => existsSync(join(CACHE, engine, name)));
}

/** The folder of an engine's jars, fetched unless they are there. Throws with a sentence. */
export function engineJars(engine: keyof typeof JARS): string {
  const lib = join(CACHE, engine);
  if (!isThere(engine)) copyJars(join(CACHE, `${engine}-pom`), lib, JARS[engine], true);
  return realpathSync(lib);
}

/** Whether jars and Java's compiler need nothing from the network. */
export const hasEngineJars = (): boolean => isThere("spark") && isThere("streams");

export function fetchEngineJars(): void {
  engineJars("spark");
  engineJars("streams");
}
