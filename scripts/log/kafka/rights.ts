/**
 * Which rights a user lacks, asked before any data flows: a later start must not be the first to
 * fail.
 */
import type { Admin, Kafka } from "kafkajs";
import type { FetchedPartition } from "kafkajs/src/consumer/batch";
import Decoder from "kafkajs/src/protocol/decoder";
import Encoder from "kafkajs/src/protocol/encoder";
import { TidemarkError } from "../../base/errors.ts";
import { kafkaErrorType, whoOf } from "./kafka-errors.ts";
import type { KafkaAddress } from "./topic-url.ts";

/** Operations by their bit: org.apache.kafka.common.acl.AclOperation. */
const OPERATIONS = { READ: 3, WRITE: 4, DESCRIBE: 8 } as const;
type Operation = keyof typeof OPERATIONS;
/** The broker does not report rights. */
const UNKNOWN_RIGHTS = -(2 ** 31);
const METADATA = { apiKey: 3, apiVersion: 8, apiName: "Metadata" };
const DESCRIBE_GROUPS = { apiKey: 15, apiVersion: 3, apiName: "DescribeGroups" };

/** A right that is missing, as an administrator grants it. */
interface MissingRight {
  operation: Operation;
  on: "topic" | "group";
  name: string;
}

/** The part of kafkajs's cluster that is used. */
export interface Cluster {
  findControllerBroker(): Promise<Broker>;
  findGroupCoordinator(which: { groupId: string }): Promise<Broker>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  /** Partitions by their leader's node id. */
  findLeaderForPartitions(topic: string, partitions: number[]): Record<string, number[]>;
  findBroker(which: { nodeId: string }): Promise<Broker>;
}
interface Broker {
  fetch(request: object): Promise<{ responses: { partitions: FetchedPartition[] }[] }>;
  findGroupCoordinator(which: { groupId: string; coordinatorType: number }): Promise<unknown>;
  connectionPool: { send(protocol: object): Promise<unknown> };
}

/**
 * An admin client and its cluster, which sends two requests that kafkajs 2.2.4 knows only in older
 * versions.
 */
export function adminOf(kafka: Kafka): { admin: Admin; cluster: Cluster } {
  const holder = kafka as unknown as Record<symbol, (options: object) => Cluster>;
  const create = Object.getOwnPropertySymbols(kafka).find(({ description }) => description?.endsWith(":createCluster"));
  if (create === undefined) throw new TypeError("this version of kafkajs creates its cluster differently");
  const original = holder[create]!;
  let cluster: Cluster | null = null;
  holder[create] = (options) => {
    cluster = original(options);
    return cluster;
  };
  const admin = kafka.admin();
  holder[create] = original;
  return { admin, cluster: cluster! };
}

/**
 * LOG_ACCESS if the user lacks one of these rights on the URL's topic, or READ on the group; null
 * if none is missing, or the broker does not report them.
 */
export async function lackingRights(
  cluster: Cluster,
  address: KafkaAddress,
  operations: Operation[],
  group: string,
): Promise<TidemarkError | null> {
  const { topic } = address;
  const given = await topicRights(cluster, topic);
  const missing = operations
    .filter((operation) => !has(given, operation))
    .map((operation): MissingRight => ({ operation, on: "topic", name: topic }));
  if (!has(await groupRights(cluster, group), "READ")) missing.push({ operation: "READ", on: "group", name: group });
  return missing.length > 0 ? lacking(missing, address) : null;
}

/** LOG_ACCESS, which names the missing rights. */
export function lacking(missing: MissingRight[], address: KafkaAddress): TidemarkError {
  const each = missing.map(({ operation, on, name }) => `${operation} on the ${on} ${name}`);
  const grants = [...new Set(missing.map(grantOf))].join(", ");
  return new TidemarkError(
    "LOG_ACCESS",
    `${whoOf(address)} lacks ${each.length === 1 ? "a right" : "rights"} on the Kafka cluster: ${each.join(", ")}.`,
    `Ask an administrator to grant ${grants}. docs/kafka.md lists the rights that each command needs.`,
  );
}

function grantOf({ operation, on, name }: MissingRight): string {
  return on === "topic" ? `${operation} on the topic ${name}` : `${operation} on groups that begin with tidemark-`;
}

function has(rights: number, operation: Operation): boolean {
  return rights === UNKNOWN_RIGHTS || (rights & (1 << OPERATIONS[operation])) !== 0;
}

async function topicRights(cluster: Cluster, topic: string): Promise<number> {
  const request = {
    ...METADATA,
    encode: async () => new Encoder().writeArray([topic]).writeBoolean(false).writeBoolean(false).writeBoolean(true),
  };
  return ask(await cluster.findControllerBroker(), request, (decoder) => {
    decoder.readInt32();
    decoder.readArray(() => [decoder.readInt32(), decoder.readString(), decoder.readInt32(), decoder.readString()]);
    decoder.readString();
    decoder.readInt32();
    decoder.readInt32();
    const isRefused = decoder.readInt16() === 29;
    decoder.readString();
    decoder.readBoolean();
    decoder.readArray(() => {
      decoder.readInt16();
      for (let i = 0; i < 3; i++) decoder.readInt32();
      for (let i = 0; i < 3; i++) decoder.readArray(() => decoder.readInt32());
    });
    return isRefused ? 0 : decoder.readInt32();
  });
}

async function groupRights(cluster: Cluster, group: string): Promise<number> {
  const request = { ...DESCRIBE_GROUPS, encode: async () => new Encoder().writeArray([group]).writeBoolean(true) };
  try {
    // One broker is asked first: kafkajs hides why no broker names the coordinator.
    const any = await cluster.findControllerBroker();
    await any.findGroupCoordinator({ groupId: group, coordinatorType: 0 }).catch((error) => {
      if (kafkaErrorType(error) === "GROUP_AUTHORIZATION_FAILED") throw error;
    });
    const broker = await cluster.findGroupCoordinator({ groupId: group });
    return await ask(broker, request, (decoder) => {
      decoder.readInt32();
      decoder.readInt32();
      if (decoder.readInt16() === 30) return 0;
      for (let i = 0; i < 4; i++) decoder.readString();
      decoder.readArray(() => {
        for (let i = 0; i < 3; i++) decoder.readString();
        for (let i = 0; i < 2; i++) decoder.readBytes();
      });
      return decoder.readInt32();
    });
  } catch (error) {
    // Any other problem with the group shows when it is joined.
    return kafkaErrorType(error) === "GROUP_AUTHORIZATION_FAILED" ? 0 : UNKNOWN_RIGHTS;
  }
}

/** Sends a request of our own; UNKNOWN_RIGHTS if this broker doesn't support it. */
async function ask(broker: Broker, request: object, read: (decoder: Decoder) => number): Promise<number> {
  const response = { decode: async (bytes: Buffer) => bytes, parse: async (bytes: Buffer) => read(new Decoder(bytes)) };
  try {
    return (await broker.connectionPool.send({
      request,
      response,
      requestTimeout: null,
      logResponseError: false,
    })) as number;
  } catch {
    return UNKNOWN_RIGHTS;
  }
}
