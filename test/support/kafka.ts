/** A real Kafka broker for tests and development: one KRaft node, fetched from Maven Central once. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Admin, Kafka, logLevel, type Message } from "kafkajs";
import { patchKafkajs } from "../../scripts/log/kafka/patches.ts";
import { fetchJars, hasJars, javaArgs } from "./kafka-jars.ts";
import { until } from "./process.ts";

const START_MS_MAX = 180_000;
/** Default TIDEMARK_KAFKA_SESSION of the tests: a killed member's partitions are reassigned after it. */
export const SESSION = "2s";

export interface Broker {
  port: number;
  /** For --log: `kafka://127.0.0.1:port`, without a topic. */
  url: string;
  process(): ChildProcess;
  /** kill -9: the data stays. */
  kill(): Promise<void>;
  /** Starts again on the same data and port. */
  restart(): Promise<void>;
  /** Ends the broker and removes its data. */
  stop(): Promise<void>;
}

/**
 * True if Java and the jars are here; in CI missing jars are fetched, and a failure is one of the
 * test.
 */
export function kafkaAvailable(): boolean {
  if (process.env.CI) return true;
  return spawnSync("java", ["-version"]).status === 0 && hasJars();
}

export interface BrokerOptions {
  /** A free one when left out. */
  port?: number;
  /** Kept after stop() when given; else a temporary one. */
  dir?: string;
  /** Other listeners besides the plain one, as `NAME://host:port`, with what they advertise. */
  listeners?: { listener: string; advertised: string }[];
  /** More lines of the broker's properties. */
  properties?: string[];
  /** More arguments of the storage's format. */
  format?: string[];
  /** Flags of the JVM instead of those that start one quickly. */
  jvm?: string[];
}

let shared: Promise<Broker> | null = null;

/** One broker for all test files of a process, each with topics of its own; it ends with the process. */
export function sharedBroker(): Promise<Broker> {
  shared ??= startBroker();
  return shared;
}

/** Runs a shell command when this process has ended in any way; returns the call that runs it now. */
export function whenGone(command: string): () => void {
  const watcher = spawn("sh", ["-c", `cat > /dev/null; ${command}`], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  watcher.unref();
  return () => watcher.stdin!.end();
}

/** Starts a broker and resolves when it takes connections. */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  fetchJars();
  process.env.TIDEMARK_KAFKA_SESSION ??= SESSION;
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "tidemark-kafka-"));
  const port = options.port ?? (await freePort());
  const config = join(dir, "server.properties");
  mkdirSync(dir, { recursive: true });
  writeFileSync(config, properties(dir, port, await freePort(), options));
  if (!existsSync(join(dir, "data", "meta.properties"))) format(config, options.format ?? []);
  if (options.dir === undefined) whenGone(`sleep 1; rm -rf "${dir}"`);
  let child = await launch(config, port, options.jvm);
  return {
    port,
    url: `kafka://127.0.0.1:${port}`,
    process: () => child,
    kill: () => end(child, "SIGKILL"),
    restart: async () => {
      child = await launch(config, port, options.jvm);
    },
    stop: async () => {
      await end(child, options.dir === undefined ? "SIGKILL" : "SIGTERM");
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
    },
  };
}

function properties(dir: string, port: number, controllerPort: number, more: BrokerOptions): string {
  const others = more.listeners ?? [];
  const listeners = others.map(({ listener }) => `,${listener}`).join("");
  const advertised = others.map((one) => `,${one.advertised}`).join("");
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}${listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}${advertised}
controller.listener.names=CONTROLLER
log.dirs=${join(dir, "data")}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=200
log.segment.delete.delay.ms=100
log.retention.check.interval.ms=1000
${(more.properties ?? []).join("\n")}
log.cleaner.backoff.ms=500
`;
}

function format(config: string, more: string[]): void {
  const tool = [...javaArgs(), "kafka.tools.StorageTool", "format"];
  const args = [...tool, "-t", "tidemark-test-cluster-0", "-c", config, ...more];
  const done = spawnSync("java", args, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`Kafka's storage could not be formatted: ${done.stdout}${done.stderr}`);
}

async function launch(config: string, port: number, jvm?: string[]): Promise<ChildProcess> {
  const child = spawn("java", ["-Xmx1g", ...javaArgs(jvm), "kafka.Kafka", config], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  child.once("exit", whenGone(`kill -9 ${child.pid}`));
  let said = "";
  child.stderr!.on("data", (text) => {
    said = `${said}${text}`.slice(-4_000);
  });
  const end_ms = performance.now() + START_MS_MAX;
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`The Kafka broker ended: ${said}`);
    if (performance.now() > end_ms)
      throw new Error(`The Kafka broker takes no connections after ${START_MS_MAX} ms: ${said}`);
    await Bun.sleep(100);
  }
  return child;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

/**
 * A port that stays free until a broker has started: below those that systems give to connections and
 * to listeners of any port.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    server.on("error", () => resolve(false));
  });
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await gone;
}

/** A kafkajs client: what administrators and other people's programs do with a topic. */
export function stockClient(port: number): Kafka {
  // Without it each idle connection warns on stderr.
  patchKafkajs();
  return new Kafka({ clientId: "somebody", brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING });
}

/** Cuts partition 0 as retention would. Retries: a new leader may be unknown to this client at first. */
export async function dropBefore(admin: Admin, topic: string, offset: number): Promise<void> {
  const partitions = [{ partition: 0, offset: String(offset) }];
  await until("the records are dropped", () =>
    admin.deleteTopicRecords({ topic, partitions }).then(
      () => true,
      () => false,
    ),
  );
}

/** Creates a topic, and waits for its leaders. `config`: its settings by name. */
export async function createTopic(
  admin: Admin,
  topic: string,
  numPartitions: number,
  config: Record<string, string> = {},
): Promise<void> {
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  // The default of 5 s is short for a broker that has just started on a loaded machine, and kafkajs
  // gives up on a topic that the broker does not know yet.
  const options = { waitForLeaders: false, timeout: 30_000 };
  await admin.createTopics({ ...options, topics: [{ topic, numPartitions, configEntries }] });
  await until("the topic has leaders", async () => {
    const found = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => null);
    const leaders = found?.topics[0]?.partitions.filter(({ leader }) => leader >= 0) ?? [];
    return leaders.length === numPartitions;
  });
}

/** Deletes a topic, and waits until it is gone. */
export async function deleteTopic(admin: Admin, topic: string): Promise<void> {
  await admin.deleteTopics({ topics: [topic], timeout: 30_000 });
  await until("the topic is gone", async () => !(await admin.listTopics()).includes(topic));
}

/**
 * Sends each group in a transaction, which leaves a marker in each partition that it wrote to. A
 * broker acknowledges the end of a transaction before it writes the markers; here they are waited for.
 */
export async function transactions(
  port: number,
  topic: string,
  groups: { messages: Message[]; isAborted?: boolean }[],
): Promise<void> {
  const client = stockClient(port);
  const producer = client.producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 });
  const admin = client.admin();
  await Promise.all([producer.connect(), admin.connect()]);
  for (const { messages, isAborted = false } of groups) {
    const transaction = await producer.transaction();
    const written = await transaction.send({ topic, messages });
    await (isAborted ? transaction.abort() : transaction.commit());
    await until("the transaction's markers are written", async () => {
      const stable = await admin.fetchTopicOffsets(topic);
      const passed = (partition: number) => Number(stable.find((at) => at.partition === partition)?.high ?? 0);
      return written.every(({ partition, baseOffset }) => passed(partition) > Number(baseOffset));
    });
  }
  await Promise.all([producer.disconnect(), admin.disconnect()]);
}
