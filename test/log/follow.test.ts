/** The loop of a job: how often it commits while records trickle in. */
import { expect, test } from "bun:test";
import { openDataDir } from "../../scripts/base/data-dir.ts";
import type { LogBatch } from "../../scripts/contract/log.ts";
import { openEmbedded } from "../../scripts/log/embedded/embedded-log.ts";
import { after, countRecords, follow } from "../../scripts/log/follow.ts";
import { quiet, tempDir } from "../support/data.ts";
import { record } from "../support/log-records.ts";
import { until } from "../support/process.ts";

/** Follows a log: when each commit of records came, and of how many. */
async function following(gather_ms: number | undefined) {
  const dir = tempDir();
  const log = openEmbedded(openDataDir(dir.path), { role: "writer", logger: quiet });
  const commits: { at_ms: number; records: number }[] = [];
  const positions = new Map([[0, { next: 0, seen_us: 0 }]]);
  const job = {
    positions,
    assign: () => positions.get(0)!,
    revoke() {},
    allPositions: () => positions,
    handle(batches: LogBatch[]) {
      if (batches.length === 0) return;
      commits.push({ at_ms: performance.now(), records: countRecords(batches) });
      for (const [partition, position] of after(positions, batches)) positions.set(partition, position);
    },
    holds() {},
    isSpread: () => false,
  };
  const stop = new AbortController();
  const options = { group: "g", until_end: false, signal: stop.signal, records_max: 1_000, gather_ms, logger: quiet };
  let followed: Promise<void> | null = null;
  return {
    commits,
    append: (count: number) => log.append(Array.from({ length: count }, (_, i) => record("A", `${i}`))),
    start: () => {
      followed = follow(log, job, options);
    },
    has: (records: number) => until(`${records} records`, () => positions.get(0)!.next === records),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await followed;
      await log.close();
      dir[Symbol.dispose]();
    },
  };
}

test("a job that promises latency commits what comes at once", async () => {
  await using job = await following(undefined);
  job.start();
  for (let i = 1; i <= 25; i++) {
    await job.append(1);
    await job.has(i);
  }
  expect(job.commits.map(({ records }) => records)).toEqual(Array(25).fill(1));
});

test("a job without a promise of latency commits at intervals", async () => {
  await using job = await following(200);
  job.start();
  for (let i = 0; i < 60; i++) {
    await Bun.sleep(10);
    await job.append(1);
  }
  await job.has(60);
  const waits_ms = job.commits.slice(1).map(({ at_ms }, i) => at_ms - job.commits[i]!.at_ms);
  expect(waits_ms.length).toBeGreaterThan(0);
  // A timer may be early by a part of a millisecond.
  expect(Math.min(...waits_ms)).toBeGreaterThan(198);
});

test("it reads a backlog without pauses", async () => {
  const pause_ms = 100_000;
  await using job = await following(pause_ms);
  await job.append(8_000);
  job.start();
  await job.has(8_000);
  expect(job.commits.map(({ records }) => records)).toEqual(Array(8).fill(1_000));
  expect(job.commits.at(-1)!.at_ms - job.commits[0]!.at_ms).toBeLessThan(pause_ms);
});
