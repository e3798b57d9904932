/**
 * Processes that share a topic, killed or asleep, store what one undisturbed run does (docs/faults.md
 * 16).
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Admin } from "kafkajs";
import { answerHash } from "../../scripts/store/answer-hash.ts";
import { committedRecords, fillLog, recordedLines, rowsOf, tempDir } from "../support/data.ts";
import { type Broker, kafkaAvailable, sharedBroker, stockClient } from "../support/kafka.ts";
import { killStages, run, type Stage, startStage, until } from "../support/process.ts";

const here = kafkaAvailable();
const PARTITIONS = 4;
const SESSION = { TIDEMARK_KAFKA_SESSION: "3s" };
let broker: Broker;
let admin: Admin;

/** Eight products in turn, 2,000 trades each, every tenth one twice, one late tick each. */
const lines = (() => {
  const products = Array.from({ length: 8 }, (_, i) => `P${i}-USD`);
  const hour = recordedLines().slice(0, 2_000);
  hour.splice(1_500, 0, hour[20]!.replace('"trade_id":21,', '"trade_id":900021,'));
  return hour.flatMap((line, i) => {
    const all = products.map((product) => line.replace("BTC-USD", product));
    return i % 10 === 0 ? [...all, ...all] : all;
  });
})();

/** Each stage's file and table of rows, and what one process makes of the same records. */
const expected = { hash: "", windows: 0, csv: [] as string[] };
const csvOf = (data: string) => readFileSync(join(data, "stream_csv/windows_1m.csv"), "utf8").trimEnd().split("\n");

async function members(data: string, file: "windows.db" | "ticks.db"): Promise<number> {
  const created = rowsOf<{ value: string }>(data, file, "SELECT value FROM settings WHERE name = 'created'")[0]?.value;
  if (created === undefined) return 0;
  const stage = file === "windows.db" ? "stream" : "consume";
  const { groups } = await admin.describeGroups([`tidemark-${stage}-${created.slice(-8)}`]);
  return groups[0]?.state === "Stable" ? groups[0].members.length : 0;
}

async function expectUndisturbed(data: string): Promise<void> {
  const { hash, rows } = answerHash(join(data, "windows.db"));
  expect(rows).toMatchObject({ windows: expected.windows, late_ticks: 8, window_revisions: 8 });
  expect(hash).toBe(expected.hash);
  // Two processes close windows in an order of their own: the same lines, each once.
  expect(csvOf(data).toSorted()).toEqual(expected.csv);
  // A change number belongs to one commit of one process.
  const shared = "SELECT change_id FROM windows GROUP BY change_id HAVING count(DISTINCT updated_at) > 1";
  expect(rowsOf(data, "windows.db", shared)).toEqual([]);
  const counters = rowsOf<{ name: string; value: number }>(data, "windows.db", "SELECT name, value FROM counters");
  const value = (name: string) => counters.find((row) => row.name === name)?.value;
  expect([value("records"), value("ticks"), value("duplicates"), value("late")]).toEqual([
    lines.length,
    16_008,
    lines.length - 16_008,
    8,
  ]);
  const ticks = rowsOf<{ n: number; last: number }>(
    data,
    "ticks.db",
    "SELECT count(*) AS n, max(insert_id) AS last FROM ticks",
  )[0];
  expect(ticks?.n).toBe(16_008);
  const stored = rowsOf<{ name: string; value: number }>(data, "ticks.db", "SELECT name, value FROM counters");
  expect(Object.fromEntries(stored.map((row) => [row.name, row.value]))).toMatchObject({
    records: lines.length,
    inserted: 16_008,
    duplicates: lines.length - 16_008,
  });
}

/** Two processes per stage over an empty topic; `env`: the die points of the first ones. */
async function pairs(topic: string, data: string, env: { stream: string; consume: string }): Promise<Stage[][]> {
  const args = ["--log", `${broker.url}/${topic}`, "--data", data, "--poll-records", "100"];
  const first = (["stream", "consume"] as const).map((name) =>
    startStage(name, args, { ...SESSION, TIDEMARK_DIE_AT: env[name] }),
  );
  await until("the first ones joined", async () => (await members(data, "windows.db")) === 1);
  await until("the first ones joined", async () => (await members(data, "ticks.db")) === 1);
  const second = ["stream", "consume"].map((name) => startStage(name, args, SESSION));
  await until("the second ones joined", async () => (await members(data, "windows.db")) === 2);
  await until("the second ones joined", async () => (await members(data, "ticks.db")) === 2);
  return [first, second];
}

const allStored = (data: string) =>
  until("all is stored", () =>
    ["windows.db", "ticks.db"].every((file) => committedRecords(data, file) === lines.length),
  );

async function endAll(stages: Stage[]): Promise<void> {
  for (const stage of stages) stage.signal("SIGTERM");
  expect(await Promise.all(stages.map((stage) => stage.ended))).toEqual(stages.map(() => 0));
}

describe.skipIf(!here)(here ? "kafka, several processes" : "kafka, skipped: no Java or no jars", () => {
  beforeAll(async () => {
    broker = await sharedBroker();
    admin = stockClient(broker.port).admin();
    await admin.connect();
    using calm = tempDir();
    await fillLog(calm.path, lines, { partitions: PARTITIONS });
    expect((await run("stream", ["--data", calm.path, "--until-end"])).code).toBe(0);
    const { hash, rows } = answerHash(join(calm.path, "windows.db"));
    Object.assign(expected, { hash, windows: rows.windows, csv: csvOf(calm.path).toSorted() });
  }, 300_000);
  afterAll(async () => {
    await admin.disconnect();
  });

  afterEach(killStages);

  test("one of two is killed during a commit: the other takes over its open windows, totals exact", async () => {
    using dir = tempDir();
    const topic = "killed";
    await fillLog(dir.path, [], { url: `${broker.url}/${topic}`, partitions: PARTITIONS });
    const [first, second] = await pairs(topic, dir.path, {
      stream: "stream-before-commit:9",
      consume: "consume-before-commit:9",
    });
    await fillLog(dir.path, lines, { url: `${broker.url}/${topic}` });
    expect(await Promise.all(first!.map((stage) => stage.ended))).toEqual(["SIGKILL", "SIGKILL"]);
    await allStored(dir.path);
    await endAll(second!);
    await expectUndisturbed(dir.path);
  }, 300_000);

  test("one of two sleeps past its session with unhandled records: its commit is rolled back, it joins again, totals exact", async () => {
    using dir = tempDir();
    const topic = "asleep";
    await fillLog(dir.path, [], { url: `${broker.url}/${topic}`, partitions: PARTITIONS });
    const [first, second] = await pairs(topic, dir.path, {
      stream: "stream-read:9:SIGSTOP",
      consume: "consume-read:9:SIGSTOP",
    });
    await fillLog(dir.path, lines, { url: `${broker.url}/${topic}` });
    await allStored(dir.path);
    for (const stage of first!) stage.signal("SIGCONT");
    for (const stage of first!) {
      await until("the zombie noticed", () => /taken over partition \d.*Joining the group again/.test(stage.said()));
    }
    await until("it is a member again", async () => (await members(dir.path, "windows.db")) === 2);
    await until("it is a member again", async () => (await members(dir.path, "ticks.db")) === 2);
    await expectUndisturbed(dir.path);
    await endAll([...first!, ...second!]);
    await expectUndisturbed(dir.path);
  }, 300_000);

  test("a producer without keys spreads a product over all partitions: two processes refuse it with a sentence, and one has the answer", async () => {
    using dir = tempDir();
    const topic = "keyless";
    const url = `${broker.url}/${topic}`;
    await fillLog(dir.path, [], { url, partitions: PARTITIONS });
    const [first, second] = await pairs(topic, dir.path, { stream: "", consume: "" });
    const hour = recordedLines().slice(0, 4_000);
    const producer = stockClient(broker.port).producer({ createPartitioner: () => () => partition++ % PARTITIONS });
    let partition = 0;
    await producer.connect();
    for (let i = 0; i < hour.length; i += 100) {
      await producer.send({ topic, messages: hour.slice(i, i + 100).map((value) => ({ value })) });
    }
    await producer.disconnect();
    const refused = /records of BTC-USD are in its partitions \d and \d.*LOG_SETTINGS/s;
    for (const pair of [0, 1]) {
      await until("one of two refused", () =>
        [first![pair]!, second![pair]!].some((stage) => refused.test(stage.said())),
      );
    }
    for (const stage of [...first!, ...second!]) stage.signal("SIGTERM");
    await Promise.all([...first!, ...second!].map((stage) => stage.ended));
    for (const stage of ["stream", "consume"]) {
      const args = ["--data", dir.path, "--log", url, "--until-end", "--rebuild"];
      expect((await run(stage, args)).code).toBe(0);
    }
    const batch = await run("batch", ["--data", dir.path, "--json"]);
    expect(batch.json).toMatchObject({ failed: [], ticks_total: hour.length, reconciliation: { unexplained: 0 } });
  }, 300_000);
});
