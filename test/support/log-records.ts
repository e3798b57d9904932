/** Records of a log in tests: made of text, read back as text, with other append times. */
import { Database } from "bun:sqlite";
import type { AppendRecord, LogBatch, LogReader } from "../../scripts/contract/log.ts";
import { restamped } from "../../scripts/log/embedded/block.ts";
import { childOf, type Stage, startProgram } from "./process.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A record that was read. */
export interface Got {
  key: string;
  text: string;
  partition: number;
  offset: number;
  appended_us: number;
}

export function record(key: string, value: string | Uint8Array): AppendRecord {
  return { key, value: typeof value === "string" ? encoder.encode(value) : value };
}

export function bytesOf(batch: LogBatch, i: number): Uint8Array {
  return batch.buffer(i).subarray(batch.starts[i]!, batch.ends[i]!);
}

export function unpack(batches: LogBatch[]): Got[] {
  return batches.flatMap((batch) =>
    Array.from({ length: batch.count }, (_, i) => ({
      key: batch.key(i),
      text: decoder.decode(bytesOf(batch, i)),
      partition: batch.partition,
      offset: batch.offsets[i]!,
      appended_us: batch.appended_us[i]!,
    })),
  );
}

/** Gives the blocks of a log.db other append times, by position, as a wrong clock would have. */
export function restampBlocks(path: string, stamps: Iterable<[position: number, appended_us: number]>): void {
  const db = new Database(path);
  const select = db.query<{ payload: Uint8Array }, [number]>("SELECT payload FROM blocks WHERE position = ?");
  const update = db.query("UPDATE blocks SET appended_us = ?, payload = ?, checksum = ? WHERE position = ?");
  for (const [position, appended_us] of stamps) {
    const block = restamped(select.get(position)!.payload, appended_us);
    update.run(appended_us, block, Bun.hash.crc32(block), position);
  }
  db.close();
}

/** Polls until `count` records came, or fails after two minutes. */
export async function read(reader: LogReader, count: number, records_max = 20_000): Promise<Got[]> {
  const got: Got[] = [];
  const until = performance.now() + 120_000;
  while (got.length < count && performance.now() < until) {
    got.push(...unpack(await reader.poll({ records_max, timeout_ms: 1_000 })));
  }
  return got;
}

/** Starts log-writer.ts: `total` records with one key, `size` per append; it prints each durable total. */
export function startWriter(url: string, data: string, key: string, total: number, size: number): Stage {
  return startProgram(childOf("log-writer", [url, data, key, String(total), String(size)]));
}
