/** Each codec's decoder with another implementation's compressor, and with damaged bytes. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { CodecError, decompress } from "../../../scripts/log/kafka/codecs.ts";
import { KAFKA_UNPACKED_BYTES_MAX } from "../../../scripts/log/kafka/kafka-limits.ts";
import { COMPRESSORS } from "../../support/compressors.ts";

/** Runs, repeats, near repeats and noise: input for every kind of token. */
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
