/** The first tick that a reader has not read, in an embedded log: since when an answer lacks something. */
import { expect, test } from "bun:test";
import { rmSync, utimesSync } from "node:fs";
import { openDataDir } from "../../../scripts/base/data-dir.ts";
import type { AppendRecord } from "../../../scripts/contract/log.ts";
import { logEnds } from "../../../scripts/log/ends.ts";
import { openLog } from "../../../scripts/log/open.ts";
import { Judge } from "../../../scripts/message/judge.ts";
import { quiet, recordedLines, tempDir } from "../../support/data.ts";

const NOW_US = Date.now() * 1_000;
const LINES = recordedLines().slice(0, 200);
const encoder = new TextEncoder();

/** Record i was received i ms after NOW_US. */
function record(product: string, i: number, line = LINES[i % LINES.length]!): AppendRecord {
  const value = encoder.encode(line.replace('"product_id":"BTC-USD"', `"product_id":"${product}"`));
  return { key: product, value, received_us: NOW_US + i * 1_000 };
}

async function filled(appends: AppendRecord[][], partitions = 1) {
  const dir = tempDir();
  const paths = openDataDir(dir.path);
  let log = await openLog("embedded:", paths, { role: "writer", logger: quiet, partitions });
  for (const records of appends) await log.append(records);
  const judge = new Judge();
  let judged = 0;
  const ends = logEnds("embedded:", paths, quiet, (bytes) => {
    judged++;
    return judge.tick(bytes)?.product_id ?? null;
  });
  await ends.ask();
  return {
    log,
    /** Deletes the log, and creates another one. */
    async replace(records: AppendRecord[]) {
      await log.close();
      for (const ending of ["", "-wal", "-shm"]) rmSync(paths.log + ending, { force: true });
      log = await openLog("embedded:", paths, { role: "writer", logger: quiet, partitions });
      await log.append(records);
      await ends.ask();
    },
    /** Changes the file's time as a checkpoint does. */
    touch: () => utimesSync(paths.log, NOW_US / 1e6, NOW_US / 1e6 + 9),
    judged: () => judged,
    first: (product: string, positions: [partition: number, next: number][], reader = "stream") => {
      const found = ends.firstTick!(reader, new Map(positions), product);
      return found?.received_us == null ? found?.received_us : (found.received_us - NOW_US) / 1_000;
    },
    ends,
    async [Symbol.asyncDispose]() {
      ends.reset();
      await log.close();
      dir[Symbol.dispose]();
    },
  };
}

test("the receipt of the first tick of the product at the position or after it, in the middle of a block too; heartbeats are none", async () => {
  const beat = record("BTC-USD", 3, '{"type":"heartbeat","product_id":"BTC-USD","time":"2023-09-05T16:00:00Z"}');
  const first = [record("BTC-USD", 0), record("ETH-USD", 1), record("BTC-USD", 2), beat];
  await using here = await filled([first, [record("ETH-USD", 4)], [record("BTC-USD", 5)]]);
  const from = (next: number) => [here.first("BTC-USD", [[0, next]]), here.first("ETH-USD", [[0, next]])];
  expect([from(0), from(1), from(3), from(5), from(6)]).toEqual([[0, 1], [2, 1], [5, 4], [5, null], [null, null]]); // biome-ignore format: pairs
});

test("a question reads only what the one before has not; an append is found", async () => {
  await using here = await filled([[record("BTC-USD", 0)], [record("BTC-USD", 1)], [record("ETH-USD", 2)]]);
  expect(here.first("SOL-USD", [[0, 1]])).toBeNull();
  const judged = here.judged();
  expect([here.first("SOL-USD", [[0, 1]]), here.judged() - judged]).toEqual([null, 0]);
  await here.log.append([record("SOL-USD", 3)]);
  await here.ends.ask();
  expect([here.first("SOL-USD", [[0, 1]]), here.judged() - judged]).toEqual([3, 1]);
  expect(here.first("BTC-USD", [[0, 2]], "batch")).toBeNull();
});

test("of several partitions it is the earliest; one that was never read counts from its start", async () => {
  const records = ["A-B", "C-D", "E-F", "G-H"].map((product, i) => record(product, i));
  await using here = await filled([records], 3);
  const spans = await here.log.spans();
  const all = spans.map(({ partition, end }): [number, number] => [partition, end]);
  for (const [i, product] of ["A-B", "C-D", "E-F", "G-H"].entries())
    expect([here.first(product, []), here.first(product, all)]).toEqual([i, null]);
});

test("a tick further away than one question reads is not known yet, and is found by the next ones", async () => {
  const many = Array.from({ length: 25_000 }, (_, i) => record("BTC-USD", i));
  await using here = await filled([many, [record("ETH-USD", 30_000)]]);
  const asked = [1, 2, 3, 4].map(() => here.first("ETH-USD", [[0, 0]]));
  expect(asked.at(-1)).toBe(30_000);
  expect(asked[0]).toBeUndefined();
});

test("of a log that was created again nothing is known from the one before", async () => {
  await using here = await filled([[record("BTC-USD", 0)]]);
  expect(here.first("BTC-USD", [[0, 0]])).toBe(0);
  await here.replace([record("BTC-USD", 700)]);
  expect(here.first("BTC-USD", [[0, 0]])).toBe(700);
});

test("a checkpoint of the log lets what was read of it stay known", async () => {
  await using here = await filled([[record("BTC-USD", 0)]]);
  here.first("BTC-USD", [[0, 0]]);
  const judged = here.judged();
  here.touch();
  await here.ends.ask();
  expect([here.first("BTC-USD", [[0, 0]]), here.judged() - judged]).toEqual([0, 0]);
});
