/** A backfill beside a live feed, on the embedded log and on Kafka: both answers stay right throughout. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { samplesOf } from "../../scripts/measure/buckets.ts";
import { answerHash } from "../../scripts/store/answer-hash.ts";
import { batch, resultRows } from "../support/batch.ts";
import { histogramsOf, rowsOf, tempDir } from "../support/data.ts";
import { exchange, HOUR } from "../support/feed.ts";
import { historyPhases } from "../support/history-phases.ts";
import { createTopic, kafkaAvailable, sharedBroker, stockClient } from "../support/kafka.ts";
import { killStages, run, startStage, until } from "../support/process.ts";

setDefaultTimeout(300_000);
afterEach(killStages);

const HISTORY = 6_000;
const PLAYED = 3_600;

/** The whole path beside backfills that are killed and run again: compared before, during and after. */
async function beside(log: string): Promise<void> {
  using dir = tempDir();
  // Begins within a minute, at 40 times the recorded pace.
  const recorded = HOUR.slice(700, 700 + PLAYED);
  await using server = exchange({ recorded, speed: 40, history: HISTORY, heartbeat_ms: 100 });
  const data = ["--data", dir.path, "--log", log];
  const compare = async () => {
    const { json, stderr } = await batch(dir.path, ["--metric", "reconciliation"]);
    expect([json.failed, stderr]).toEqual([[], expect.any(String)]);
    return json.reconciliation!;
  };
  const produce = startStage("produce", [...data, "--feed", server.url, "--until-end"]);
  const stream = startStage("stream", data);
  const consume = startStage("consume", data);
  const closed = () =>
    rowsOf<{ n: number }>(dir.path, "windows.db", "SELECT count(*) AS n FROM windows WHERE final <> 0")[0]?.n ?? 0;
  await until("three windows have closed", () => closed() >= 3);
  expect(await compare()).toMatchObject({ unexplained: 0 });
  const flags = [...data, "--feed", server.url, "--trades", String(HISTORY), "--json"];
  for (const point of ["backfill-appended:2", "backfill-before-append:2"]) {
    const killed = await run("backfill", flags, { TIDEMARK_DIE_AT: point });
    expect([killed.signal, killed.signal === null && killed.stderr]).toEqual(["SIGKILL", false]);
    expect(await compare()).toMatchObject({ unexplained: 0 });
  }
  const [done, during] = await Promise.all([run("backfill", flags), compare()]);
  expect([done.code, during.unexplained]).toEqual([0, 0]);
  expect(done.json.products).toMatchObject([{ trades: HISTORY, lacking: 0, end: "trades" }] as never);
  expect(await produce.ended).toBe(0);
  const counts = () => rowsOf<{ n: number }>(dir.path, "ticks.db", "SELECT count(*) AS n FROM ticks")[0]?.n;
  await until("all is stored", () => counts() === PLAYED + HISTORY);
  expect([await stream.stop(), await consume.stop()]).toEqual([0, 0]);
  const after = await compare();
  expect(after).toMatchObject({ unexplained: 0, pending: 0, equal: after.compared - after.explained });
  expect(after.compared).toBeGreaterThan(8);
  expect(resultRows(dir.path, "reconciliation").some(({ outcome }) => outcome === "history")).toBe(true);
  const { pipeline = [], pipeline_from_append = [] } = histogramsOf(dir.path);
  expect([samplesOf(pipeline), samplesOf(pipeline_from_append)]).toEqual([PLAYED, 0]);
  expect(rowsOf(dir.path, "ticks.db", "SELECT source, count(*) AS n FROM ticks GROUP BY source")).toEqual([
    { source: "backfill", n: HISTORY },
    { source: "feed", n: PLAYED },
  ]);
  const ids = rowsOf(dir.path, "ticks.db", "SELECT min(trade_id) AS low, max(trade_id) AS high FROM ticks");
  expect(ids).toEqual([{ low: 1, high: PLAYED + HISTORY }]);
  // Where history and feed are in the log does not matter: read again, the windows are the same.
  const answered = answerHash(join(dir.path, "windows.db"));
  expect((await run("stream", [...data, "--until-end", "--rebuild"])).code).toBe(0);
  expect(answerHash(join(dir.path, "windows.db"))).toEqual(answered);
}

test("windows that hop: before, during and after a backfill nothing is unexplained", () =>
  historyPhases(["--window", "2m", "--every", "30s"]));

test("embedded log: a second process appends history while the feed appends", () => beside("embedded:"));

test.skipIf(!kafkaAvailable())("Kafka: a second producer, into the partition of its product", async () => {
  const broker = await sharedBroker();
  const admin = stockClient(broker.port).admin();
  await createTopic(admin, "history", 3);
  await admin.disconnect();
  await beside(`${broker.url}/history`);
});
