/** Foreign answers for tests: records of the recorded hour, their windows, and files of every kind. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import {
  type AnswerOptions,
  type Answers,
  type AuditRecord,
  type ForeignAnswers,
  readAnswers,
  type TopicRecord,
} from "../../scripts/audit/index.ts";
import { TidemarkError } from "../../scripts/base/errors.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import { parseRecord } from "../../scripts/message/index.ts";
import { recordedLines } from "./data.ts";

const encoder = new TextEncoder();

/** Lines of a topic as records, as the audit's input has them. */
export function recordsOf(lines: readonly string[]): AuditRecord[] {
  return lines.map((line, offset) => {
    const parsed = parseRecord(encoder.encode(line));
    const place = { partition: 0, offset, appended_us: offset };
    if (parsed.kind === "tick") return { ...place, tick: parsed.tick, reason: null, raw: null };
    const reason = parsed.kind === "dead" ? parsed.reason : parsed.kind;
    const fields = JSON.parse(line) as Record<string, unknown>;
    const text = (name: string) => (fields[name] === undefined ? null : String(fields[name]));
    const raw = {
      product_id: text("product_id"),
      trade_id: text("trade_id"),
      time: text("time"),
      price: text("price"),
      last_size: text("last_size"),
      side: text("side"),
    };
    return { ...place, tick: null, reason, raw };
  });
}

/** A ticker message. */
export function ticker(trade_id: number, second: number, price: string, change: Record<string, unknown> = {}): string {
  return JSON.stringify({
    type: "ticker",
    product_id: "BTC-USD",
    trade_id,
    time: isoFromUs(Date.UTC(2026, 0, 5, 10) * 1_000 + second * 1e6),
    price,
    last_size: "0.5",
    side: trade_id % 3 === 0 ? "sell" : "buy",
    best_bid: "99",
    best_ask: "101",
    ...change,
  });
}

let hour: AuditRecord[] | null = null;
export function recordedHour(): AuditRecord[] {
  hour ??= recordsOf(recordedLines());
  return hour;
}

export interface HourWindow {
  start_us: number;
  trade_count: number;
  min_price: number;
  max_price: number;
  avg_price: number;
  total_volume: number;
}

interface HourTick {
  price: number;
  size: number;
}

/**
 * Windows of the recorded hour, from `offset_us` past each multiple of `every_us`; `change` is what an
 * engine makes of a window's ticks. A window without a tick is left out.
 */
export function hourWindows(
  size_us = 60e6,
  every_us = size_us,
  offset_us = 0,
  change = (ticks: HourTick[]): HourTick[] => ticks,
): HourWindow[] {
  const windows = new Map<number, HourTick[]>();
  for (const { tick } of recordedHour()) {
    const { time_us, price_mantissa, price_scale, size_mantissa, size_scale } = tick!;
    const last = Math.floor((time_us - offset_us) / every_us) * every_us + offset_us;
    for (let start_us = last; start_us > time_us - size_us; start_us -= every_us) {
      const ticks = windows.get(start_us) ?? [];
      windows.set(start_us, ticks);
      ticks.push({ price: Number(price_mantissa) / 10 ** price_scale, size: Number(size_mantissa) / 10 ** size_scale });
    }
  }
  return [...windows].sort(([a], [b]) => a - b).flatMap(([start_us, ticks]) => summary(start_us, change(ticks)) ?? []);
}

function summary(start_us: number, ticks: readonly HourTick[]): HourWindow | null {
  if (ticks.length === 0) return null;
  const prices = ticks.map(({ price }) => price);
  return {
    start_us,
    trade_count: ticks.length,
    min_price: Math.min(...prices),
    max_price: Math.max(...prices),
    avg_price: prices.reduce((sum, price) => sum + price, 0) / prices.length,
    total_volume: ticks.reduce((sum, { size }) => sum + size, 0),
  };
}

export const NO_OPTIONS: AnswerOptions = { records: [], map: [], columns: null, zone: null, window: null };

/** The windows of an answer; throws when it is another kind. */
export function windowsOf(found: ForeignAnswers): Answers {
  if (found.kind !== "windows") throw new Error(`It is of kind ${found.kind}.`);
  return found.answers;
}

/** Code, exit status, sentence and hint with which an answer is refused, without the folder's path. */
export async function refusalOf(folder: string, place: string, options: Partial<AnswerOptions> = {}): Promise<string> {
  try {
    await readAnswers(place, { ...NO_OPTIONS, ...options });
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    return `${error.code} (${error.exitCode}): ${error.message} ${error.hint}`.replaceAll(`${folder}/`, "");
  }
  throw new Error(`${place} was read.`);
}

/** Writes a file, and the folders above it; returns its path. */
export function written(folder: string, name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** Spark's list of the files of one batch. */
export function committedBatch(folder: string, name: string, files: readonly string[]): void {
  const lines = files.map((file) =>
    JSON.stringify({ path: `file:///where/it/was/${file}`, size: 1, isDir: false, modificationTime: 1, action: "add" }),
  );
  written(folder, `_spark_metadata/${name}`, ["v1", ...lines].join("\n"));
}

/** Runs statements in DuckDB, in memory or in a file. */
export async function inDuckDb(statements: readonly string[], file = ":memory:"): Promise<void> {
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  for (const statement of statements) await connection.run(statement);
  connection.closeSync();
  instance.closeSync();
}

/** Records of a topic: JSON values with increasing offsets. */
export async function* topicOf(values: readonly (string | null | Partial<TopicRecord>)[]): AsyncGenerator<TopicRecord> {
  for (const [offset, value] of values.entries()) {
    const record = typeof value === "object" && value !== null ? value : { value };
    yield { key: null, value: null, partition: 0, offset, appended_us: null, ...record };
  }
}
