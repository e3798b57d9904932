/**
 * A block: records that were appended together, as bytes that are read without one object each.
 *
 * Little-endian, as on every machine that Bun runs on:
 *   u32 magic · u32 count · f64 base offset · f64 append time (µs) · u32 bounds[count + 1]
 *   · u16 key number[count] · JSON array of keys · values · receipt times (receipts.ts)
 * Record i is the bytes [bounds[i], bounds[i + 1]); bounds[0] is the end of the keys, bounds[count]
 * that of the values. Version 1 ends there: it has no receipt times.
 */
import type { AppendRecord, LogBatch } from "../../contract/log.ts";
import { readReceipts, receiptBytes, writeReceipts } from "./receipts.ts";

/** "TMB1" and "TMB2": blocks of both versions may be in one log. */
const MAGIC_1 = 0x31424d54;
const MAGIC_2 = 0x32424d54;
const HEADER_BYTES = 24;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Encodes the records from index `from` up to, not including, `to`; at most 65,535 of them. */
export function encodeBlock(
  records: AppendRecord[],
  from: number,
  to: number,
  base_offset: number,
  appended_us: number,
): Uint8Array {
  const count = to - from;
  const numbers = new Map<string, number>();
  let bytes = 0;
  for (let i = from; i < to; i++) {
    const { key, value } = records[i]!;
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    bytes += value.length;
  }
  const keys = encoder.encode(JSON.stringify([...numbers.keys()]));
  const keysAt = HEADER_BYTES + 4 * (count + 1) + 2 * count;
  let at = keysAt + keys.length;
  const block = new Uint8Array(at + bytes + receiptBytes(records, from, to, appended_us));
  const words = new Uint32Array(block.buffer, 0, (HEADER_BYTES >> 2) + count + 1);
  const doubles = new Float64Array(block.buffer, 0, HEADER_BYTES >> 3);
  const keyNumbers = new Uint16Array(block.buffer, keysAt - 2 * count, count);
  words[0] = MAGIC_2;
  words[1] = count;
  doubles[1] = base_offset;
  doubles[2] = appended_us;
  block.set(keys, keysAt);
  for (let i = 0; i < count; i++) {
    const { key, value } = records[from + i]!;
    words[(HEADER_BYTES >> 2) + i] = at;
    keyNumbers[i] = numbers.get(key)!;
    block.set(value, at);
    at += value.length;
  }
  words[(HEADER_BYTES >> 2) + count] = at;
  writeReceipts(block, at, records, from, to, appended_us);
  return block;
}

/** Count and base offset from a block's first 24 bytes; −1 if there are fewer. */
export function blockHead(block: Uint8Array): { count: number; base_offset: number } {
  if (block.length < HEADER_BYTES) return { count: -1, base_offset: -1 };
  const view = new DataView(block.buffer, block.byteOffset, HEADER_BYTES);
  return { count: view.getUint32(4, true), base_offset: view.getFloat64(8, true) };
}

/** Whether this program knows the block's version; a newer one may store records otherwise. */
export function isKnownBlock(block: Uint8Array): boolean {
  const magic = new DataView(block.buffer, block.byteOffset, HEADER_BYTES).getUint32(0, true);
  return magic === MAGIC_1 || magic === MAGIC_2;
}

/**
 * The same block with another append time (µs since 1970 UTC). Receipt times move with it: the
 * clock that was wrong wrote both, and what a record waited for the log stays true.
 */
export function restamped(block: Uint8Array, appended_us: number): Uint8Array {
  const copy = block.slice();
  new DataView(copy.buffer).setFloat64(16, appended_us, true);
  return copy;
}

/** One block of a batch: the index of its first record, and of its first byte. */
interface Part {
  first: number;
  at: number;
  keys: string[] | null;
}

/** One block as a batch, without a copy of anything. */
export function decodeBlock(partition: number, block: Uint8Array): LogBatch {
  // Typed arrays need their alignment; bun:sqlite's blobs begin at 0, a foreign buffer might not.
  const buffer = block.byteOffset % 8 === 0 ? block : block.slice();
  const [magic, count] = new Uint32Array(buffer.buffer, buffer.byteOffset, 2) as unknown as [number, number];
  const bounds = new Uint32Array(buffer.buffer, buffer.byteOffset + HEADER_BYTES, count + 1);
  const doubles = new Float64Array(buffer.buffer, buffer.byteOffset, HEADER_BYTES >> 3);
  const offsets = new Float64Array(count);
  for (let i = 0, offset = doubles[1]!; i < count; i++) offsets[i] = offset + i;
  const received_us = new Float64Array(count);
  if (magic === MAGIC_1) received_us.fill(Number.NaN);
  else readReceipts(buffer, bounds[count]!, doubles[2]!, received_us, 0, count);
  return {
    partition,
    count,
    buffer: () => buffer,
    starts: bounds.subarray(0, count),
    ends: bounds.subarray(1),
    offsets,
    appended_us: new Float64Array(count).fill(doubles[2]!),
    received_us,
    key: keyReader(buffer, [{ first: 0, at: 0, keys: null }]),
  };
}

/** Many small blocks as one batch: the fixed cost of a batch is too high for one record. */
export function joinBlocks(partition: number, blocks: Uint8Array[], count: number): LogBatch {
  let bytes = 0;
  for (const block of blocks) bytes += (block.length + 7) & ~7;
  const buffer = new Uint8Array(bytes);
  const words = new Uint32Array(buffer.buffer);
  const doubles = new Float64Array(buffer.buffer);
  const starts = new Uint32Array(count);
  const ends = new Uint32Array(count);
  const offsets = new Float64Array(count);
  const appended_us = new Float64Array(count);
  const received_us = new Float64Array(count);
  const parts: Part[] = [];
  let at = 0;
  let record = 0;
  for (const block of blocks) {
    buffer.set(block, at);
    parts.push({ first: record, at, keys: null });
    const word = (at + HEADER_BYTES) >> 2;
    const inBlock = words[(at >> 2) + 1]!;
    const offset = doubles[(at >> 3) + 1]!;
    const time = doubles[(at >> 3) + 2]!;
    if (words[at >> 2] === MAGIC_1) received_us.fill(Number.NaN, record, record + inBlock);
    else readReceipts(block, words[word + inBlock]!, time, received_us, record, record + inBlock);
    for (let i = 0; i < inBlock; i++, record++) {
      starts[record] = at + words[word + i]!;
      ends[record] = at + words[word + i + 1]!;
      offsets[record] = offset + i;
      appended_us[record] = time;
    }
    at += (block.length + 7) & ~7;
  }
  const key = keyReader(buffer, parts);
  return { partition, count, buffer: () => buffer, starts, ends, offsets, appended_us, received_us, key };
}

/** Decodes keys on demand, which is rare: the message names its product itself. */
function keyReader(buffer: Uint8Array, parts: Part[]): (i: number) => string {
  return (i) => {
    const part = partOf(parts, i);
    const view = new DataView(buffer.buffer, buffer.byteOffset + part.at);
    const numbersAt = HEADER_BYTES + 4 * (view.getUint32(4, true) + 1);
    if (part.keys === null) {
      const keysAt = numbersAt + 2 * view.getUint32(4, true);
      const text = buffer.subarray(part.at + keysAt, part.at + view.getUint32(HEADER_BYTES, true));
      part.keys = JSON.parse(decoder.decode(text)) as string[];
    }
    return part.keys[view.getUint16(numbersAt + 2 * (i - part.first), true)]!;
  };
}

function partOf(parts: Part[], i: number): Part {
  let low = 0;
  let high = parts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (parts[middle]!.first <= i) low = middle;
    else high = middle - 1;
  }
  return parts[low]!;
}
