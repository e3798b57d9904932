/** A path from a scripted feed to windows.db whose log takes no records for a while. */
import { expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { nowUs } from "../../scripts/base/clock.ts";
import type { Buckets } from "../../scripts/contract/measures.ts";
import { committedRecords, histogramsOf, rowsOf } from "./data.ts";
import { ACK, scripted, tick } from "./feed.ts";
import { startStage, until } from "./process.ts";

const EVERY_MS = 20;
/** Ticks before the stall, and those that wait for its end. */
const [CALM, WAITING] = [50, 50];
/** How long the log takes nothing after `produce` has received them. */
const WAITED_US = 2_000_000;

const countOf = (buckets: Buckets, least_us = Number.NEGATIVE_INFINITY) =>
  buckets.reduce((sum, [bucket, count]) => (bucket >= least_us ? sum + count : sum), 0);

/**
 * Runs produce and stream while `stall` stops the log until its result is called. Expects at least
 * 2 s of ingest and of pipeline latency for the ticks that waited.
 */
export async function expectStallInLatencies(data: string, url: string, stall: () => () => void): Promise<void> {
  const bucketsOf = (name: string): Buckets => histogramsOf(data)[name] ?? [];
  let [sent, isOver] = [0, false];
  await using server = scripted(async ({ send, socket }) => {
    send(ACK);
    while (!isOver) {
      send(tick(++sent, { time: new Date(nowUs() / 1_000).toISOString() }));
      await Bun.sleep(EVERY_MS);
    }
    socket.close(1000);
  });
  const args = ["--data", data, "--log", url];
  startStage("stream", args);
  await until("stream has made its store", () => rowsOf(data, "windows.db", "SELECT 1 FROM settings").length > 0);
  const produce = startStage("produce", [...args, "--feed", server.url, "--until-end"]);
  await until("ticks arrive", () => committedRecords(data, "windows.db") >= CALM);
  const release = stall();
  const before = sent;
  await until("produce has received those that wait", () => receivedBy(data) >= before + WAITING);
  await Bun.sleep(WAITED_US / 1_000);
  release();
  isOver = true;
  expect(await produce.ended).toBe(0);
  await until("stream has measured every tick", () => countOf(bucketsOf("pipeline")) === sent);

  const [ingest, pipeline] = [bucketsOf("ingest"), bucketsOf("pipeline")];
  expect(countOf(pipeline, WAITED_US)).toBeGreaterThanOrEqual(WAITING);
  expect(countOf(ingest)).toBe(sent);
  expect(countOf(ingest, WAITED_US)).toBeGreaterThanOrEqual(WAITING);
  const unreceived = rowsOf<{ value: number }>(
    data,
    "windows.db",
    "SELECT value FROM counters WHERE name = 'run_unreceived'",
  );
  expect(unreceived).toEqual([{ value: 0 }]);
}

/** Ticks that have left the socket, as `produce` reports them every second. */
function receivedBy(data: string): number {
  const path = join(data, "feed.json");
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).ticks : 0;
}
