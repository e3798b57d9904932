/** The stream's latencies are those that a process beside it sees, within a stated error. */
import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { nowUs } from "../../scripts/base/clock.ts";
import { openDataDir } from "../../scripts/base/data-dir.ts";
import { openLog, readToEnd } from "../../scripts/log/index.ts";
import { samplesOf } from "../../scripts/measure/buckets.ts";
import { histogramsOf, quiet, rowsOf, tempDir } from "../support/data.ts";
import { exchange } from "../support/feed.ts";
import { childOf, killStages, startProgram, startStage, until } from "../support/process.ts";

afterEach(killStages);

const TICKS = 1_500;
const STOP_MS = 2_000;

test("pipeline latency of 1,500 ticks, of which some wait for a stopped stream, against a watcher", async () => {
  using dir = tempDir();
  await using server = exchange({ trades: TICKS, speed: 30 });
  const data = ["--data", dir.path];
  const stream = startStage("stream", data);
  const watcher = startProgram(childOf("tick-watcher", [join(dir.path, "windows.db"), String(TICKS)]));
  const produce = startStage("produce", [...data, "--feed", server.url, "--until-end"]);
  const count = () => ticksOf(dir.path);
  await until("a third of the ticks", () => count() > TICKS / 3);
  stream.signal("SIGSTOP");
  await Bun.sleep(STOP_MS);
  stream.signal("SIGCONT");
  await until("all ticks", () => count() === TICKS);
  expect(await produce.ended).toBe(0);
  await stream.stop();
  const ended_us = nowUs();
  expect(await watcher.ended).toBe(0);

  const received_us = await receipts(dir.path);
  const [least, seen, most]: [number[], number[], number[]] = [[], [], []];
  const lines = watcher.printed().trim().split("\n");
  const changes = lines.map((line) => line.split(" ").map(Number) as [before_us: number, seen_us: number, n: number]);
  let tick = 0;
  for (const [i, [before_us, seen_us, ticks]] of changes.entries()) {
    const next_us = changes[i + 1]?.[1] ?? ended_us;
    for (; tick < ticks; tick++) {
      least.push(before_us - received_us[tick]!);
      seen.push(seen_us - received_us[tick]!);
      most.push(next_us - received_us[tick]!);
    }
  }
  const stored = histogramsOf(dir.path).pipeline!;
  expect([tick, samplesOf(stored)]).toEqual([TICKS, TICKS]);
  const stopped = seen.filter((us) => us > 500_000).length;
  expect(stopped).toBeGreaterThan(20);
  for (const share of [0.1, 0.5, 0.9, 0.95, 0.99]) {
    const shown_us = nth(
      stored.flatMap(([bucket, n]) => Array<number>(n).fill(bucket)),
      share,
    );
    // Never less than it was: no commit is earlier than the poll that did not see it.
    expect(shown_us).toBeGreaterThanOrEqual(nth(least, share));
    // At most a bucket more: the stream has read its clock before the change that was seen next.
    expect(shown_us).toBeLessThanOrEqual(nth(most, share) * (33 / 32));
  }
}, 300_000);

function nth(values: number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1]!;
}

/** Ticks that the stream has committed. */
function ticksOf(data: string): number {
  return rowsOf<{ ticks: number }>(data, "windows.db", "SELECT sum(ticks) AS ticks FROM products")[0]?.ticks ?? 0;
}

/** The receipt of each record, in the order of the log. */
async function receipts(data: string): Promise<number[]> {
  const log = await openLog("embedded:", openDataDir(data), { role: "reader", logger: quiet });
  const found: number[] = [];
  for await (const batch of readToEnd(log, { group: "tidemark-test" })) found.push(...batch.received_us);
  await log.close();
  return found;
}
