/** Receipt times in the embedded log: any clock steps, any mix of records and block versions. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { nowUs } from "../../../scripts/base/clock.ts";
import { openDataDir } from "../../../scripts/base/data-dir.ts";
import { openDatabase } from "../../../scripts/base/sqlite.ts";
import { lockStage } from "../../../scripts/command/stage-lock.ts";
import type { AppendRecord, LogBatch } from "../../../scripts/contract/log.ts";
import { decodeBlock, encodeBlock, joinBlocks, restamped } from "../../../scripts/log/embedded/block.ts";
import { type EmbeddedLog, LOG_SCHEMA, openEmbedded } from "../../../scripts/log/embedded/embedded-log.ts";
import { repairLog } from "../../../scripts/log/embedded/repair.ts";
import { sliceBatch } from "../../../scripts/log/shared/batches.ts";
import { quiet, ROOT, tempDir } from "../../support/data.ts";
import { bytesOf, record, restampBlocks } from "../../support/log-records.ts";

const NOW_US = Date.UTC(2026, 10, 27) * 1_000;
const FARTHEST_US = 2 ** 52;

/** Near the append time, after a clock step either way, or none that can be stored. */
const received = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: -300, max: 200_000 }).map((before) => NOW_US - before) },
  { weight: 3, arbitrary: fc.integer({ min: NOW_US - 10 * 365 * 86_400e6, max: NOW_US + 10 * 365 * 86_400e6 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, NOW_US, NOW_US - FARTHEST_US + 1, NOW_US + FARTHEST_US - 1) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(NOW_US - FARTHEST_US, NOW_US + FARTHEST_US, Number.NaN, NOW_US + 0.5, -Infinity),
  },
  { weight: 2, arbitrary: fc.constant(undefined) },
);
const records = fc.array(
  fc.record({
    key: fc.constantFrom("A", "BTC-USD", ""),
    value: fc.uint8Array({ maxLength: 300 }),
    received_us: received,
  }),
  { minLength: 1, maxLength: 40 },
) as fc.Arbitrary<AppendRecord[]>;

const stored = ({ received_us = Number.NaN }: AppendRecord): number =>
  Number.isInteger(received_us) && Math.abs(NOW_US - received_us) < FARTHEST_US ? received_us : Number.NaN;
const shown = (batch: LogBatch) =>
  Array.from({ length: batch.count }, (_, i) => [
    batch.key(i),
    Buffer.from(bytesOf(batch, i)).toString("hex"),
    batch.offsets[i],
    batch.appended_us[i],
    batch.received_us[i],
  ]);
const wanted = (block: AppendRecord[], base: number, received_us = stored) =>
  block.map((one, i) => [one.key, Buffer.from(one.value).toString("hex"), base + i, NOW_US, received_us(one)]);

/** The same block as version 1 wrote it. */
function asVersion1(block: Uint8Array): Uint8Array {
  const view = new DataView(block.buffer, block.byteOffset);
  const old = block.slice(0, view.getUint32(24 + 4 * view.getUint32(4, true), true));
  old.set([0x54, 0x4d, 0x42, 0x31]);
  return old;
}

test("any receipt times come back exactly; what is not a time near the append comes back as none", () => {
  const property = fc.property(records, fc.nat(1_000), (block, base) => {
    const bytes = encodeBlock(block, 0, block.length, base, NOW_US);
    expect(shown(decodeBlock(0, bytes))).toEqual(wanted(block, base));
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect(shown(decodeBlock(0, shifted.subarray(3)))).toEqual(wanted(block, base));
  });
  fc.assert(property, { numRuns: 300 });
});

test("blocks of both versions in any mix are one batch, and its parts have the same times", () => {
  const block = fc.record({ block: records, old: fc.boolean() });
  const property = fc.property(fc.array(block, { minLength: 1, maxLength: 8 }), fc.nat(50), (blocks, cut) => {
    let base = 0;
    const expected: ReturnType<typeof shown> = [];
    const bytes = blocks.map(({ block, old }) => {
      const whole = encodeBlock(block, 0, block.length, base, NOW_US);
      expected.push(...wanted(block, base, old ? () => Number.NaN : stored));
      base += block.length;
      if (old)
        expect(shown(decodeBlock(0, asVersion1(whole))).map((one) => one[4])).toEqual(block.map(() => Number.NaN));
      return old ? asVersion1(whole) : whole;
    });
    const joined = joinBlocks(0, bytes, base);
    expect(shown(joined)).toEqual(expected);
    const [from, to] = [Math.min(cut, base - 1), base];
    expect(shown(sliceBatch(joined, from, to))).toEqual(expected.slice(from, to));
  });
  fc.assert(property, { numRuns: 200 });
});

test("another append time moves the receipt times with it: what a record waited for the log stays", () => {
  const property = fc.property(records, fc.integer({ min: -86_400e6, max: 86_400e6 }), (block, step) => {
    const bytes = restamped(encodeBlock(block, 0, block.length, 7, NOW_US), NOW_US + step);
    const { appended_us, received_us } = decodeBlock(0, bytes);
    expect([...appended_us]).toEqual(block.map(() => NOW_US + step));
    expect([...received_us]).toEqual(block.map((one) => stored(one) + step));
  });
  fc.assert(property);
});

async function all(log: EmbeddedLog): Promise<LogBatch[]> {
  return Array.fromAsync(log.readLast(1_000_000));
}

test("a log of version 1 opens without a copy, continues, and is read with the blocks of both versions", async () => {
  using dir = tempDir();
  const paths = openDataDir(dir.path);
  writeFileSync(paths.log, gunzipSync(readFileSync(join(ROOT, "test/fixtures/v1/log.db.gz"))));
  const log = openEmbedded(paths, { role: "writer", logger: quiet });
  const before = (await log.spans())[0]!.end;
  const received_us = nowUs() - 5_000;
  await log.append([{ ...record("A", "new"), received_us }, record("A", "without")]);
  const times = (await all(log)).flatMap((batch) => [...batch.received_us]);
  expect(times).toEqual([...Array.from({ length: before }, () => Number.NaN), received_us, Number.NaN]);
  expect(existsSync(`${paths.log}.v1.bak`)).toBe(false);
  await log.close();
  // The last release knows version 1, and reports this one as newer.
  const older = () => openDatabase(paths.log, { ...LOG_SCHEMA, version: 1 }, "FULL");
  expect(older).toThrow("log.db was written by a newer Tidemark (schema 2, this one knows 1).");
});

test("a block of a version that this program doesn't know is refused with a sentence, not called damaged", async () => {
  using dir = tempDir();
  const paths = openDataDir(dir.path);
  const log = openEmbedded(paths, { role: "writer", logger: quiet });
  await log.append([record("A", "one")]);
  const db = new Database(paths.log);
  const { payload } = db.query<{ payload: Uint8Array }, []>("SELECT payload FROM blocks").get()!;
  payload.set([0x54, 0x4d, 0x42, 0x33]);
  db.query("UPDATE blocks SET payload = ?, checksum = ?").run(payload, Bun.hash.crc32(payload));
  db.close();
  expect(all(log)).rejects.toMatchObject({
    code: "SCHEMA_NEWER",
    message: expect.stringContaining("the block at offset 0 of partition 0 has a format that this one doesn't know"),
  });
  await log.close();
});

test("retention and the repair of append times keep receipt times, and the log verifies", async () => {
  using dir = tempDir();
  const paths = openDataDir(dir.path);
  const log = openEmbedded(paths, { role: "writer", logger: quiet });
  for (let i = 0; i < 4; i++) await log.append([{ ...record("A", `${i}`), received_us: nowUs() - 1_000 * (i + 1) }]);
  await log.retain({ before: new Map([[0, 1]]) });
  const waits = async (of: EmbeddedLog) =>
    (await all(of)).flatMap(({ appended_us, received_us }) => [...appended_us].map((a, i) => a - received_us[i]!));
  const waited = await waits(log);
  expect(waited.map((us, i) => us >= 1_000 * (i + 2))).toEqual([true, true, true]);
  await log.close();
  const future_us = nowUs() + 3_650 * 86_400e6;
  restampBlocks(paths.log, [
    [2, future_us],
    [3, future_us],
  ]);
  expect(repairLog(paths, quiet, (stage) => lockStage(paths, stage)).records).toBe(2);
  const repaired = openEmbedded(paths, { role: "writer", logger: quiet });
  expect(await waits(repaired)).toEqual(waited);
  await repaired.verify("job", new Map([[0, { next: 4, seen_us: 0 }]]));
  await repaired.close();
});
