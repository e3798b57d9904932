/** Filled logs for the benches: each is created once, and read by all that need the same. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { monotonicMs, nowUs } from "../base/clock.ts";
import { openDataDir } from "../base/data-dir.ts";
import { openLog, withTopic } from "../log/index.ts";
import { dropTopic } from "../log/kafka/raw-reader.ts";
import type { BenchContext } from "./figure.ts";
import { TickMaker, type TickSpec } from "./ticks.ts";

/**
 * Records per append while a log is filled: one fetch from Kafka (2 MiB) holds them. Of 5,000, every
 * third fetch was mostly a cut batch, which is fetched again.
 */
const FILL_RECORDS = 4_500;

export interface FilledLog {
  /** For --log. */
  url: string;
  /** For --data. */
  data: string;
  records: number;
  /** Messages/s that the log took; the time to create the messages is not counted. */
  appended_per_second: number;
}

const filled = new Map<string, FilledLog>();
const topics: string[] = [];

/** A log of `kind` with `count` messages. */
export async function filledLog(
  context: BenchContext,
  kind: "embedded" | "kafka",
  spec: TickSpec,
  count: number,
): Promise<FilledLog> {
  const name = `${kind}-${spec.products.length}-${spec.per_second}-${count}`;
  const known = filled.get(name);
  if (known !== undefined) return known;
  const data = join(context.dir, name);
  mkdirSync(data, { recursive: true });
  const url = kind === "embedded" ? "embedded:" : newTopic(context, name);
  context.logger.info(`filling ${kind === "embedded" ? "the embedded log" : url} with ${count} messages`);
  const appended_per_second = await append(url, data, new TickMaker(spec), count, context);
  const made = { url, data, records: count, appended_per_second };
  filled.set(name, made);
  return made;
}

/** Appends the next `count` messages. Returns messages/s, without the time to create them. */
export async function append(
  url: string,
  data: string,
  maker: TickMaker,
  count: number,
  { logger, signal }: BenchContext,
): Promise<number> {
  const log = await openLog(url, openDataDir(data), { role: "writer", logger });
  let spent_ms = 0;
  try {
    for (let done = 0; done < count && !signal.aborted; done += FILL_RECORDS) {
      const records = maker.take(Math.min(FILL_RECORDS, count - done));
      const now_us = nowUs();
      for (const [i, record] of records.entries()) record.received_us = now_us - (records.length - i);
      const before_ms = monotonicMs();
      await log.append(records);
      spent_ms += monotonicMs() - before_ms;
    }
  } finally {
    await log.close();
  }
  return (count / spent_ms) * 1_000;
}

/** The URL of a new topic, which `dropTopics` removes. */
export function newTopic({ kafka }: BenchContext, name: string): string {
  const url = withTopic(kafka!, `tidemark-bench-${name}-${crypto.randomUUID().slice(0, 8)}`);
  topics.push(url);
  return url;
}

/** Removes a topic of `newTopic`, so that the disk need not hold those of all runs. */
export async function dropOne(url: string, { logger }: BenchContext): Promise<void> {
  if (topics.includes(url)) topics.splice(topics.indexOf(url), 1);
  await dropTopic(url, logger).catch((error) => logger.debug({ error }, url));
}

export async function dropTopics(context: BenchContext): Promise<void> {
  for (const url of [...topics]) await dropOne(url, context);
  filled.clear();
}
