/** The loop of a job: how often it commits while records trickle in. */
import { expect, test } from "bun:test";
import { openDataDir } from "../../scripts/base/data-dir.ts";
import type { LogBatch } from "../../scripts/contract/log.ts";
import { openEmbedded } from "../../scripts/log/embedded/embedded-log.ts";
import { after, countRecords, follow } from "../../scripts/log/follow.ts";
import { quiet, tempDir } from "../support/data.ts";
import { record } from "../support/log-records.ts";

/** Follows a log that gets a record every 10 ms; returns the records of each commit. */
async function commits(gather_ms: number | undefined, backlog: number, trickle: number): Promise<number[]> {
  using dir = tempDir();
  const log = openEmbedded(openDataDir(dir.path), { role: "writer", logger: quiet });
  await log.append(Array.from({ length: backlog }, (_, i) => record("A", `${i}`)));
  const handled: number[] = [];
  const positions = new Map([[0, { next: 0, seen_us: 0 }]]);
  const job = {
    positions,
    assign: () => positions.get(0)!,
    revoke() {},
    allPositions: () => positions,
    handle(batches: LogBatch[]) {
      if (batches.length === 0) return;
      handled.push(countRecords(batches));
      for (const [partition, position] of after(positions, batches)) positions.set(partition, position);
    },
    holds() {},
    isSpread: () => false,
  };
  const stop = new AbortController();
  const options = { group: "g", until_end: false, signal: stop.signal, records_max: 1_000, gather_ms, logger: quiet };
  const followed = follow(log, job, options);
  for (let i = 0; i < trickle; i++) {
    await Bun.sleep(10);
    await log.append([record("A", "more")]);
  }
  await Bun.sleep(2 * (gather_ms ?? 0) + 100);
  stop.abort();
  await followed;
  await log.close();
  expect(handled.reduce((sum, n) => sum + n, 0)).toBe(backlog + trickle);
  return handled;
}

test("a job without a promise of latency commits at intervals, and reads a backlog without pauses", async () => {
  const often = await commits(undefined, 0, 60);
  expect(often.length).toBeGreaterThan(20);
  const seldom = await commits(200, 0, 60);
  // 60 records take 0.6 s or, on a busy machine, more.
  expect(seldom.length).toBeLessThan(often.length / 2);
  const started_ms = performance.now();
  expect((await commits(200, 8_000, 0)).slice(0, 8)).toEqual(Array(8).fill(1_000));
  expect(performance.now() - started_ms).toBeLessThan(8 * 200);
});
