/** Compresses as producers do, with other implementations than the decoders under test. */
import { createRequire } from "node:module";
import { gzipSync, zstdCompressSync } from "node:zlib";

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

export const COMPRESSORS: [name: string, codec: number, compress: (bytes: Buffer) => Buffer][] = [
  ["gzip", 1, (bytes) => gzipSync(bytes)],
  ["snappy in Java's framing", 2, xerial],
  ["snappy without a frame", 2, (bytes) => snappyCompress(bytes)],
  ["lz4", 3, (bytes) => lz4Compress(bytes)],
  ["zstd", 4, (bytes) => zstdCompressSync(bytes)],
];
