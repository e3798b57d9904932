/** From `--log URL` to a log. */

import type { DataPaths } from "../base/data-dir.ts";
import { TidemarkError } from "../base/errors.ts";
import { PARTITIONS_MAX } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import type { Log } from "../contract/log.ts";
import { openEmbedded } from "./embedded/embedded-log.ts";
import { accessOf } from "./kafka/login.ts";
import { FORMS, type KafkaAddress, parseKafkaUrl } from "./kafka/topic-url.ts";

export interface OpenLogOptions {
  /** A writer appends; a reader only notes how far it is. */
  role: "writer" | "reader";
  /** For a log or topic that is made now: TIDEMARK_PARTITIONS when left out, else 1. Whichever stage starts first makes it. */
  partitions?: number;
  /** How long records are kept, microseconds: by the embedded log, or by a topic that is made now. */
  retain_us?: number;
  logger: Logger;
}

export type LogUrl = { kind: "embedded" } | KafkaAddress;

/** Reads a log's URL; fails with USAGE and a sentence that says what is wrong, without what may be secret. */
export function parseLogUrl(url: string): LogUrl {
  if (url === "embedded:" || url === "embedded") return { kind: "embedded" };
  if (/^kafka(\+ssl)?:/.test(url)) return parseKafkaUrl(url);
  const scheme = /^([A-Za-z][A-Za-z0-9+._-]{0,20}):\/\//.exec(url)?.[1];
  if (scheme !== undefined) throw new TidemarkError("USAGE", `A log URL can't begin with ${scheme}://.`, FORMS);
  const shown = /^[A-Za-z0-9._-]{0,40}:?$/.test(url) ? `"${url}" is not a valid log URL.` : "The log URL is not valid.";
  throw new TidemarkError("USAGE", shown, FORMS);
}

/** The same, and whatever a connection needs beside the URL is there: password, certificates. Fails with USAGE. */
export function checkLogUrl(url: string): void {
  const parsed = parseLogUrl(url);
  if (parsed.kind === "kafka") accessOf(parsed);
}

/** What to show for a log's URL: without user and parameters; nothing of one that is not valid. */
export function logName(url: string): string {
  try {
    const parsed = parseLogUrl(url);
    return parsed.kind === "embedded" ? "embedded:" : parsed.name;
  } catch {
    return "(not a valid log URL)";
  }
}

/** Opens the log, and makes it when it isn't there. Fails with USAGE, LOG_UNREACHABLE, LOG_ACCESS, LOG_SETTINGS or what SQLite's file has. */
export async function openLog(url: string, paths: DataPaths, options: OpenLogOptions): Promise<Log> {
  const partitions = options.partitions ?? partitionsAskedFor();
  if (partitions !== undefined && !(Number.isInteger(partitions) && partitions >= 1 && partitions <= PARTITIONS_MAX)) {
    throw new TidemarkError("USAGE", `A log has 1 to ${PARTITIONS_MAX} partitions, not ${partitions}.`);
  }
  const parsed = parseLogUrl(url);
  if (parsed.kind === "embedded") return openEmbedded(paths, { ...options, partitions });
  // Loaded when asked for: kafkajs costs the embedded log's processes 30 ms at their start otherwise.
  const { openKafka } = await import("./kafka/kafka-log.ts");
  return openKafka(parsed, { ...options, partitions });
}

function partitionsAskedFor(): number | undefined {
  const text = process.env.TIDEMARK_PARTITIONS;
  return text === undefined || text === "" ? undefined : Number(text);
}
