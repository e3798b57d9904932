/** A path from a scripted feed to windows.db whose log takes no records for three seconds. */
import { expect } from "bun:test";
import { nowUs } from "../../scripts/base/clock.ts";
import type { Buckets } from "../../scripts/contract/measures.ts";
import { committedRecords, histogramsOf, rowsOf } from "./data.ts";
import { ACK, scripted, tick } from "./feed.ts";
import { startStage, until } from "./process.ts";

const TICKS = 250;
const EVERY_MS = 20;
const [STALL_AT_MS, STALL_MS, WAITED_US] = [1_000, 3_000, 2_000_000];
/** Four of five ticks that come in the stall's first second. */
const WAITING_LEAST = (0.8 * (STALL_MS * 1_000 - WAITED_US)) / (EVERY_MS * 1_000);

const countOf = (buckets: Buckets, least_us = Number.NEGATIVE_INFINITY) =>
  buckets.reduce((sum, [bucket, count]) => (bucket >= least_us ? sum + count : sum), 0);

/**
 * Runs produce and stream while `stall` stops the log until its result is called. Expects at least
 * 2 s of ingest and of pipeline latency for the ticks that waited.
 */
export async function expectStallInLatencies(data: string, url: string, stall: () => () => void): Promise<void> {
  const bucketsOf = (name: string): Buckets => histogramsOf(data)[name] ?? [];
  await using server = scripted(async ({ send, socket }) => {
    send(ACK);
    for (let id = 1; id <= TICKS; id++) {
      send(tick(id, { time: new Date(nowUs() / 1_000).toISOString() }));
      await Bun.sleep(EVERY_MS);
    }
    socket.close(1000);
  });
  const args = ["--data", data, "--log", url];
  startStage("stream", args);
  await until("stream has made its store", () => rowsOf(data, "windows.db", "SELECT 1 FROM settings").length > 0);
  const produce = startStage("produce", [...args, "--feed", server.url, "--until-end"]);
  await until("ticks arrive", () => committedRecords(data, "windows.db") > 0);
  await Bun.sleep(STALL_AT_MS);
  const release = stall();
  await Bun.sleep(STALL_MS);
  release();
  expect(await produce.ended).toBe(0);
  await until("stream has measured every tick", () => countOf(bucketsOf("pipeline")) === TICKS);

  const [ingest, pipeline] = [bucketsOf("ingest"), bucketsOf("pipeline")];
  const newest_us = pipeline.at(-1)![0];
  const waited = countOf(pipeline, WAITED_US) >= WAITING_LEAST;
  expect({ newest_us, waited }).toEqual({ newest_us, waited: true });
  expect(countOf(ingest)).toBe(TICKS);
  expect(countOf(ingest, WAITED_US)).toBeGreaterThanOrEqual(WAITING_LEAST);
  const unreceived = rowsOf<{ value: number }>(
    data,
    "windows.db",
    "SELECT value FROM counters WHERE name = 'run_unreceived'",
  );
  expect(unreceived).toEqual([{ value: 0 }]);
}
