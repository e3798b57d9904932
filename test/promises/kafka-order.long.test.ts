/** One log, one answer: records without keys, added partitions, invalid times, lost records. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type Admin, ConfigResourceTypes, type Producer } from "kafkajs";
import { parseProblems } from "../../scripts/contract/problems.ts";
import { answerHash } from "../../scripts/store/answer-hash.ts";
import { committedRecords, fillLog, recordedLines, rowsOf, tempDir } from "../support/data.ts";
import { type Broker, createTopic, kafkaAvailable, sharedBroker, stockClient, transactions } from "../support/kafka.ts";
import { killStages, run, startStage, until } from "../support/process.ts";

const here = kafkaAvailable();
let broker: Broker;
let admin: Admin;
let producer: Producer | undefined;
const url = (topic: string) => `${broker.url}/${topic}`;
const hour = recordedLines().slice(0, 3_000);

/** kafkajs drops messages for partitions that it doesn't know. */
async function renewProducer(): Promise<void> {
  await producer?.disconnect();
  producer = stockClient(broker.port).producer();
  await producer.connect();
}

/** Without keys, each message in the next of the partitions. */
async function sendSpread(topic: string, lines: string[], partitions: number, stamp?: (i: number) => string) {
  for (let i = 0; i < lines.length; i += 50) {
    const messages = lines.slice(i, i + 50).map((value, j) => {
      return { value, partition: (i + j) % partitions, ...(stamp ? { timestamp: stamp(i + j) } : {}) };
    });
    await producer!.send({ topic, messages });
  }
}

/** What both stages made of a topic: the stream's answer, and the ticks in the order of their storage. */
function answerOf(data: string) {
  const ticks = rowsOf(data, "ticks.db", "SELECT product_id, trade_id, price FROM ticks ORDER BY insert_id");
  const order = new Bun.CryptoHasher("sha256").update(JSON.stringify(ticks)).digest("hex");
  return { hash: answerHash(join(data, "windows.db")).hash, ticks: ticks.length, order };
}

async function readAll(data: string, topic: string, more: string[] = [], env: Record<string, string> = {}) {
  const args = ["--data", data, "--log", url(topic), "--until-end", "--lateness", "1s", ...more];
  const [stream, consume] = await Promise.all([
    run("stream", args, env),
    run(
      "consume",
      args.filter((arg, i) => arg !== "--lateness" && args[i - 1] !== "--lateness"),
      env,
    ),
  ]);
  return { stream, consume };
}

async function answerAtOnce(topic: string, poll = "20000") {
  using dir = tempDir();
  const { stream, consume } = await readAll(dir.path, topic, ["--poll-records", poll]);
  expect([stream.code, stream.code === 0 ? "" : stream.stderr]).toEqual([0, ""]);
  expect([consume.code, consume.code === 0 ? "" : consume.stderr]).toEqual([0, ""]);
  return answerOf(dir.path);
}

/** Killed during commits, again and again; the next run continues. */
async function answerAfterKills(topic: string) {
  using dir = tempDir();
  const args = ["--data", dir.path, "--log", url(topic), "--until-end", "--poll-records", "97"];
  for (const die of ["before-commit:2", "before-commit:4", "read:3"]) {
    const killed = await Promise.all(
      ["stream", "consume"].map((stage) => {
        const lateness = stage === "stream" ? ["--lateness", "1s"] : [];
        const env = { TIDEMARK_DIE_AT: `${stage}-${die}`, TIDEMARK_KAFKA_SESSION: "1s" };
        return run(stage, [...args, ...lateness], env);
      }),
    );
    expect(killed.map(({ signal }) => signal)).toEqual(["SIGKILL", "SIGKILL"]);
  }
  const { stream, consume } = await readAll(dir.path, topic);
  expect([stream.code, consume.code]).toEqual([0, 0]);
  return answerOf(dir.path);
}

/** Starts both stages; `end` stops them once all is read. */
function followLive(data: string, topic: string) {
  const args = ["--data", data, "--log", url(topic)];
  const stages = [startStage("stream", [...args, "--lateness", "1s"]), startStage("consume", args)];
  return {
    stages,
    end: async (records: number) => {
      for (const file of ["windows.db", "ticks.db"]) {
        await until(`${records} records are in ${file}`, () => committedRecords(data, file) === records);
      }
      for (const stage of stages) stage.signal("SIGTERM");
      expect(await Promise.all(stages.map((stage) => stage.ended))).toEqual([0, 0]);
      return answerOf(data);
    },
  };
}

const isJoined = (data: string) =>
  until("both have joined", () =>
    ["windows.db", "ticks.db"].every((file) => rowsOf(data, file, "SELECT 1 FROM offsets").length > 0),
  );

describe.skipIf(!here)(here ? "kafka, one order" : "kafka, skipped: no Java or no jars", () => {
  beforeAll(async () => {
    broker = await sharedBroker();
    admin = stockClient(broker.port).admin();
    await Promise.all([admin.connect(), renewProducer()]);
  }, 300_000);
  afterAll(async () => {
    await Promise.all([admin.disconnect(), producer?.disconnect()]);
  });
  afterEach(killStages);

  test("a producer without keys spreads a product over four partitions: six readings, live, in pieces, killed, have one answer", async () => {
    await createTopic(admin, "spread", 4);
    using live = tempDir();
    using pieces = tempDir();
    const following = followLive(live.path, "spread");
    await isJoined(live.path);
    await sendSpread("spread", hour.slice(0, 1_200), 4);
    const first = await readAll(pieces.path, "spread");
    expect([first.stream.code, first.consume.code]).toEqual([0, 0]);
    await sendSpread("spread", hour.slice(1_200), 4);
    const expected = await following.end(hour.length);
    expect(expected).toMatchObject({ ticks: hour.length });
    await readAll(pieces.path, "spread");
    expect(answerOf(pieces.path)).toEqual(expected);
    expect(await answerAtOnce("spread")).toEqual(expected);
    expect(await answerAtOnce("spread", "61")).toEqual(expected);
    expect(await answerAfterKills("spread")).toEqual(expected);
    using again = tempDir();
    expect(await followLive(again.path, "spread").end(hour.length)).toEqual(expected);
  }, 300_000);

  test("partitions added while both stages run are read within seconds, and the log still has one answer", async () => {
    await createTopic(admin, "grown", 1);
    using live = tempDir();
    const following = followLive(live.path, "grown");
    await isJoined(live.path);
    await sendSpread("grown", hour.slice(0, 500), 1);
    await admin.createPartitions({ topicPartitions: [{ topic: "grown", count: 3 }], timeout: 30_000 });
    const added_ms = performance.now();
    await until("the broker shows the new partitions", async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: ["grown"] });
      return topics[0]!.partitions.filter(({ leader }) => leader >= 0).length === 3;
    });
    await renewProducer();
    await sendSpread("grown", hour.slice(500, 1_500), 3);
    // A stock producer drops messages for a partition that it doesn't know: the topic's records count.
    const held = (await admin.fetchTopicOffsets("grown")).reduce((sum, { high }) => sum + Number(high), 0);
    const got = await following.end(held);
    // kafkajs alone asks every five minutes.
    expect(performance.now() - added_ms).toBeLessThan(60_000);
    // It also sends again what a broker without the partition refused in part: those are duplicates.
    const counted = rowsOf<{ value: number }>(
      live.path,
      "ticks.db",
      "SELECT value FROM counters WHERE name = 'duplicates'",
    );
    expect(got.ticks + (counted[0]?.value ?? 0)).toBe(held);
    expect(held).toBeGreaterThan(800);
    expect(await answerAtOnce("grown")).toEqual(got);
    expect(await answerAtOnce("grown", "50")).toEqual(got);
  }, 300_000);

  test("our own producer's products change partitions when some are added: one answer, the same as with one partition", async () => {
    const lines = hour.slice(0, 1_500).flatMap((line) => [line, line.replace("BTC-USD", "ETH-USD")]);
    using dir = tempDir();
    await fillLog(dir.path, lines.slice(0, 1_400), { url: url("moved"), partitions: 1 });
    using live = tempDir();
    const following = followLive(live.path, "moved");
    await admin.createPartitions({ topicPartitions: [{ topic: "moved", count: 4 }], timeout: 30_000 });
    await fillLog(dir.path, lines.slice(1_400), { url: url("moved") });
    const got = await following.end(lines.length);
    using embedded = tempDir();
    await fillLog(embedded.path, lines);
    await run("stream", ["--data", embedded.path, "--until-end", "--lateness", "1s"]);
    expect(got.hash).toBe(answerHash(join(embedded.path, "windows.db")).hash);
    expect((await answerAtOnce("moved")).hash).toBe(got.hash);
  }, 300_000);

  test("invalid times (-1, 0, seconds) order by partition and offset, in every reading", async () => {
    await createTopic(admin, "timeless", 3);
    const stamps = ["-1", "0", "1700000000", String(Date.now())];
    await sendSpread("timeless", hour.slice(0, 900), 3, (i) => stamps[i % 7] ?? "-1");
    const expected = await answerAtOnce("timeless");
    expect(expected.ticks).toBe(900);
    expect(await answerAtOnce("timeless", "13")).toEqual(expected);
    expect(await answerAfterKills("timeless")).toEqual(expected);
  }, 300_000);

  test("a record that arrives long after ones with later times: the stages log it, read the log again, and have its one answer", async () => {
    await createTopic(admin, "straggler", 2);
    using live = tempDir();
    const following = followLive(live.path, "straggler");
    await isJoined(live.path);
    const start = Date.now() - 60_000;
    await sendSpread("straggler", hour.slice(0, 400), 2, (i) => String(start + i));
    await until("these are read", () => committedRecords(live.path, "windows.db") === 400);
    await until("these are read", () => committedRecords(live.path, "ticks.db") === 400);
    await sendSpread("straggler", hour.slice(400, 500), 2, (i) => String(start + 200 + i));
    const got = await following.end(500);
    for (const stage of following.stages) expect(stage.said()).toContain("Reading the log again from its start");
    expect(await answerAtOnce("straggler")).toEqual(got);
  }, 300_000);

  test("a compacted topic is refused with a sentence; one that we create is not compacted under any default of the broker", async () => {
    await createTopic(admin, "compacted", 1, { "cleanup.policy": "compact" });
    using dir = tempDir();
    for (const name of ["stream", "consume"]) {
      const { code, stderr } = await run(name, ["--data", dir.path, "--log", url("compacted"), "--until-end"]);
      expect(code).toBe(1);
      expect(stderr).toContain("The topic compacted has cleanup.policy=compact: compaction removes all but the newest");
      expect(stderr).toContain("TIDEMARK_LOG_SETTINGS");
    }
    await fillLog(dir.path, hour.slice(0, 1), { url: url("ours") });
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: "ours" }],
    });
    const set = resources[0]!.configEntries.filter(({ isDefault }) => !isDefault);
    expect(Object.fromEntries(set.map(({ configName, configValue }) => [configName, configValue]))).toMatchObject({
      "cleanup.policy": "delete",
      "message.timestamp.type": "LogAppendTime",
      "compression.type": "producer",
    });
  }, 300_000);

  test("records that compaction removed are counted and reported; a transaction's markers and aborted records are not", async () => {
    await createTopic(admin, "holes", 1, {
      "cleanup.policy": "compact",
      "segment.bytes": "1048576",
      "segment.ms": "100",
      "min.cleanable.dirty.ratio": "0.01",
      "max.compaction.lag.ms": "100",
    });
    for (const value of hour.slice(0, 40))
      await producer!.send({ topic: "holes", messages: [{ key: "BTC-USD", value }] });
    await until("the topic is compacted", async () => {
      await producer!.send({ topic: "holes", messages: [{ key: "ETH-USD", value: "rubbish" }] });
      return await isCompacted("holes");
    });
    const configEntries = [{ name: "cleanup.policy", value: "delete" }];
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: "holes", configEntries }];
    await admin.alterConfigs({ validateOnly: false, resources });
    // A cleaner must not reach the transactions. A broker deletes records only of a topic that it knows
    // not to compact.
    await until("the broker has the new policy", () => isDeleting("holes"));
    const groups = [0, 1, 2].map((i) => ({ messages: [{ value: hour[100 + i]! }], isAborted: i === 1 }));
    await transactions(broker.port, "holes", groups);
    await producer!.send({ topic: "holes", messages: [{ value: hour[110]! }] });
    const [span] = await admin.fetchTopicOffsets("holes");
    using dir = tempDir();
    const { stream, consume } = await readAll(dir.path, "holes", [], { TIDEMARK_KAFKA_SESSION: "1s" });
    for (const [file, ran] of [
      ["windows.db", stream],
      ["ticks.db", consume],
    ] as const) {
      expect(ran.code).toBe(0);
      const value = (name: string) =>
        rowsOf<{ value: number }>(dir.path, file, `SELECT value FROM counters WHERE name = '${name}'`)[0]?.value ?? 0;
      expect(value("lost")).toBeGreaterThan(0);
      // Three markers and an aborted record; all other offsets hold a record or a loss.
      expect(value("records") + value("lost")).toBe(Number(span!.high) - 4);
      const text = rowsOf<{ value: string }>(dir.path, file, "SELECT value FROM settings WHERE name = 'problems'")[0]!;
      expect(parseProblems(text.value)).toMatchObject([{ code: "log-hole", stops: false }]);
      expect(ran.stderr).toContain(`The log has lost ${value("lost")} records`);
    }
  }, 300_000);
});

/** True if the broker would delete records of the topic; this deletes none. */
async function isDeleting(topic: string): Promise<boolean> {
  const partitions = [{ partition: 0, offset: "0" }];
  return await admin.deleteTopicRecords({ topic, partitions }).then(
    () => true,
    () => false,
  );
}

/** True if a reader from the start finds offsets missing. */
async function isCompacted(topic: string): Promise<boolean> {
  const consumer = stockClient(broker.port).consumer({ groupId: `look-${crypto.randomUUID()}`, maxWaitTimeInMs: 50 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const offset = Promise.withResolvers<number>();
  await consumer.run({ eachBatch: async ({ batch }) => offset.resolve(Number(batch.messages[0]!.offset)) });
  const first = await offset.promise;
  await consumer.disconnect();
  return first > 0;
}
