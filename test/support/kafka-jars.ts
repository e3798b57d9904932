/** Kafka's jars from Maven Central, and how the tests' JVMs start with them. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { SHORT_LIVED_JVM } from "./short-lived-jvm.ts";

export const KAFKA_VERSION = "4.4.0";
const LOG4J_VERSION = "2.25.2";
const CACHE = resolve(import.meta.dir, "../../.cache/kafka");
const LIB = join(CACHE, "lib");
/** Kafka's classes as a JVM has parsed them (kafka-broker.ts); one that is of no use is ignored. */
export const CLASSES = join(CACHE, "classes.jsa");

const SHORT_LIVED = SHORT_LIVED_JVM.split(" ");
/** It begins in a third of the processor time. */
const FROM_ARCHIVE = [`-XX:SharedArchiveFile=${CLASSES}`, "-Xlog:disable", "-Xlog:all=error:stderr"];
/** It writes CLASSES when it ends; the way of starting must be that of those that use them. */
export const TO_ARCHIVE = [...SHORT_LIVED, `-XX:ArchiveClassesAtExit=${CLASSES}.new`];

/** Arguments of `java` before the name of a class of Kafka. */
export function javaArgs(jvm: string[] = existsSync(CLASSES) ? [...SHORT_LIVED, ...FROM_ARCHIVE] : SHORT_LIVED) {
  // The archive is valid for one spelling of the jars' path.
  return [...jvm, "-cp", `${realpathSync(LIB)}/*`];
}

export function hasJars(): boolean {
  return existsSync(LIB) && readdirSync(LIB).some((name) => name === `kafka_2.13-${KAFKA_VERSION}.jar`);
}

/**
 * Puts the broker's jars into .cache/kafka/lib with Maven, unless they are there. Throws with a
 * sentence.
 */
export function fetchJars(): void {
  if (hasJars()) return;
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(join(CACHE, "pom.xml"), pom());
  const fetched = spawnSync("mvn", ["-q", "-B", "dependency:copy-dependencies", `-DoutputDirectory=${LIB}`], {
    cwd: CACHE,
    encoding: "utf8",
  });
  if (fetched.error) throw new Error(`Maven (mvn) is needed to fetch Kafka: ${fetched.error.message}`);
  if (fetched.status !== 0) throw new Error(`Kafka could not be fetched: ${fetched.stdout}${fetched.stderr}`);
}

function pom(): string {
  const dependency = (group: string, artifact: string, version: string) =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tidemark</groupId><artifactId>kafka-broker</artifactId><version>1</version>
  <dependencies>
    ${dependency("org.apache.kafka", "kafka_2.13", KAFKA_VERSION)}
    ${dependency("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION)}
    ${dependency("org.apache.logging.log4j", "log4j-core", LOG4J_VERSION)}
  </dependencies>
</project>
`;
}
