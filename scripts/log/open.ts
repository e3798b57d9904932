/** From `--log URL` to a log. */
import { TidemarkError } from "../common/errors.ts";
import { PARTITIONS_MAX } from "../common/limits.ts";
import type { Log } from "../common/log.ts";
import type { Logger } from "../common/logger.ts";
import type { DataPaths } from "../common/settings.ts";
import { openEmbedded } from "./embedded.ts";

/** The topic when the URL names none (design.md "Log"). */
export const DEFAULT_TOPIC = "raw_prices";
const DEFAULT_PORT = 9092;
const FORMS = "Give embedded: or kafka://host:port[,host:port]/topic.";

export interface OpenLogOptions {
  /** A writer appends; a reader only notes how far it is. */
  role: "writer" | "reader";
  /** For a log or topic that is made now: TIDEMARK_PARTITIONS when left out, else 1. Whichever stage starts first makes it. */
  partitions?: number;
  /** How long records are kept, microseconds: by the embedded log, or by a topic that is made now. */
  retain_us?: number;
  logger: Logger;
}

export type LogUrl = { kind: "embedded" } | { kind: "kafka"; brokers: string[]; topic: string };

/** Reads a log's URL; fails with USAGE and a sentence that names what is wrong. */
export function parseLogUrl(url: string): LogUrl {
  if (url === "embedded:" || url === "embedded") return { kind: "embedded" };
  const match = /^kafka:\/\/([^/]+)(?:\/([^/]*))?$/.exec(url);
  if (!match) throw new TidemarkError("USAGE", `--log: "${url}" is no log's address.`, FORMS);
  const topic = match[2] || DEFAULT_TOPIC;
  if (!/^[A-Za-z0-9._-]{1,249}$/.test(topic) || topic === "." || topic === "..") {
    throw new TidemarkError(
      "USAGE",
      `--log: "${topic}" is no topic's name.`,
      "Use letters, digits, dots, underscores and hyphens.",
    );
  }
  return { kind: "kafka", brokers: match[1]!.split(",").map(brokerOf), topic };
}

function brokerOf(text: string): string {
  const match = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/.exec(text.trim());
  const port = Number(match?.[2] ?? DEFAULT_PORT);
  if (!match || port < 1 || port > 65_535) throw new TidemarkError("USAGE", `--log: "${text}" is no host:port.`, FORMS);
  return `${match[1]}:${port}`;
}

/** Opens the log, and makes it when it isn't there. Fails with USAGE, LOG_UNREACHABLE, LOG_SETTINGS or what SQLite's file has. */
export async function openLog(url: string, paths: DataPaths, options: OpenLogOptions): Promise<Log> {
  const partitions = options.partitions ?? partitionsAskedFor();
  if (partitions !== undefined && !(Number.isInteger(partitions) && partitions >= 1 && partitions <= PARTITIONS_MAX)) {
    throw new TidemarkError("USAGE", `A log has 1 to ${PARTITIONS_MAX} partitions, not ${partitions}.`);
  }
  const parsed = parseLogUrl(url);
  if (parsed.kind === "embedded") return openEmbedded(paths, { ...options, partitions });
  // Loaded when asked for: kafkajs costs the embedded log's processes 30 ms at their start otherwise.
  const { openKafka } = await import("./kafka.ts");
  return openKafka(parsed, { ...options, partitions });
}

function partitionsAskedFor(): number | undefined {
  const text = process.env.TIDEMARK_PARTITIONS;
  return text === undefined || text === "" ? undefined : Number(text);
}
