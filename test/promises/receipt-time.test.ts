/** Time that a tick waits for the log shows in its latencies: they count from the receipt at the socket. */
import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { nowUs } from "../../scripts/base/clock.ts";
import { ACK, scripted, tick } from "../support/feed.ts";
import { committedRecords, killStages, rowsOf, startStage, until } from "../support/kafka-stage.ts";
import { tempDir } from "../support/project.ts";

afterEach(killStages);

const TICKS = 250;
const EVERY_MS = 20;
const [LOCK_AT_MS, LOCK_MS, WAITED_US] = [1_000, 3_000, 2_000_000];

/** Buckets of one latency in windows.db, as [upper bound in µs, count]. */
const bucketsOf = (data: string, name: string) =>
  rowsOf<{ bucket: number; count: number }>(
    data,
    "windows.db",
    `SELECT bucket, count FROM latencies WHERE name = '${name}' ORDER BY bucket`,
  );
const countOf = (buckets: { bucket: number; count: number }[], least_us = 0) =>
  buckets.reduce((sum, { bucket, count }) => (bucket >= least_us ? sum + count : sum), 0);

test("log.db's write lock is held for 3 s: ingest and pipeline latency show at least 2 s for the ticks that waited", async () => {
  using dir = tempDir();
  await using server = scripted(async ({ send, socket }) => {
    send(ACK);
    for (let id = 1; id <= TICKS; id++) {
      send(tick(id, { time: new Date(nowUs() / 1_000).toISOString() }));
      await Bun.sleep(EVERY_MS);
    }
    socket.close(1000);
  });
  const args = ["--data", dir.path];
  startStage("stream", args);
  await until("stream has made its store", () => rowsOf(dir.path, "windows.db", "SELECT 1 FROM settings").length > 0);
  const produce = startStage("produce", [...args, "--feed", server.url, "--until-end"]);
  await until("ticks arrive", () => committedRecords(dir.path, "windows.db") > 0);
  await Bun.sleep(LOCK_AT_MS);
  const locked = new Database(join(dir.path, "log.db"));
  locked.exec("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE");
  await Bun.sleep(LOCK_MS);
  locked.exec("ROLLBACK");
  locked.close();
  expect(await produce.ended).toBe(0);
  const measured = () => countOf(bucketsOf(dir.path, "pipeline")) === TICKS;
  await until("stream has measured every tick", measured);

  const [ingest, pipeline] = [bucketsOf(dir.path, "ingest"), bucketsOf(dir.path, "pipeline")];
  const least = (0.8 * (LOCK_MS * 1_000 - WAITED_US)) / (EVERY_MS * 1_000);
  const newest_us = pipeline.at(-1)!.bucket;
  expect({ newest_us, waited: countOf(pipeline, WAITED_US) >= least }).toEqual({ newest_us, waited: true });
  expect(countOf(ingest)).toBe(TICKS);
  expect(countOf(ingest, WAITED_US)).toBeGreaterThanOrEqual(least);
}, 60_000);
