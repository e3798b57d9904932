/** What stream stores for the measures: samples over a kill, closings, and the curve of completeness. */
import { afterEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nowUs } from "../../scripts/base/clock.ts";
import { openDataDir } from "../../scripts/base/data-dir.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import type { AnswerSample, Closing } from "../../scripts/contract/measures.ts";
import { openLog } from "../../scripts/log/open.ts";
import { histogramsOf, quiet, rowsOf, tempDir } from "../support/data.ts";
import { tick } from "../support/feed.ts";
import { killStages, run, startStage, until } from "../support/process.ts";

afterEach(killStages);

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;

interface Sent {
  message: object;
  received_us?: number;
}

/** Appends messages with their receipts in one block. */
async function append(data: string, sent: Sent[]): Promise<void> {
  const log = await openLog("embedded:", openDataDir(data), { role: "writer", logger: quiet });
  const value = (message: object) => new TextEncoder().encode(JSON.stringify(message));
  await log.append(sent.map(({ message, received_us }) => ({ key: "BTC-USD", value: value(message), received_us })));
  await log.close();
}

const tickAt = (trade_id: number, time_us: number) => tick(trade_id, { time: isoFromUs(time_us) });
const heartbeatAt = (time_us: number) => ({ type: "heartbeat", product_id: "BTC-USD", time: isoFromUs(time_us) });
const samplesIn = (data: string) =>
  rowsOf<AnswerSample>(data, "windows.db", "SELECT * FROM answer_samples ORDER BY at_us");

test("after a kill the seconds without a stream are filled, and ticks that came meanwhile were waiting", async () => {
  using dir = tempDir();
  const args = ["--data", dir.path];
  const [first_us, second_us] = [nowUs(), nowUs() + 1];
  await append(dir.path, [{ message: tickAt(1, first_us), received_us: first_us }]);
  const killed = startStage("stream", args);
  await until("two samples are stored", () => samplesIn(dir.path).length >= 2);
  await killed.stop("SIGKILL");
  const received_us = nowUs();
  await append(dir.path, [{ message: tickAt(2, second_us), received_us }]);
  await Bun.sleep(3_100);
  const stream = startStage("stream", args);
  await until("the second tick is in a sample", () => samplesIn(dir.path).some((s) => s.answer_us === second_us));
  expect(await stream.stop()).toBe(0);

  const samples = samplesIn(dir.path);
  expect(samples.map(({ at_us }) => at_us)).toEqual(samples.map((_, i) => samples[0]!.at_us + i * SECOND));
  const waited = samples.filter(({ waiting_us }) => waiting_us !== null);
  expect(waited.length).toBeGreaterThanOrEqual(3);
  expect(waited.map(({ at_us, ...sample }) => [at_us >= received_us, sample])).toEqual(
    waited.map(() => [
      true,
      { product_id: "BTC-USD", answer_us: first_us, received_us: second_us, waiting_us: received_us },
    ]),
  );
  expect(samples.at(-1)).toMatchObject({ answer_us: second_us, received_us: second_us, waiting_us: null });
}, 300_000);

test("slices are those of one process, also when it follows another at once", async () => {
  using dir = tempDir();
  const counted = () => histogramsOf(dir.path).pipeline?.reduce((sum, [, count]) => sum + count, 0);
  for (const [run_id, ticks] of [3, 4].entries()) {
    const message = (i: number) => tickAt(10 * run_id + i, nowUs());
    await append(
      dir.path,
      Array.from({ length: ticks }, (_, i) => ({ message: message(i), received_us: nowUs() })),
    );
    expect((await run("stream", ["--data", dir.path, "--until-end"])).code).toBe(0);
    expect(counted()).toBe(ticks);
  }
  // A killed process's figures stay for some seconds: the next one waits, and loses nothing.
  const killed = startStage("stream", ["--data", dir.path]);
  await append(dir.path, [{ message: tickAt(30, nowUs()), received_us: nowUs() }]);
  await until("it has counted a tick", () => counted() === 1);
  await killed.stop("SIGKILL");
  await append(
    dir.path,
    [31, 32].map((id) => ({ message: tickAt(id, nowUs()), received_us: nowUs() })),
  );
  const stream = startStage("stream", ["--data", dir.path]);
  await until("the next has the figures", () => counted() === 2);
  await stream.stop();
  expect(counted()).toBe(2);
}, 300_000);

test("closings have the record that closed a window with its times; those of --flush have no row", async () => {
  using dir = tempDir();
  const start_us = Math.floor(nowUs() / MINUTE) * MINUTE - 10 * MINUTE;
  const received_us = nowUs() - SECOND;
  await append(dir.path, [
    { message: tickAt(1, start_us), received_us },
    { message: tickAt(2, start_us + MINUTE + 7 * SECOND), received_us: received_us + 1 },
    { message: tickAt(3, start_us + 2 * MINUTE) },
    { message: tickAt(4, start_us + 2 * MINUTE + SECOND), received_us: received_us + 2 },
    { message: heartbeatAt(start_us + 5 * MINUTE) },
    { message: tickAt(5, start_us + 6 * MINUTE), received_us: received_us + 4 },
  ]);
  const ran = await run("stream", ["--data", dir.path, "--until-end", "--flush", "--window", "1m", "--lateness", "5s"]);
  expect(ran.code).toBe(0);
  const closings = rowsOf<Closing>(dir.path, "windows.db", "SELECT * FROM closings ORDER BY seq");
  const rows = rowsOf<{ window_start_us: number; updated_at: number }>(
    dir.path,
    "windows.db",
    "SELECT * FROM windows WHERE final = 1 ORDER BY window_start_us",
  );
  const [appended] = rowsOf<{ received_us: number }>(
    dir.path,
    "windows.db",
    `SELECT received_us FROM windows WHERE window_start_us = ${start_us + 2 * MINUTE}`,
  );
  const closedBy = [
    { log_offset: 1, closed_time_us: start_us + MINUTE + 7 * SECOND, received_us: received_us + 1, is_appended: 0 },
    { log_offset: 4, closed_time_us: start_us + 5 * MINUTE, received_us: appended!.received_us, is_appended: 1 },
    { log_offset: 4, closed_time_us: start_us + 5 * MINUTE, received_us: appended!.received_us, is_appended: 1 },
  ];
  expect(closings).toEqual(
    closedBy.map((by, i) => ({
      ...{ seq: i + 1, product_id: "BTC-USD", size_us: MINUTE, log_partition: 0 },
      ...{ window_start_us: start_us + i * MINUTE, window_end_us: start_us + (i + 1) * MINUTE },
      ...by,
      committed_us: rows[i]!.updated_at,
    })),
  );
  expect(appended!.received_us).toBeGreaterThan(received_us);
}, 300_000);

test("with the feed's clock, ticks are counted by their window's end; late ones never get into the final row", async () => {
  using dir = tempDir();
  const stream = () => run("stream", ["--data", dir.path, "--until-end", "--lateness", "0s"]);
  const start_us = Math.floor(nowUs() / MINUTE) * MINUTE - 10 * MINUTE;
  await append(dir.path, [{ message: tickAt(1, start_us) }]);
  expect((await stream()).code).toBe(0);
  expect(Object.keys(histogramsOf(dir.path)).sort()).toEqual(["pipeline_from_append"]);

  // The recording's clock has stopped 90 s after the first window's end.
  const replay = { clock_us: start_us + 150 * SECOND, as_of_us: nowUs(), speed: 0 };
  writeFileSync(join(dir.path, "feed.json"), JSON.stringify({ kind: "replay", replay }));
  await append(dir.path, [
    { message: tickAt(2, start_us + SECOND) },
    { message: tickAt(3, start_us + 130 * SECOND) },
    { message: tickAt(4, start_us + 2 * SECOND) },
  ]);
  expect((await stream()).code).toBe(0);
  const curve = histogramsOf(dir.path)[`curve ${MINUTE}`]!;
  expect(curve.map(([, count]) => count)).toEqual([1, 1, 1]);
  expect(curve.map(([bucket]) => bucket)).toEqual([0, expect.any(Number), Number.MAX_SAFE_INTEGER]);
  expect(curve[1]![0] / (90 * SECOND)).toBeCloseTo(1, 1);
}, 300_000);
