/** Kafka's jars from Maven Central, and how the tests' JVMs start with them. */
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { copyJars } from "./maven.ts";
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
  const jars = [
    `org.apache.kafka:kafka_2.13:${KAFKA_VERSION}`,
    `org.apache.logging.log4j:log4j-slf4j-impl:${LOG4J_VERSION}`,
    `org.apache.logging.log4j:log4j-core:${LOG4J_VERSION}`,
  ];
  copyJars(CACHE, LIB, jars, false);
}
