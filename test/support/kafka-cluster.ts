/** The shared Kafka broker and an administrator of it, for the tests of one file. */
import { afterAll, beforeAll } from "bun:test";
import type { Admin } from "kafkajs";
import { type Broker, SESSION, sharedBroker, stockClient } from "./kafka.ts";

/** Both are there before the first test, and in every hook that is registered later. */
export interface Cluster {
  broker: Broker;
  admin: Admin;
}

/**
 * Registers both for the file; `here` false (no Kafka, all its tests are skipped) leaves them out.
 * `session`: TIDEMARK_KAFKA_SESSION until the file's end, if not the default.
 */
export function sharedCluster(here: boolean, session?: string): Cluster {
  const cluster = {} as Cluster;
  if (!here) return cluster;
  beforeAll(async () => {
    cluster.broker = await sharedBroker();
    if (session !== undefined) process.env.TIDEMARK_KAFKA_SESSION = session;
    cluster.admin = stockClient(cluster.broker.port).admin();
    await cluster.admin.connect();
  }, 120_000);
  afterAll(async () => {
    if (session !== undefined) process.env.TIDEMARK_KAFKA_SESSION = SESSION;
    await cluster.admin.disconnect();
  });
  return cluster;
}
