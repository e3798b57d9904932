/** Decodes a fetch of plain record batches, where kafkajs 2.2.4 makes eight objects per message. */
import { ByteCursor } from "./byte-cursor.ts";
import { decompress } from "./codecs.ts";
import { type Columns, FetchedRecords } from "./fetched-records.ts";
import { KAFKA_UNPACKED_FETCH_BYTES_MAX } from "./kafka-limits.ts";
import { readReceived, receivedAlone } from "./received-header.ts";

/**
 * A record batch (https://kafka.apache.org/documentation/#recordbatch): bytes before its records,
 * and its fields' positions.
 */
const BATCH_BYTES = 61;
const LENGTH_AT = 8;
const MAGIC_AT = 16;
const ATTRIBUTES_AT = 21;
const FIRST_TIME_AT = 27;
const MAX_TIME_AT = 35;
const COUNT_AT = 57;
const APPEND_TIME = 0x08;
/** The codec number. */
const CODEC = 0x07;
/** The attributes that are decoded here: the kind of time and the codec. */
const READ = APPEND_TIME | CODEC;
/**
 * The fewest bytes of a record: its length, attributes, two deltas, two lengths and the number of
 * headers.
 */
const RECORD_BYTES_MIN = 7;

/** Thrown for what is not plain: kafkajs decodes the response then. */
class NotPlain extends Error {}

/**
 * The result of kafkajs's own decoder, with FetchedRecords for messages; null if kafkajs has to
 * decode: transactions, control records, older formats. Fails with CodecError.
 */
export function decodeFetch(bytes: Buffer) {
  try {
    const cursor = new ByteCursor(bytes, 0);
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

function partitionOf(cursor: ByteCursor) {
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

/**
 * Where the whole batches in bytes[start, end) begin; one that the fetch's size cut off is fetched
 * next.
 */
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

/** The batches decompressed, up to KAFKA_UNPACKED_FETCH_BYTES_MAX but at least one. */
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
    received_us: new Float64Array(count),
  };
  let i = 0;
  for (const at of batches) i = readBatch(columns, i, at);
  return new FetchedRecords(columns);
}

/** Reads the batch at `at` as records `i` and following; returns the next index. */
function readBatch(columns: Columns, i: number, at: number): number {
  const { bytes, keys, starts, ends, offsets, appended_us, received_us } = columns;
  const base = Number(bytes.readBigInt64BE(at));
  const isAppendTime = (bytes.readInt16BE(at + ATTRIBUTES_AT) & APPEND_TIME) !== 0;
  const time = Number(bytes.readBigInt64BE(at + (isAppendTime ? MAX_TIME_AT : FIRST_TIME_AT)));
  const stop = i + bytes.readInt32BE(at + COUNT_AT);
  const end = endOf(bytes, at);
  const cursor = new ByteCursor(bytes, at + BATCH_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
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
    const us = receivedAlone(view, cursor.at, next);
    received_us[record] = us >= 0 ? us : readReceived(cursor, view);
    if (us < 0 && cursor.at !== next) throw new NotPlain();
    cursor.at = next;
  }
  return stop;
}
