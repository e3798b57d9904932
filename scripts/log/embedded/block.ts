/**
 * A block: records that were appended together, as bytes that are read without one object each.
 *
 * Little-endian, as on every machine that Bun runs on:
 *   u32 magic · u32 count · f64 base offset · f64 append time (µs) · u32 bounds[count + 1]
 *   · u16 key number[count] · JSON array of keys · values
 * Record i is the bytes [bounds[i], bounds[i + 1]); bounds[0] is the end of the keys.
 */
import type { AppendRecord, LogBatch } from "../../contract/log.ts";

const MAGIC = 0x31424d54;
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
  const block = new Uint8Array(at + bytes);
  const words = new Uint32Array(block.buffer, 0, (HEADER_BYTES >> 2) + count + 1);
  const doubles = new Float64Array(block.buffer, 0, HEADER_BYTES >> 3);
  const keyNumbers = new Uint16Array(block.buffer, keysAt - 2 * count, count);
  words[0] = MAGIC;
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
  return block;
}

/** Count and base offset from a block's first 24 bytes; −1 if there are fewer. */
export function blockHead(block: Uint8Array): { count: number; base_offset: number } {
  if (block.length < HEADER_BYTES) return { count: -1, base_offset: -1 };
  const view = new DataView(block.buffer, block.byteOffset, HEADER_BYTES);
  return { count: view.getUint32(4, true), base_offset: view.getFloat64(8, true) };
}

/** The same block with another append time (µs since 1970 UTC). */
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
  const count = new Uint32Array(buffer.buffer, buffer.byteOffset, 2)[1]!;
  const bounds = new Uint32Array(buffer.buffer, buffer.byteOffset + HEADER_BYTES, count + 1);
  const doubles = new Float64Array(buffer.buffer, buffer.byteOffset, HEADER_BYTES >> 3);
  const offsets = new Float64Array(count);
  for (let i = 0, offset = doubles[1]!; i < count; i++) offsets[i] = offset + i;
  return {
    partition,
    count,
    buffer: () => buffer,
    starts: bounds.subarray(0, count),
    ends: bounds.subarray(1),
    offsets,
    appended_us: new Float64Array(count).fill(doubles[2]!),
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
    for (let i = 0; i < inBlock; i++, record++) {
      starts[record] = at + words[word + i]!;
      ends[record] = at + words[word + i + 1]!;
      offsets[record] = offset + i;
      appended_us[record] = time;
    }
    at += (block.length + 7) & ~7;
  }
  return { partition, count, buffer: () => buffer, starts, ends, offsets, appended_us, key: keyReader(buffer, parts) };
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
