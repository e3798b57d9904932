/** Every codec's own decoder against another implementation's compressor, and against damage. No broker needed. */
import { expect, test } from "bun:test";
import { createRequire } from "node:module";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { KAFKA_UNPACKED_BYTES_MAX } from "../../scripts/common/limits.ts";
import { CodecError, decompress } from "../../scripts/log/kafka-codecs.ts";

// WebAssembly builds of the original libraries, which the foreign client of the tests brings.
const require = createRequire(createRequire(import.meta.url).resolve("@platformatic/kafka"));
const { lz4Compress, snappyCompress } = require("@platformatic/wasm-utils");

/** As Java's producer does: blocks of 32 kB behind a header. */
function xerial(bytes: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])];
  for (let at = 0; at < bytes.length; at += 32_768) {
    const block: Buffer<ArrayBuffer> = snappyCompress(bytes.subarray(at, at + 32_768));
    const size = Buffer.alloc(4);
    size.writeUInt32BE(block.length);
    parts.push(size, block);
  }
  return Buffer.concat(parts);
}

const COMPRESSORS: [name: string, codec: number, compress: (bytes: Buffer) => Buffer][] = [
  ["gzip", 1, (bytes) => gzipSync(bytes)],
  ["snappy in Java's framing", 2, xerial],
  ["snappy without a frame", 2, (bytes) => snappyCompress(bytes)],
  ["lz4", 3, (bytes) => lz4Compress(bytes)],
  ["zstd", 4, (bytes) => zstdCompressSync(bytes)],
];

/** Runs, repeats, near repeats and noise: what makes compressors use each of their forms. */
const piece = fc.oneof(
  fc.tuple(fc.nat(255), fc.integer({ min: 1, max: 3_000 })).map(([byte, n]) => Buffer.alloc(n, byte)),
  fc
    .tuple(fc.string({ minLength: 1, maxLength: 80 }), fc.integer({ min: 1, max: 200 }))
    .map(([text, n]) => Buffer.from(text.repeat(n))),
  fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
);
const content = fc.array(piece, { minLength: 1, maxLength: 40 }).map((pieces) => Buffer.concat([...pieces, ...pieces]));

test.each(COMPRESSORS)("%s: any bytes come back", (_, codec, compress) => {
  fc.assert(
    fc.property(content, (bytes) => Buffer.compare(decompress(codec, compress(bytes)), bytes) === 0),
    { numRuns: 100 },
  );
});

test.each(COMPRESSORS)(
  "%s: damaged or cut bytes are an error or other bytes, never a hang or a crash",
  (_, codec, compress) => {
    const damage = fc.tuple(content, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean());
    fc.assert(
      fc.property(damage, ([bytes, where, flip, cut]) => {
        const packed = Buffer.from(compress(bytes));
        const at = where % packed.length;
        packed[at]! ^= flip;
        try {
          expect(decompress(codec, cut ? packed.subarray(0, at) : packed).length).toBeLessThanOrEqual(
            KAFKA_UNPACKED_BYTES_MAX,
          );
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError);
        }
      }),
      { numRuns: 200 },
    );
  },
);

test.each(COMPRESSORS)("%s: what would unpack to more than the limit is refused", (name, codec, compress) => {
  expect(() => decompress(codec, compress(Buffer.alloc(KAFKA_UNPACKED_BYTES_MAX + 1, 65)))).toThrow(CodecError);
  expect(decompress(codec, compress(Buffer.alloc(3_000_000, 65))).length, name).toBe(3_000_000);
});

test("an unknown codec is named", () => {
  expect(() => decompress(6, Buffer.alloc(4))).toThrow("unknown compression type 6");
});
