/** Spark's record of what each micro-batch read: its checkpoint, or a file of progress reports. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { TidemarkError } from "../base/errors.ts";
import { usFromIso } from "../base/iso.ts";
import type { SparkTrace } from "./audit-types.ts";

type Batch = SparkTrace["batches"][number];

/**
 * Reads a checkpoint folder (`offsets/N`, `commits/N`, `sources/0/0`), or a file of one
 * StreamingQueryProgress per line. Batches that were planned but never committed are left out.
 * Throws USAGE when the path holds neither.
 */
export function readSparkTrace(path: string): SparkTrace {
  try {
    return statSync(path).isDirectory() ? readCheckpoint(path) : readProgress(path);
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw notATrace(path, reason);
  }
}

function notATrace(path: string, reason: string): TidemarkError {
  return new TidemarkError(
    "USAGE",
    `${path} is not a checkpoint of Spark Structured Streaming: ${reason}`,
    "Give the checkpointLocation of the query (it has offsets/ and commits/), or a file of its progress as JSON lines.",
  );
}

function readCheckpoint(path: string): SparkTrace {
  const committed = numbersIn(join(path, "commits"));
  const last = committed.at(-1) ?? -1;
  const batches = numbersIn(join(path, "offsets"))
    .filter((batch) => batch <= last)
    .map((batch): Batch => {
      const [, metadata, ...sources] = linesOf(join(path, "offsets", String(batch)));
      const { batchWatermarkMs } = parsed(metadata) as { batchWatermarkMs?: number };
      const offsets = sources.find((line) => line.startsWith("{"));
      if (typeof batchWatermarkMs !== "number" || offsets === undefined)
        throw notATrace(path, `offsets/${batch} has no watermark or no offsets.`);
      return { batch, watermark_ms: batchWatermarkMs, ends: onlyTopic(parsed(offsets)) };
    });
  if (batches.length === 0) throw notATrace(path, "it has no committed batch.");
  return { batches, begins: beginsOf(path) };
}

/** Spark writes the first offsets of a source once, after a line with the version. */
function beginsOf(path: string): ReadonlyMap<number, number> {
  const [first] = numbersIn(join(path, "sources", "0"));
  if (first === undefined) return new Map();
  const text = readFileSync(join(path, "sources", "0", String(first)), "utf8");
  return onlyTopic(JSON.parse(text.slice(text.indexOf("{"))));
}

function readProgress(path: string): SparkTrace {
  let begins: ReadonlyMap<number, number> | null = null;
  const batches = new Map<number, Batch>();
  for (const line of linesOf(path).filter((one) => one.trim() !== "")) {
    const progress = parsed(line) as {
      batchId?: number;
      eventTime?: { watermark?: string };
      sources?: { startOffset?: unknown; endOffset?: unknown }[];
    };
    const [source] = progress.sources ?? [];
    if (progress.batchId === undefined || source?.endOffset === undefined)
      throw notATrace(path, "a line of it has no batchId or endOffset.");
    if (begins === null && source.startOffset) begins = onlyTopic(source.startOffset);
    const watermark_us = usFromIso(progress.eventTime?.watermark ?? "") ?? 0;
    const ends = onlyTopic(source.endOffset);
    batches.set(progress.batchId, { batch: progress.batchId, watermark_ms: Math.floor(watermark_us / 1_000), ends });
  }
  if (batches.size === 0) throw notATrace(path, "it is empty.");
  return { batches: [...batches.values()].sort((a, b) => a.batch - b.batch), begins: begins ?? new Map() };
}

function linesOf(file: string): string[] {
  return readFileSync(file, "utf8").split("\n");
}

/** Files named by a number, in its order; none when there is no such folder. */
function numbersIn(folder: string): number[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

function parsed(text: string | undefined): unknown {
  return JSON.parse(text ?? "");
}

/** `{"raw_prices":{"0":12}}` by partition; the progress has it as an object or as text. */
function onlyTopic(value: unknown): ReadonlyMap<number, number> {
  const topics = typeof value === "string" ? (JSON.parse(value) as object) : (value as object);
  const [partitions] = Object.values(topics) as Record<string, number>[];
  return new Map(Object.entries(partitions ?? {}).map(([partition, offset]) => [Number(partition), offset]));
}
