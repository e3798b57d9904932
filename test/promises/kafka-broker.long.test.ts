/** A broker that is killed or absent, a topic that is missing, recreated or cut (docs/faults.md 13–15). */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { Admin } from "kafkajs";
import { openDataDir } from "../../scripts/base/data-dir.ts";
import { openLog } from "../../scripts/log/open.ts";
import { answerHash } from "../../scripts/store/answer-hash.ts";
import { committedRecords, fillLog, quiet, recordedLines, rowsOf, tempDir } from "../support/data.ts";
import {
  type Broker,
  deleteTopic,
  dropBefore,
  freePort,
  kafkaAvailable,
  startBroker,
  stockClient,
} from "../support/kafka.ts";
import { killStages, type Ran, run, startStage, until } from "../support/process.ts";

const here = kafkaAvailable();
let broker: Broker;
let admin: Admin;
let absent: Promise<Ran[]>;
const url = (topic: string) => `${broker.url}/${topic}`;
const lines = recordedLines();
const encoder = new TextEncoder();
/** 20 for a long round. */
const KILLS = Number(process.env.KAFKA_KILLS ?? 1);

/** The answer of one undisturbed run over these messages. */
async function calmAnswer(messages: string[]) {
  using calm = tempDir();
  await fillLog(calm.path, messages);
  expect((await run("stream", ["--data", calm.path, "--until-end"])).code).toBe(0);
  return answerHash(join(calm.path, "windows.db"));
}

describe.skipIf(!here)(here ? "kafka, the broker" : "kafka, skipped: no Java or no jars", () => {
  beforeAll(async () => {
    // A client retries for some seconds, while the broker starts.
    const nobody = `kafka://127.0.0.1:${await freePort()}/raw_prices`;
    absent = Promise.all(
      ["stream", "consume", "produce"].map(async (name) => {
        using dir = tempDir();
        return await run(name, ["--data", dir.path, "--log", nobody]);
      }),
    );
    broker = await startBroker();
    admin = stockClient(broker.port).admin();
    await admin.connect();
  }, 300_000);
  afterEach(killStages);
  afterAll(async () => {
    await admin.disconnect();
    await broker.stop();
  });

  test(
    "killed under load: appends wait, in order; one stage waits too, one gets SIGTERM and ends within 5 s; nothing is lost, doubled or out of order",
    async () => {
      using dir = tempDir();
      const log = await openLog(url("load"), openDataDir(dir.path), { role: "writer", logger: quiet });
      const args = ["--log", url("load"), "--data", dir.path];
      const start = (name: string) =>
        startStage(name, args, { TIDEMARK_KAFKA_SESSION: "2s", TIDEMARK_POLL_RECORDS: "20" });
      let stream = start("stream");
      const consume = start("consume");
      await until("the stages read", () => [stream, consume].every((stage) => stage.said().includes("reading")));
      let appended = 0;
      const appending = (async () => {
        for (let i = 0; i < lines.length; i += 20) {
          const some = lines.slice(i, i + 20);
          await log.append(some.map((line) => ({ key: "BTC-USD", value: encoder.encode(line) })));
          appended += some.length;
        }
      })();
      for (let kill = 1; kill <= KILLS; kill++) {
        await until("some is appended", () => appended > (lines.length * kill) / (KILLS + 1));
        await until("some is read", () => committedRecords(dir.path, "windows.db") > 0);
        const gone = broker.kill();
        const signal_ms = performance.now();
        stream.signal("SIGTERM");
        await gone;
        const before = appended;
        expect(await stream.ended).toBe(0);
        expect(performance.now() - signal_ms).toBeLessThan(5_000);
        expect(appended - before).toBeLessThanOrEqual(20);
        expect(appended).toBeLessThan(lines.length);
        await broker.restart();
        stream = start("stream");
      }
      await appending;
      await log.close();
      await until("all is stored", () =>
        ["windows.db", "ticks.db"].every((file) => committedRecords(dir.path, file) === lines.length),
      );
      for (const stage of [stream, consume]) stage.signal("SIGTERM");
      expect(await Promise.all([stream.ended, consume.ended])).toEqual([0, 0]);
      const stored = rowsOf<{ trade_id: number }>(
        dir.path,
        "ticks.db",
        "SELECT trade_id FROM ticks ORDER BY log_offset",
      );
      expect(stored.map((row) => row.trade_id)).toEqual(lines.map((_, i) => i + 1));
      expect(answerHash(join(dir.path, "windows.db"))).toEqual(await calmAnswer(lines));
    },
    120_000 * KILLS,
  );

  test("absent at the start: each stage ends with status 1, one sentence and a hint", async () => {
    for (const { code, stdout, stderr } of await absent) {
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(
        /^error: The Kafka broker at 127\.0\.0\.1:\d+ doesn't answer: .*\. \[TIDEMARK_LOG_UNREACHABLE\]\nIs it running.*\n$/,
      );
    }
  }, 300_000);

  test("a missing topic is created, with the partitions and retention of the flags and the broker's own time stamps", async () => {
    using dir = tempDir();
    const ran = await run("stream", ["--data", dir.path, "--log", url("missing"), "--until-end", "--json"]);
    expect([ran.code, ran.json.records]).toEqual([0, 0]);
    expect(ran.stderr).toContain("created the topic missing with 1 partition");
    const options = { role: "writer", partitions: 5, retain_us: 7 * 86_400e6, logger: quiet } as const;
    await (await openLog(url("wide"), openDataDir(dir.path), options)).close();
    const { topics } = await admin.fetchTopicMetadata({ topics: ["wide"] });
    expect(topics[0]!.partitions.length).toBe(5);
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: "wide", configNames: ["message.timestamp.type", "retention.ms"] }],
    });
    const settings = resources[0]!.configEntries.map(({ configName, configValue }) => `${configName}=${configValue}`);
    expect(settings.sort()).toEqual(["message.timestamp.type=LogAppendTime", "retention.ms=604800000"]);
  }, 300_000);

  test("created again under a running stage: it stops with one sentence, whether the new log is shorter or longer, and --rebuild starts over", async () => {
    using dir = tempDir();
    const args = ["--data", dir.path, "--log", url("recreated"), "--until-end"];
    await fillLog(dir.path, lines.slice(0, 500), { url: url("recreated") });
    expect((await run("stream", args)).code).toBe(0);
    await deleteTopic(admin, "recreated");
    await fillLog(dir.path, lines.slice(0, 100), { url: url("recreated") });
    const shorter = await run("stream", args);
    expect(shorter.code).toBe(1);
    expect(shorter.stderr).toMatch(/ends at offset 100, but tidemark-stream-\w+ has already read up to 500: .*SHORTER/);
    await fillLog(dir.path, lines.slice(100, 1_000), { url: url("recreated") });
    const longer = await run("stream", args);
    expect(longer.code).toBe(1);
    expect(longer.stderr).toMatch(/is not the log that tidemark-stream-\w+ has read up to offset 500: .*SHORTER/);
    expect((await run("stream", [...args, "--rebuild"])).code).toBe(0);
    expect(answerHash(join(dir.path, "windows.db"))).toEqual(await calmAnswer(lines.slice(0, 1_000)));
  }, 300_000);

  test("cut by retention before a stage has read it: it stops with the number of lost records, and never jumps", async () => {
    using dir = tempDir();
    await fillLog(dir.path, lines.slice(0, 500), { url: url("cut") });
    const args = ["--data", dir.path, "--log", url("cut"), "--until-end"];
    expect((await run("consume", args)).code).toBe(0);
    await fillLog(dir.path, lines.slice(500, 1_000), { url: url("cut") });
    await dropBefore(admin, "cut", 800);
    const cut = await run("consume", args);
    expect(cut.code).toBe(1);
    expect(cut.stderr).toContain("300 records it hasn't read are no longer kept");
    expect(committedRecords(dir.path, "ticks.db")).toBe(500);
  }, 300_000);
});
