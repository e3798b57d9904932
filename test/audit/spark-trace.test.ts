/** Spark's checkpoint and progress as a trace: batches, watermarks, offsets, what never committed. */
import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readSparkTrace } from "../../scripts/audit/index.ts";
import { tempDir } from "../support/data.ts";

/** A checkpoint as Spark 4 writes it; offsets are of partitions 0 and 1. */
function checkpoint(root: string, batches: { ends: [number, number]; watermark: number }[], committed: number): string {
  for (const folder of ["offsets", "commits", "sources/0"]) mkdirSync(join(root, folder), { recursive: true });
  for (const [n, { ends, watermark }] of batches.entries()) {
    const metadata = JSON.stringify({ batchWatermarkMs: watermark, batchTimestampMs: 1, conf: {} });
    writeFileSync(join(root, "offsets", String(n)), `v1\n${metadata}\n{"raw_prices":{"1":${ends[1]},"0":${ends[0]}}}`);
    writeFileSync(join(root, "offsets", `.${n}.crc`), "crc");
    if (n < committed) writeFileSync(join(root, "commits", String(n)), 'v1\n{"nextBatchWatermarkMs":0}');
  }
  writeFileSync(join(root, "sources/0/0"), '\u0000v1\n{"raw_prices":{"0":5,"1":0}}');
  return root;
}

test("a checkpoint: watermarks, ends and begins by partition; in the order of numbers, not of names", () => {
  using dir = tempDir();
  const batches = Array.from({ length: 12 }, (_, n) => ({
    ends: [10 * n + 10, n] as [number, number],
    watermark: n * 1_000,
  }));
  const trace = readSparkTrace(checkpoint(dir.path, batches, 12));
  expect(trace.batches.map(({ batch }) => batch)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  expect(trace.batches[11]).toEqual({
    batch: 11,
    watermark_ms: 11_000,
    ends: new Map([
      [0, 120],
      [1, 11],
    ]),
  });
  expect(trace.begins).toEqual(
    new Map([
      [0, 5],
      [1, 0],
    ]),
  );
});

test("a batch that was planned and never committed is left out", () => {
  using dir = tempDir();
  const trace = readSparkTrace(
    checkpoint(
      dir.path,
      [
        { ends: [10, 1], watermark: 0 },
        { ends: [20, 2], watermark: 500 },
      ],
      1,
    ),
  );
  expect(trace.batches).toHaveLength(1);
});

test("progress as JSON lines is the same trace; the last line of a batch counts", () => {
  using dir = tempDir();
  const file = join(dir.path, "progress.jsonl");
  const line = (batchId: number, watermark: string, from: number | null, to: number) =>
    JSON.stringify({
      batchId,
      eventTime: { watermark },
      sources: [
        { startOffset: from === null ? null : { raw_prices: { 0: from } }, endOffset: { raw_prices: { 0: to } } },
      ],
    });
  writeFileSync(
    file,
    [
      line(0, "1970-01-01T00:00:00.000Z", null, 10),
      line(1, "2023-09-05T16:00:00.123Z", 10, 25),
      line(1, "2023-09-05T16:00:00.123Z", 25, 25),
      line(2, "2023-09-05T16:01:00.000Z", 25, 30),
    ].join("\n"),
  );
  const { batches } = readSparkTrace(file);
  expect(batches.map(({ batch, watermark_ms, ends }) => [batch, watermark_ms, ends.get(0)])).toEqual([
    [0, 0, 10],
    [1, Date.UTC(2023, 8, 5, 16, 0, 0, 123), 25],
    [2, Date.UTC(2023, 8, 5, 16, 1), 30],
  ]);
});

test("what is neither is refused with what to give", () => {
  using dir = tempDir();
  mkdirSync(join(dir.path, "empty"));
  writeFileSync(join(dir.path, "other.csv"), "a,b\n1,2\n");
  mkdirSync(join(dir.path, "torn", "offsets"), { recursive: true });
  mkdirSync(join(dir.path, "torn", "commits"));
  writeFileSync(join(dir.path, "torn", "offsets", "0"), "v1\n{}");
  writeFileSync(join(dir.path, "torn", "commits", "0"), "v1\n{}");
  for (const name of ["empty", "other.csv", "torn", "nothing"])
    expect(() => readSparkTrace(join(dir.path, name))).toThrow(/is not a checkpoint of Spark Structured Streaming/);
});
