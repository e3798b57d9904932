/** Opens a log by its URL, `--log URL`. */
import type { DataPaths } from "../base/data-dir.ts";
import { TidemarkError } from "../base/errors.ts";
import { PARTITIONS_MAX } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import type { Log } from "../contract/log.ts";
import { openEmbedded } from "./embedded/embedded-log.ts";
import { accessOf } from "./kafka/login.ts";
import { FORMS, type KafkaAddress, parseKafkaUrl } from "./kafka/topic-url.ts";

interface OpenLogOptions {
  /** A writer appends; a reader only commits its positions; `relief`: as in EmbeddedOptions. */
  role: "writer" | "reader" | "relief";
  /**
   * For a new log or topic, which the first stage creates; default: TIDEMARK_PARTITIONS, else 1.
   */
  partitions?: number;
  /** How long the embedded log or a new topic keeps records, microseconds. */
  retain_us?: number;
  logger: Logger;
}

type LogUrl = { kind: "embedded" } | KafkaAddress;

/** Parses a log's URL; fails with USAGE, whose sentence never contains what may be a secret. */
export function parseLogUrl(url: string): LogUrl {
  if (url === "embedded:" || url === "embedded") return { kind: "embedded" };
  if (/^kafka(\+ssl)?:/.test(url)) return parseKafkaUrl(url);
  const scheme = /^([A-Za-z][A-Za-z0-9+._-]{0,20}):\/\//.exec(url)?.[1];
  if (scheme !== undefined) throw new TidemarkError("USAGE", `A log URL can't begin with ${scheme}://.`, FORMS);
  const shown = /^[A-Za-z0-9._-]{0,40}:?$/.test(url) ? `"${url}" is not a valid log URL.` : "The log URL is not valid.";
  throw new TidemarkError("USAGE", shown, FORMS);
}

/**
 * Checks a log's URL, and that the password and the certificates it needs can be read. Fails with
 * USAGE.
 */
export function checkLogUrl(url: string): void {
  const parsed = parseLogUrl(url);
  if (parsed.kind === "kafka") accessOf(parsed);
}

/** A log's URL for people: without user and parameters; nothing of one that is not valid. */
export function logName(url: string): string {
  try {
    const parsed = parseLogUrl(url);
    return parsed.kind === "embedded" ? "embedded:" : parsed.name;
  } catch {
    return "(not a valid log URL)";
  }
}

/**
 * Opens the log, or creates it. Fails with USAGE, LOG_UNREACHABLE, LOG_ACCESS, LOG_SETTINGS, or a
 * storeError of log.db.
 */
export async function openLog(url: string, paths: DataPaths, options: OpenLogOptions): Promise<Log> {
  const partitions = options.partitions ?? partitionsAskedFor();
  if (partitions !== undefined && !(Number.isInteger(partitions) && partitions >= 1 && partitions <= PARTITIONS_MAX)) {
    throw new TidemarkError("USAGE", `A log has 1 to ${PARTITIONS_MAX} partitions, not ${partitions}.`);
  }
  const parsed = parseLogUrl(url);
  if (parsed.kind === "embedded") return openEmbedded(paths, { ...options, partitions });
  // Imported on demand: kafkajs would cost the embedded log's processes 30 ms at their start.
  const { openKafka } = await import("./kafka/kafka-log.ts");
  return openKafka(parsed, { ...options, role: options.role === "writer" ? "writer" : "reader", partitions });
}

function partitionsAskedFor(): number | undefined {
  const text = process.env.TIDEMARK_PARTITIONS;
  return text === undefined || text === "" ? undefined : Number(text);
}
