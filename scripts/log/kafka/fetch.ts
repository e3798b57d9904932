/**
 * What a broker answers to a fetch, read without an object a message: kafkajs 2.2.4 makes eight of each, half of its time. It is mended
 * from outside (kafka-client.ts has the other place): record batches of version 2 are read here, as arrays of numbers over the
 * answer's own bytes, or over the decompressed ones; transactions, control records, headers and older formats are left to kafkajs.
 */
import type { LogBatch } from "../../contract/log.ts";
import { decompress } from "./codecs.ts";
import { KAFKA_UNPACKED_FETCH_BYTES_MAX } from "./kafka-limits.ts";

/** A record batch: https://kafka.apache.org/documentation/#recordbatch. Bytes before its records, and where its fields lie. */
const BATCH_BYTES = 61;
const LENGTH_AT = 8;
const MAGIC_AT = 16;
const ATTRIBUTES_AT = 21;
const FIRST_TIME_AT = 27;
const MAX_TIME_AT = 35;
const COUNT_AT = 57;
const APPEND_TIME = 0x08;
/** The codec's number. */
const CODEC = 0x07;
/** Attributes that we read: the kind of time and the codec, and nothing else. */
const READ = APPEND_TIME | CODEC;
/** The fewest bytes of a record: its length, attributes, two deltas, two lengths and the number of headers. */
const RECORD_BYTES_MIN = 7;

/** One of kafkajs's messages. */
export interface FetchedMessage {
  key: Buffer | null;
  value: Buffer | null;
  timestamp: string;
  offset: string;
  attributes: number;
  headers: Record<string, never>;
  isControlRecord: false;
}

/** Record i's value is [starts[i], ends[i]) of the bytes; its key's length stands at keys[i]. No value (a tombstone): ends before it starts. */
interface Columns {
  bytes: Buffer;
  keys: Uint32Array;
  starts: Uint32Array;
  ends: Uint32Array;
  offsets: Float64Array;
  appended_us: Float64Array;
}

/** Records of one partition, in place of kafkajs's array of messages: it asks for the length, the first, the last and a filter. */
export class FetchedRecords {
  [index: number]: FetchedMessage;

  readonly #columns: Columns;

  constructor(columns: Columns) {
    this.#columns = columns;
    const last = this.length - 1;
    if (last < 0) return;
    this[0] = this.message(0);
    this[last] = this.message(last);
  }

  get length(): number {
    return this.#columns.offsets.length;
  }

  /** Offsets rise and no record differs otherwise, so what a filter keeps of them is an end of the run. */
  filter(keeps: (message: FetchedMessage) => boolean): FetchedRecords {
    let low = 0;
    for (let high = this.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (keeps(this.message(middle))) high = middle;
      else low = middle + 1;
    }
    return low === 0 ? this : this.#from(low);
  }

  some(is: (message: FetchedMessage) => boolean): boolean {
    return this.length > 0 && is(this.message(0));
  }

  *[Symbol.iterator](): Generator<FetchedMessage> {
    for (let i = 0; i < this.length; i++) yield this.message(i);
  }

  message(i: number): FetchedMessage {
    const { bytes, starts, ends, offsets, appended_us } = this.#columns;
    const value = ends[i]! < starts[i]! ? null : bytes.subarray(starts[i], ends[i]);
    const [offset, timestamp] = [String(offsets[i]), String(appended_us[i]! / 1_000)];
    return { key: this.#key(i), value, timestamp, offset, attributes: 0, headers: {}, isControlRecord: false };
  }

  /** The same as a batch of the log; what has no value is an empty record. */
  batch(partition: number): LogBatch {
    const { bytes, starts, offsets, appended_us } = this.#columns;
    const count = this.length;
    const ends = this.#columns.ends.map((end, i) => Math.max(end, starts[i]!));
    const key = (i: number) => this.#key(i)?.toString() ?? "";
    return { partition, count, buffer: () => bytes, starts, ends, offsets, appended_us, key };
  }

  #key(i: number): Buffer | null {
    const { bytes, keys } = this.#columns;
    const cursor = new Cursor(bytes, keys[i]!);
    const length = cursor.varint();
    return length < 0 ? null : bytes.subarray(cursor.at, cursor.at + length);
  }

  #from(first: number): FetchedRecords {
    const { bytes, keys, starts, ends, offsets, appended_us } = this.#columns;
    return new FetchedRecords({
      bytes,
      keys: keys.subarray(first),
      starts: starts.subarray(first),
      ends: ends.subarray(first),
      offsets: offsets.subarray(first),
      appended_us: appended_us.subarray(first),
    });
  }
}

/** Thrown where a record is other than a plain one: kafkajs reads the answer then. */
class NotPlain extends Error {}

/** Reads big-endian and variable-length numbers one after another. */
class Cursor {
  constructor(
    readonly bytes: Buffer,
    public at: number,
  ) {}

  int16(): number {
    this.at += 2;
    return this.bytes.readInt16BE(this.at - 2);
  }

  int32(): number {
    this.at += 4;
    return this.bytes.readInt32BE(this.at - 4);
  }

  int64(): string {
    this.at += 8;
    return this.bytes.readBigInt64BE(this.at - 8).toString();
  }

  text(): string {
    const length = this.int16();
    this.at += length;
    return this.bytes.toString("utf8", this.at - length, this.at);
  }

  array<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, read);
  }

  /** A zigzag number of 7 bits a byte, lowest first. Beyond 2^53 it is not exact, which a time or an offset never is. */
  varint(): number {
    const { bytes } = this;
    let byte = bytes[this.at++]!;
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let value = byte & 0x7f;
    for (let scale = 128; byte >= 0x80; scale *= 128) {
      byte = bytes[this.at++]!;
      value += (byte & 0x7f) * scale;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

/** What kafkajs's own decoder of this answer gives, or null when it has to. */
export function decodeFetch(bytes: Buffer) {
  try {
    const cursor = new Cursor(bytes, 0);
    const clientSideThrottleTime = cursor.int32();
    const [errorCode, sessionId] = [cursor.int16(), cursor.int32()];
    const responses = cursor.array(() => ({
      topicName: cursor.text(),
      partitions: cursor.array(() => partitionOf(cursor)),
    }));
    return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses };
  } catch (error) {
    if (error instanceof NotPlain || error instanceof RangeError) return null;
    throw error;
  }
}

function partitionOf(cursor: Cursor) {
  const [partition, errorCode] = [cursor.int32(), cursor.int16()];
  const [highWatermark, lastStableOffset, lastStartOffset] = [cursor.int64(), cursor.int64(), cursor.int64()];
  if (cursor.int32() > 0) throw new NotPlain();
  const [abortedTransactions, preferredReadReplica, length] = [[], cursor.int32(), cursor.int32()];
  const start = cursor.at;
  cursor.at += Math.max(0, length);
  if (cursor.at > cursor.bytes.length) throw new NotPlain();
  const messages = recordsOf(cursor.bytes, start, cursor.at);
  const about = { partition, errorCode, highWatermark, lastStableOffset, lastStartOffset };
  return { ...about, abortedTransactions, preferredReadReplica, messages };
}

/** Where the whole batches in bytes[start, end) begin; the last one may be cut off by the fetch's size, and comes whole with the next. */
function batchesOf(bytes: Buffer, start: number, end: number): number[] {
  const batches: number[] = [];
  for (let at = start; at + BATCH_BYTES <= end; ) {
    const next = endOf(bytes, at);
    if (next > end) break;
    const isRead = bytes[at + MAGIC_AT] === 2 && (bytes.readInt16BE(at + ATTRIBUTES_AT) & ~READ) === 0;
    if (!isRead || next < at + BATCH_BYTES) throw new NotPlain();
    batches.push(at);
    at = next;
  }
  return batches;
}

function endOf(bytes: Buffer, at: number): number {
  return at + LENGTH_AT + 4 + bytes.readInt32BE(at + LENGTH_AT);
}

/** The same batches decompressed, one after another. A batch that would exceed the limit, and those after it, are left out. */
function unpacked(bytes: Buffer, batches: number[]): Buffer {
  const parts: Buffer[] = [];
  let size = 0;
  for (const at of batches) {
    const codec = bytes.readInt16BE(at + ATTRIBUTES_AT) & CODEC;
    const packed = bytes.subarray(at + BATCH_BYTES, endOf(bytes, at));
    const records = codec === 0 ? packed : decompress(codec, packed);
    size += BATCH_BYTES + records.length;
    if (size > KAFKA_UNPACKED_FETCH_BYTES_MAX && parts.length > 0) break;
    const head = Buffer.from(bytes.subarray(at, at + BATCH_BYTES));
    head.writeInt32BE(BATCH_BYTES - LENGTH_AT - 4 + records.length, LENGTH_AT);
    head.writeInt16BE(head.readInt16BE(ATTRIBUTES_AT) & ~CODEC, ATTRIBUTES_AT);
    parts.push(head, records);
  }
  return Buffer.concat(parts);
}

function recordsOf(bytes: Buffer, start: number, end: number): FetchedRecords {
  const batches = batchesOf(bytes, start, end);
  if (batches.some((at) => (bytes.readInt16BE(at + ATTRIBUTES_AT) & CODEC) !== 0)) {
    const plain = unpacked(bytes, batches);
    return recordsOf(plain, 0, plain.length);
  }
  let count = 0;
  for (const at of batches) {
    const records = bytes.readInt32BE(at + COUNT_AT);
    if (records < 0 || records * RECORD_BYTES_MIN > endOf(bytes, at) - at - BATCH_BYTES) throw new NotPlain();
    count += records;
  }
  const columns: Columns = {
    bytes,
    keys: new Uint32Array(count),
    starts: new Uint32Array(count),
    ends: new Uint32Array(count),
    offsets: new Float64Array(count),
    appended_us: new Float64Array(count),
  };
  let i = 0;
  for (const at of batches) i = readBatch(columns, i, at);
  return new FetchedRecords(columns);
}

/** Reads the batch at `at` as records `i` and following; gives the next one's number. */
function readBatch(columns: Columns, i: number, at: number): number {
  const { bytes, keys, starts, ends, offsets, appended_us } = columns;
  const base = Number(bytes.readBigInt64BE(at));
  const isAppendTime = (bytes.readInt16BE(at + ATTRIBUTES_AT) & APPEND_TIME) !== 0;
  const time = Number(bytes.readBigInt64BE(at + (isAppendTime ? MAX_TIME_AT : FIRST_TIME_AT)));
  const stop = i + bytes.readInt32BE(at + COUNT_AT);
  const end = endOf(bytes, at);
  const cursor = new Cursor(bytes, at + BATCH_BYTES);
  for (let record = i; record < stop; record++) {
    const length = cursor.varint();
    const next = cursor.at + length;
    if (length < 6 || next > end) throw new NotPlain();
    cursor.at++;
    const delta_ms = cursor.varint();
    appended_us[record] = (isAppendTime ? time : time + delta_ms) * 1_000;
    offsets[record] = base + cursor.varint();
    keys[record] = cursor.at;
    const key = cursor.varint();
    if (key > 0) cursor.at += key;
    const value = cursor.varint();
    starts[record] = cursor.at;
    ends[record] = value < 0 ? cursor.at - 1 : cursor.at + value;
    if (value > 0) cursor.at += value;
    if (cursor.varint() !== 0 || cursor.at !== next) throw new NotPlain();
  }
  return stop;
}
