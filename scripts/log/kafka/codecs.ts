/** Decompresses Kafka's record batches: gzip and zstd by the runtime, Snappy and LZ4 here. */
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { KAFKA_UNPACKED_BYTES_MAX } from "./kafka-limits.ts";

/** The compression types of a record batch, the lowest three bits of its attributes. */
export const CODEC_NAMES = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

/**
 * A compressed batch that is damaged, larger than KAFKA_UNPACKED_BYTES_MAX, or of an unknown type.
 */
export class CodecError extends Error {
  /**
   * The only name that kafkajs 2.2.4 doesn't retry; during retries --until-end would take the topic
   * for read.
   */
  override readonly name = "KafkaJSNotImplemented";
}

/** Decompresses the records of one batch by its codec number (1 to 4). Fails with CodecError. */
export function decompress(codec: number, packed: Uint8Array): Buffer {
  const name = CODEC_NAMES[codec];
  try {
    if (name === "gzip") return gunzipSync(packed, { maxOutputLength: KAFKA_UNPACKED_BYTES_MAX });
    if (name === "zstd") return zstdDecompressSync(packed, { maxOutputLength: KAFKA_UNPACKED_BYTES_MAX });
    if (name === "snappy") return unpackSnappy(Buffer.from(packed.buffer, packed.byteOffset, packed.length));
    if (name === "lz4") return unpackLz4(Buffer.from(packed.buffer, packed.byteOffset, packed.length));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CodecError(`A batch compressed with ${name} can't be read: ${why}`, { cause: error });
  }
  throw new CodecError(`A batch has the unknown compression type ${codec}`);
}

/** The bytes decompressed so far; doubles up to the limit. */
class Output {
  #bytes: Buffer;
  length = 0;

  constructor(expected: number) {
    this.#bytes = Buffer.allocUnsafe(Math.min(Math.max(expected, 64), KAFKA_UNPACKED_BYTES_MAX));
  }

  /** Copies [from, to) of the source. */
  literal(source: Buffer, from: number, to: number): void {
    if (to > source.length) throw new RangeError("it is cut off");
    this.#reserve(to - from);
    source.copy(this.#bytes, this.length, from, to);
    this.length += to - from;
  }

  /** Repeats `count` bytes from `back` bytes ago; the two ranges may overlap. */
  repeat(back: number, count: number, first = 0): void {
    const from = this.length - back;
    if (back <= 0 || from < first) throw new RangeError("a back-reference points before its start");
    this.#reserve(count);
    if (back >= count) this.#bytes.copyWithin(this.length, from, from + count);
    else for (let i = 0; i < count; i++) this.#bytes[this.length + i] = this.#bytes[from + i]!;
    this.length += count;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.length);
  }

  #reserve(count: number): void {
    const needed = this.length + count;
    if (needed > KAFKA_UNPACKED_BYTES_MAX) throw new RangeError(`it has more than ${KAFKA_UNPACKED_BYTES_MAX} bytes`);
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.min(KAFKA_UNPACKED_BYTES_MAX, Math.max(needed, this.#bytes.length * 2)));
    this.#bytes.copy(grown, 0, 0, this.length);
    this.#bytes = grown;
  }
}

/** Java's framing of Snappy: this, two version numbers, then blocks, each after its length. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

/**
 * Snappy in Java's framing, or one bare block (github.com/google/snappy/format_description.txt).
 */
function unpackSnappy(packed: Buffer): Buffer {
  const output = new Output(packed.length * 4);
  if (!packed.subarray(0, XERIAL.length).equals(XERIAL)) {
    snappyBlock(packed, 0, packed.length, output);
    return output.bytes;
  }
  for (let at = XERIAL_HEADER_BYTES; at < packed.length; ) {
    const end = at + 4 + packed.readUInt32BE(at);
    if (end > packed.length) throw new RangeError("it is cut off");
    snappyBlock(packed, at + 4, end, output);
    at = end;
  }
  return output.bytes;
}

function snappyBlock(packed: Buffer, start: number, end: number, output: Output): void {
  let at = start;
  let size = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = byteAt(packed, at++, end);
    size += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
    if (scale > 2 ** 28) throw new RangeError("its length is not a number");
  }
  const first = output.length;
  while (at < end) {
    const tag = packed[at++]!;
    if ((tag & 3) === 0) {
      let count = tag >> 2;
      if (count >= 60) {
        const bytes = count - 59;
        if (at + bytes > end) throw new RangeError("it is cut off");
        count = packed.readUIntLE(at, bytes);
        at += bytes;
      }
      if (at + count + 1 > end) throw new RangeError("it is cut off");
      output.literal(packed, at, at + count + 1);
      at += count + 1;
      continue;
    }
    const bytes = (tag & 3) === 3 ? 4 : tag & 3;
    if (at + bytes > end) throw new RangeError("it is cut off");
    const low = packed.readUIntLE(at, bytes);
    at += bytes;
    if (bytes === 1) output.repeat(((tag & 0xe0) << 3) | low, ((tag >> 2) & 7) + 4, first);
    else output.repeat(low, (tag >> 2) + 1, first);
  }
  if (output.length - first !== size) throw new RangeError("its length differs from the announced one");
}

/** Magic number and descriptor flags: github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md. */
const LZ4_MAGIC = 0x184d2204;
const LZ4_DICTIONARY = 0x01;
const LZ4_CONTENT_CHECKSUM = 0x04;
const LZ4_CONTENT_SIZE = 0x08;
const LZ4_BLOCK_CHECKSUM = 0x10;
const LZ4_STORED = 0x80000000;

/** LZ4 frames, one after another; checksums are skipped, since Kafka's own protects the batch. */
function unpackLz4(packed: Buffer): Buffer {
  const output = new Output(packed.length * 4);
  for (let at = 0; at < packed.length; ) {
    if (packed.readUInt32LE(at) !== LZ4_MAGIC) throw new RangeError("it does not begin with LZ4's magic number");
    const flags = byteAt(packed, at + 4, packed.length);
    if (flags >> 6 !== 1 || (flags & LZ4_DICTIONARY) !== 0)
      throw new RangeError("its version or dictionary is unknown");
    at += 7 + ((flags & LZ4_CONTENT_SIZE) === 0 ? 0 : 8);
    for (;;) {
      const word = packed.readUInt32LE(at);
      at += 4;
      if (word === 0) break;
      const end = at + (word % LZ4_STORED);
      if (end > packed.length) throw new RangeError("it is cut off");
      if (word >= LZ4_STORED) output.literal(packed, at, end);
      else lz4Block(packed, at, end, output);
      at = end + ((flags & LZ4_BLOCK_CHECKSUM) === 0 ? 0 : 4);
    }
    at += (flags & LZ4_CONTENT_CHECKSUM) === 0 ? 0 : 4;
  }
  return output.bytes;
}

function lz4Block(packed: Buffer, start: number, end: number, output: Output): void {
  let at = start;
  /** A length of four bits, continued by bytes while they are 255. */
  const lengthOf = (bits: number) => {
    let length = bits;
    if (bits < 15) return length;
    for (;;) {
      const byte = byteAt(packed, at++, end);
      length += byte;
      if (byte < 255) return length;
    }
  };
  while (at < end) {
    const token = packed[at++]!;
    const literals = lengthOf(token >> 4);
    if (at + literals > end) throw new RangeError("it is cut off");
    output.literal(packed, at, at + literals);
    at += literals;
    if (at === end) return;
    const back = byteAt(packed, at, end) | (byteAt(packed, at + 1, end) << 8);
    at += 2;
    output.repeat(back, lengthOf(token & 15) + 4);
  }
}

function byteAt(packed: Buffer, at: number, end: number): number {
  if (at >= end) throw new RangeError("it is cut off");
  return packed[at]!;
}
