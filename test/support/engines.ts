/** Other engines over the same topic, as engines/README.md runs them by hand. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "../../scripts/base/process.ts";
import { PROJECT_ROOT } from "../../scripts/base/project.ts";
import { sparkHome } from "../../scripts/metrics/spark/spark-run.ts";
import { recordedLines } from "./data.ts";
import { engineJars, hasEngineJars } from "./engine-jars.ts";
import { type Broker, createTopic, kafkaAvailable, stockClient } from "./kafka.ts";
import { javaArgs } from "./kafka-jars.ts";
import { type Ran, runToEnd, type Stage, startProgram } from "./process.ts";
import { SHORT_LIVED_JVM } from "./short-lived-jvm.ts";

/** The folder of the engines. */
export const ENGINES = join(PROJECT_ROOT, "engines");
const DISORDERED = join(PROJECT_ROOT, "data/recordings/coinbase-btc-usd-2023-09-05T16-disordered.jsonl.gz");

/** The recorded hour in disorder, the truncated line too, as a feed sends it. */
export function disorderedHour(): string[] {
  return recordedLines(DISORDERED);
}

/** Lines or messages in `count` portions of about the same size, in order. */
export function portionsOf<T>(lines: readonly T[], count: number): T[][] {
  const size = Math.ceil(lines.length / count);
  return Array.from({ length: count }, (_, n) => lines.slice(n * size, (n + 1) * size));
}

/**
 * Writes to a topic of one partition, which it creates; a portion is one batch of Kafka's, which is
 * seen as a whole.
 */
export interface Feed {
  topic: string;
  send(portion: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export async function startFeed(broker: Broker, topic: string): Promise<Feed> {
  const client = stockClient(broker.port);
  const admin = client.admin();
  await admin.connect();
  if (!(await admin.listTopics()).includes(topic)) await createTopic(admin, topic, 1);
  await admin.disconnect();
  const producer = client.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  return {
    topic,
    send: async (portion) => {
      const messages = portion.map((value) => ({ key: "BTC-USD", value }));
      await producer.send({ topic, messages });
    },
    close: () => producer.disconnect(),
  };
}

/**
 * Whether Java, Spark and all jars are here; in CI what lacks is fetched, and a failure is one of the
 * test.
 */
export function enginesAvailable(): boolean {
  return kafkaAvailable() && (process.env.CI !== undefined || (sparkPython() !== null && hasEngineJars()));
}

/** The version that .ci/run installs; the Kafka connector does not run on older ones. */
const SPARK_VERSION = "4.3.0";

/** Python with that Spark: of SPARK_HOME or .cache/spark, as `batch --engine spark` takes it. */
function sparkPython(): string | null {
  const home = sparkHome();
  if (home === null || !existsSync(join(home, `../pyspark-${SPARK_VERSION}.dist-info`))) return null;
  const python = join(home, "../../../../bin/python");
  return existsSync(python) ? python : null;
}

/** Jobs that the present test has started. */
const started = new Set<Stage>();

/** For afterEach: a test that failed leaves no JVM behind. */
export async function killEngines(): Promise<void> {
  for (const job of started) if (job.isRunning()) await killEngine(job);
  started.clear();
}

function start(command: string[], env: Record<string, string> = {}): Stage {
  const job = startProgram(command, { env });
  started.add(job);
  return job;
}

/** A job of engines/spark/; Spark's own process is a child of the one that this returns. */
export function startSpark(job: string, args: string[]): Stage {
  const python = sparkPython();
  if (python === null) throw new Error(`pyspark ${SPARK_VERSION} is not in .cache/spark`);
  const command = [python, join(ENGINES, "spark", job), "--jars", engineJars("spark"), ...args];
  return start(command, { JAVA_TOOL_OPTIONS: SHORT_LIVED_JVM, SPARK_MASTER: "local[2]" });
}

/** kill -9 for a job: first Spark's JVM, which does the work. */
export async function killEngine(job: Stage): Promise<void> {
  for (const pid of runProgram(["pgrep", "-P", String(job.pid)])
    .stdout.split("\n")
    .filter(Boolean))
    process.kill(Number(pid), "SIGKILL");
  await job.stop("SIGKILL");
}

/** engines/kafka-streams in a JVM of its own. */
export function startStreams(args: string[]): Stage {
  // The broker's jars come first: its archive of classes is valid for a class path that begins so.
  const [classpath, ...flags] = javaArgs().toReversed();
  const jars = `${classpath}:${engineJars("streams")}/*`;
  return start(["java", ...flags.toReversed(), jars, join(ENGINES, "kafka-streams/Windows.java"), ...args]);
}

/** Runs a script of engines/python to its end. */
export const runPython = (script: string, args: string[], stdin?: Blob): Promise<Ran> =>
  runToEnd(["python3", join(ENGINES, "python", script), ...args], { stdin });
