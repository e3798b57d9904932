/** Our decoder of fetches and kafkajs's return the same records; kafkajs decodes what is not plain. */
import { describe, expect, test } from "bun:test";
import { createRequire } from "node:module";
import fc from "fast-check";
import { decodeFetch } from "../../../scripts/log/kafka/fetch.ts";
import type { FetchedMessage, FetchedRecords } from "../../../scripts/log/kafka/fetched-records.ts";
import { messageBatch } from "../../../scripts/log/kafka/handover.ts";
import { KAFKA_UNPACKED_FETCH_BYTES_MAX } from "../../../scripts/log/kafka/kafka-limits.ts";
import { patchKafkajs } from "../../../scripts/log/kafka/patches.ts";
import { receivedValue } from "../../../scripts/log/kafka/received-header.ts";
import { COMPRESSORS } from "../../support/compressors.ts";

patchKafkajs();

// kafkajs's own encoders, and the parts of its decoder that patchKafkajs does not replace.
const require = createRequire(import.meta.url);
const Encoder = require("kafkajs/src/protocol/encoder");
const Decoder = require("kafkajs/src/protocol/decoder");
const { RecordBatch } = require("kafkajs/src/protocol/recordBatch/v0");
const Record = require("kafkajs/src/protocol/recordBatch/record/v0");
const decodeMessages = require("kafkajs/src/protocol/requests/fetch/v4/decodeMessages");

interface Spec {
  first: number;
  time: number;
  /** Set by the broker: the time of the append, for all records of the batch. */
  appended?: boolean;
  /** Which of COMPRESSORS; none when left out. */
  compressor?: number;
  transactional?: boolean;
  records: { key: string | null; value: string | null; later_ms?: number; skip?: number; headers?: object }[];
}

async function batchOf({ first, time, appended, compressor, transactional, records }: Spec): Promise<Buffer> {
  let offset = -1;
  const encoded = records.map(({ key, value, later_ms = 0, skip = 0, headers = {} }) => {
    offset += 1 + skip;
    return Record({ offsetDelta: offset, timestampDelta: later_ms, key, value, headers });
  });
  const firstOffset = BigInt(first);
  const settings = { transactional, firstOffset, firstTimestamp: time, maxTimestamp: time + 7 };
  const { buffer } = await RecordBatch({ ...settings, lastOffsetDelta: offset, records: encoded });
  if (appended) buffer.writeInt16BE(buffer.readInt16BE(21) | 0x08, 21);
  return compressor === undefined ? Buffer.from(buffer) : packed(Buffer.from(buffer), compressor);
}

/** A batch with its records compressed, and its length and attributes changed accordingly. */
function packed(batch: Buffer, compressor: number): Buffer {
  const [, codec, compress] = COMPRESSORS[compressor]!;
  const whole = Buffer.concat([batch.subarray(0, 61), compress(batch.subarray(61))]);
  whole.writeInt32BE(whole.length - 12, 8);
  whole.writeInt16BE(whole.readInt16BE(21) | codec, 21);
  return whole;
}

function answerOf(partitions: { partition: number; aborted?: number[]; records: Buffer }[]): Buffer {
  const encoder = new Encoder().writeInt32(0).writeInt16(0).writeInt32(0).writeInt32(1).writeString("raw_prices");
  encoder.writeInt32(partitions.length);
  for (const { partition, aborted = [], records } of partitions) {
    encoder.writeInt32(partition).writeInt16(0).writeInt64(900n).writeInt64(899n).writeInt64(3n);
    encoder.writeInt32(aborted.length);
    for (const id of aborted) encoder.writeInt64(BigInt(id)).writeInt64(5n);
    encoder.writeInt32(-1).writeInt32(records.length).writeBufferInternal(records);
  }
  return Buffer.from(encoder.buffer);
}

/** What both must have in common. */
const plain = ({ key, value, offset, timestamp }: FetchedMessage) => ({
  key: key?.toString() ?? null,
  value: value?.toString() ?? null,
  offset,
  timestamp,
});

/** kafkajs 2.2.4 always reads the 17th byte; no broker cuts a first batch before it (KIP-74). */
const KAFKAJS_NEEDS_BYTES = 17;

async function byKafkajs(records: Buffer): Promise<FetchedMessage[]> {
  if (records.length < KAFKAJS_NEEDS_BYTES) return [];
  const sized = Buffer.alloc(4 + records.length);
  sized.writeInt32BE(records.length);
  sized.set(records, 4);
  return decodeMessages(new Decoder(sized));
}

function byUs(records: Buffer): FetchedRecords | null {
  const answer = decodeFetch(answerOf([{ partition: 3, records }]));
  return answer === null ? null : answer.responses[0]!.partitions[0]!.messages;
}

/** A receipt time, one that is not valid, or bytes of another program. */
const eight = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 53 - 1 }).map(receivedValue),
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
);
const headerValue = fc.oneof(
  eight,
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
  fc.string(),
);
const headers = fc.dictionary(
  fc.oneof(fc.constantFrom("received", "by", "Received", "received_"), fc.string()),
  fc.oneof(headerValue, fc.array(headerValue, { maxLength: 3 })),
  { maxKeys: 3, noNullPrototype: true },
);
const record = fc.record({
  key: fc.option(fc.string()),
  value: fc.option(fc.string({ maxLength: 300 })),
  later_ms: fc.integer({ min: -100, max: 2 ** 40 }),
  skip: fc.nat(3),
  headers,
});
const spec = fc.record({
  first: fc.integer({ min: 0, max: 2 ** 52 }),
  time: fc.integer({ min: 0, max: 2 ** 44 }),
  appended: fc.boolean(),
  compressor: fc.option(fc.nat(COMPRESSORS.length - 1), { nil: undefined }),
  records: fc.array(record, { minLength: 1, maxLength: 20 }),
});

test("any batches, compressed or not, the last one cut anywhere, decode to the same records as in kafkajs", async () => {
  const property = fc.asyncProperty(fc.array(spec, { maxLength: 4 }), fc.nat(80), async (specs, cut) => {
    const whole = Buffer.concat(await Promise.all(specs.map(batchOf)));
    const bytes = whole.subarray(0, Math.max(0, whole.length - cut));
    const ours = byUs(bytes);
    expect(ours).not.toBeNull();
    const theirs = await byKafkajs(bytes);
    expect([...ours!].map(plain)).toEqual(theirs.map(plain));
    expect([...messageBatch(3, ours!).received_us]).toEqual([...messageBatch(3, theirs as never).received_us]);
  });
  await fc.assert(property, { numRuns: 400 });
}, 120_000);

test("the header `received` is read without kafkajs, also among headers of other programs", async () => {
  const received_us = Date.UTC(2026, 10, 27) * 1_000 + 123_456;
  const received = receivedValue(received_us);
  const all: [headers: object, received_us: number][] = [
    [{ received }, received_us],
    [{ by: "somebody", received, empty: "" }, received_us],
    [{ received: [Buffer.from("x"), received] }, received_us],
    [{ received: [receivedValue(1), received, Buffer.alloc(8, 0xff)] }, received_us],
    [{ received: Buffer.alloc(8, 0xff) }, Number.NaN],
    [{ received: Buffer.alloc(7) }, Number.NaN],
    [{ Received: received }, Number.NaN],
    [{ received: receivedValue(2 ** 53 - 1) }, 2 ** 53 - 1],
    [{ received: receivedValue(0) }, 0],
    [{}, Number.NaN],
  ];
  const records = all.map(([headers], i) => ({ key: "k", value: String(i), headers }));
  const batch = messageBatch(3, byUs(await batchOf({ first: 0, time: 1, records }))!);
  expect([...batch.received_us]).toEqual(all.map(([, us]) => us));
  expect(received.toString("hex")).toBe(BigInt(received_us).toString(16).padStart(16, "0"));
});

test("a header that is cut or longer than its record is left to kafkajs", async () => {
  const bytes = await batchOf({ first: 0, time: 1, records: [{ key: "k", value: "v", headers: { by: "me" } }] });
  const lengthAt = bytes.length - 3;
  expect(bytes[lengthAt]).toBe(4);
  for (const length of [2, 6, 0x7e]) expect(byUs(Buffer.from(bytes.with(lengthAt, length)))).toBeNull();
});

test("compressed batches beyond the limit of one fetch are read by the next one, but the first is always read", async () => {
  const value = "x".repeat(KAFKA_UNPACKED_FETCH_BYTES_MAX - 100_000);
  const batch = (first: number, text: string) =>
    batchOf({ first, time: 1, compressor: 4, records: [{ key: "k", value: text }] });
  const offsets = async (...batches: Promise<Buffer>[]) =>
    [...byUs(Buffer.concat(await Promise.all(batches)))!].map(({ offset }) => offset);
  expect(await offsets(batch(5, "small"), batch(6, value), batch(7, value), batch(8, "small"))).toEqual(["5", "6"]);
  expect(await offsets(batch(7, value + value), batch(8, "small"))).toEqual(["7"]);
});

test("either decoding makes the same LogBatch", async () => {
  const records = ["a", "bb", null, ""].map((value, i) => ({ key: i === 1 ? null : "BTC-USD", value, skip: i }));
  const bytes = await batchOf({ first: 7, time: 1_700_000_000_000, records });
  const [ours, theirs] = [byUs(bytes)!, await byKafkajs(bytes)];
  const shown = (messages: Parameters<typeof messageBatch>[1]) => {
    const batch = messageBatch(3, messages);
    const value = (i: number) => batch.buffer(i).subarray(batch.starts[i]!, batch.ends[i]!).toString();
    const each = Array.from({ length: batch.count }, (_, i) => [
      value(i),
      batch.key(i),
      batch.offsets[i],
      batch.appended_us[i],
    ]);
    return [batch.partition, each];
  };
  expect(shown(ours)).toEqual(shown(theirs as never));
  expect(shown(ours)).toEqual([
    3,
    [
      ["a", "BTC-USD", 7, 1_700_000_000_000_000],
      ["bb", "", 9, 1_700_000_000_000_000],
      ["", "BTC-USD", 12, 1_700_000_000_000_000],
      ["", "BTC-USD", 16, 1_700_000_000_000_000],
    ],
  ]);
});

test("kafkajs's filter by offset keeps the records at and after it", async () => {
  const records = Array.from({ length: 9 }, (_, i) => ({ key: "k", value: String(i), skip: i % 2 }));
  const all = byUs(await batchOf({ first: 100, time: 1, records }))!;
  for (let from = 99; from < 115; from++) {
    const kept = all.filter(({ offset }) => Number(offset) >= from);
    expect([...kept].map(plain)).toEqual([...all].filter(({ offset }) => Number(offset) >= from).map(plain));
    expect(kept[kept.length - 1]?.offset).toBe(kept.length === 0 ? undefined : all[all.length - 1]!.offset);
    expect(kept[0]?.offset).toBe([...kept][0]?.offset);
  }
});

describe("left to kafkajs:", () => {
  const one = [{ key: "k", value: "v" }];
  const others: [string, Spec][] = [["a transaction's", { first: 0, time: 1, transactional: true, records: one }]];
  test.each(others)("%s", async (_, other) => {
    const bytes = Buffer.concat([
      await batchOf({ first: 0, time: 1, records: one }),
      await batchOf({ ...other, first: 1 }),
    ]);
    expect(byUs(bytes)).toBeNull();
    expect((await byKafkajs(bytes)).map(plain).at(-1)).toEqual({ key: "k", value: "v", offset: "1", timestamp: "1" });
  });

  test("a response with aborted transactions, a batch of an older format, a record with a wrong length", async () => {
    const bytes = await batchOf({ first: 0, time: 1, records: one });
    expect(decodeFetch(answerOf([{ partition: 0, aborted: [4], records: bytes }]))).toBeNull();
    expect(byUs(Buffer.from(bytes.with(16, 1)))).toBeNull();
    expect(byUs(Buffer.from(bytes.with(61, 120)))).toBeNull();
    expect(byUs(Buffer.from(bytes.with(61, 2)))).toBeNull();
  });
});
