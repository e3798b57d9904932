/** Kafka and the embedded log give the same results, and other clients read and write the topic. */
import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Consumer, Producer } from "@platformatic/kafka";
import { answerHash } from "../../scripts/store/answer-hash.ts";
import { fillLog, recordedLines, rowsOf, tempDir } from "../support/data.ts";
import { exchange } from "../support/feed.ts";
import { type Broker, createTopic, kafkaAvailable, sharedBroker, stockClient, transactions } from "../support/kafka.ts";
import { run } from "../support/process.ts";

const here = kafkaAvailable();
let broker: Broker;
const url = (topic: string) => `${broker.url}/${topic}`;

/** Where a stage may be killed; all passings of a run in a long round. */
const POINTS = [
  "stream-read",
  "stream-before-commit",
  "stream-committed",
  "consume-before-commit",
  "consume-committed",
];
const PASSES = process.env.TIDEMARK_LONG ? [1, 2, 3, 4, 5, 6] : [3];

/** The recorded hour of one product, and the same for a second one. */
const hour = recordedLines();
const lines = hour.flatMap((line) => [line, line.replace("BTC-USD", "ETH-USD")]);

/** Transactions of 50 messages, the second one aborted: the topic ends in a marker. */
async function transactionsOf(topic: string): Promise<void> {
  const admin = stockClient(broker.port).admin();
  await createTopic(admin, topic, 1);
  await admin.disconnect();
  const messagesOf = (i: number) => hour.slice(i * 50, i * 50 + 50).map((value) => ({ key: "BTC-USD", value }));
  const groups = [0, 1, 2].map((i) => ({ messages: messagesOf(i), isAborted: i === 1 }));
  await transactions(broker.port, topic, groups);
}

async function readAll(data: string, log: string): Promise<void> {
  const args = ["--data", data, "--log", log, "--until-end"];
  const codes = await Promise.all([run("stream", args), run("consume", args)]);
  expect(codes.map(({ code, stderr }) => [code, code === 0 ? "" : stderr])).toEqual([
    [0, ""],
    [0, ""],
  ]);
}

/** All that a user sees of a data directory, without times and offsets in the log. */
async function answers(data: string) {
  const ticks = rowsOf(
    data,
    "ticks.db",
    `SELECT product_id, trade_id, time_us, price, last_size, side, best_bid, best_ask, source FROM ticks
     ORDER BY product_id, trade_id`,
  );
  const batch = await run("batch", ["--data", data, "--json"]);
  expect(batch.code === 0 ? "" : batch.stderr).toBe("");
  expect(batch.json).toMatchObject({ failed: [], ticks_total: lines.length, reconciliation: { unexplained: 0 } });
  const results = rowsOf<{ metric: string; rows: string }>(
    data,
    "results.db",
    "SELECT metric, rows FROM results WHERE metric <> 'arrival_delay' ORDER BY metric",
  );
  expect(results.length).toBeGreaterThan(10);
  return {
    windows: answerHash(join(data, "windows.db")),
    ticks: new Bun.CryptoHasher("sha256").update(JSON.stringify(ticks)).digest("hex"),
    results: results.map(({ metric, rows }) => [metric, rows]),
  };
}

describe.skipIf(!here)(here ? "kafka, one answer" : "kafka, skipped: no Java or no jars", () => {
  beforeAll(async () => {
    broker = await sharedBroker();
  }, 300_000);

  test("another program's transactions: committed records are read once, and the end is found behind the last marker", async () => {
    using dir = tempDir();
    await transactionsOf("transactions");
    const args = ["--data", dir.path, "--log", url("transactions"), "--until-end", "--json"];
    const ran = ["stream", "consume"].map((stage) => run(stage, args, { TIDEMARK_KAFKA_SESSION: "1s" }));
    for (const { code, stderr, json } of await Promise.all(ran))
      expect([code, code === 0 ? "" : stderr, json.records]).toEqual([0, "", 100]);
    await using server = exchange({ trades: 200, after: 150 });
    // The last committed trade is 150: what a start reads of the topic ends in a marker too.
    const resumed = ["--feed", server.url, "--channel", "matches", ...args];
    const { code, stderr, json } = await run("produce", resumed, { TIDEMARK_KAFKA_SESSION: "1s" });
    expect([code, code === 0 ? "" : stderr, json]).toEqual([0, "", expect.objectContaining({ unfillable: 0 })]);
  }, 300_000);

  test("the recorded hour gives the embedded log's windows, ticks and batch results: one partition, four, and two runs with a stop in between", async () => {
    using embedded = tempDir();
    await fillLog(embedded.path, lines);
    await readAll(embedded.path, "embedded:");
    const expected = await answers(embedded.path);
    expect(expected.windows.rows.windows).toBe(120);

    using one = tempDir();
    await fillLog(one.path, lines, { url: url("one") });
    await readAll(one.path, url("one"));
    expect(await answers(one.path)).toEqual(expected);

    using four = tempDir();
    await fillLog(four.path, lines.slice(0, 9_001), { url: url("four"), partitions: 4 });
    await readAll(four.path, url("four"));
    await fillLog(four.path, lines.slice(9_001), { url: url("four") });
    await readAll(four.path, url("four"));
    expect(await answers(four.path)).toEqual(expected);
  }, 300_000);

  test("another client writes into our topic: each key is in our partition for it, and our stages read it", async () => {
    using dir = tempDir();
    const some = lines.slice(0, 2_000);
    await fillLog(dir.path, some.slice(0, 1_000), { url: url("shared"), partitions: 4 });
    const producer = new Producer({ clientId: "other", bootstrapBrokers: [`127.0.0.1:${broker.port}`] });
    for (let i = 1_000; i < 2_000; i += 100) {
      const messages = some.slice(i, i + 100).map((line, j) => ({
        topic: "shared",
        key: Buffer.from((i + j) % 2 === 0 ? "BTC-USD" : "ETH-USD"),
        value: Buffer.from(line),
      }));
      await producer.send({ messages });
    }
    await producer.close();
    await readAll(dir.path, url("shared"));
    const places = rowsOf(
      dir.path,
      "ticks.db",
      "SELECT product_id, count(DISTINCT log_partition) AS partitions, count(*) AS ticks FROM ticks GROUP BY product_id",
    );
    expect(places).toEqual([
      { product_id: "BTC-USD", partitions: 1, ticks: 1_000 },
      { product_id: "ETH-USD", partitions: 1, ticks: 1_000 },
    ]);
    using embedded = tempDir();
    await fillLog(embedded.path, some);
    await run("stream", ["--data", embedded.path, "--until-end"]);
    expect(answerHash(join(dir.path, "windows.db"))).toEqual(answerHash(join(embedded.path, "windows.db")));
  }, 300_000);

  test("another client reads our topic: every message byte for byte, under its product's key", async () => {
    const some = lines.slice(0, 2_000);
    using dir = tempDir();
    await fillLog(dir.path, some, { url: url("read") });
    const consumer = new Consumer({
      clientId: "other",
      groupId: "other",
      bootstrapBrokers: [`127.0.0.1:${broker.port}`],
    });
    const stream = await consumer.consume({ topics: ["read"], mode: "earliest", autocommit: false });
    const got: string[] = [];
    for await (const message of stream) {
      got.push(`${message.key} ${message.value}`);
      if (got.length === some.length) break;
    }
    await consumer.close(true);
    expect(got).toEqual(some.map((line, i) => `${i % 2 === 0 ? "BTC-USD" : "ETH-USD"} ${line}`));
  }, 300_000);

  test("the replaced pipeline's way of reading, plain JSON with a number per field, finds every field that it needs", async () => {
    using dir = tempDir();
    await fillLog(dir.path, hour, { url: url("plain") });
    const consumer = stockClient(broker.port).consumer({ groupId: "btc_group" });
    await consumer.connect();
    await consumer.subscribe({ topic: "plain", fromBeginning: true });
    const rows: number[] = [];
    let sum = 0;
    await new Promise<void>((done) => {
      void consumer.run({
        eachMessage: async ({ message }) => {
          const data = JSON.parse(message.value!.toString());
          // The recording has no quotes: it was kept from the tape.
          for (const name of ["price", "side", "time", "trade_id", "last_size"]) {
            if (!data[name]) throw new Error(`${name} is missing`);
          }
          sum += Number(data.price);
          rows.push(data.trade_id);
          if (rows.length === hour.length) done();
        },
      });
    });
    await consumer.disconnect();
    expect(new Set(rows).size).toBe(13_197);
    expect(sum).toBeCloseTo(340_097_766.67, 2);
  }, 300_000);

  test("kill -9 at each named point, n-th passing: the next run continues at its own position in the topic, and stores the same as an undisturbed one", async () => {
    const some = [...lines.slice(0, 1_500), "rubbish", lines[7]!, ...lines.slice(1_500, 2_000)];
    const flags = (data: string) => ["--data", data, "--log", url("points"), "--until-end", "--poll-records", "300"];
    const stored = (data: string) => [
      rowsOf(data, "ticks.db", "SELECT * FROM ticks"),
      rowsOf(data, "ticks.db", "SELECT * FROM dead_letters"),
      rowsOf(data, "ticks.db", "SELECT * FROM counters WHERE name NOT LIKE 'run_%' ORDER BY name"),
    ];
    using calm = tempDir();
    await fillLog(calm.path, some, { url: url("points") });
    await readAll(calm.path, url("points"));
    const kills = POINTS.flatMap((point) => PASSES.map((n) => [point, n] as const));
    const killed = async ([point, n]: readonly [string, number]) => {
      using dir = tempDir();
      const stage = point.startsWith("stream") ? "stream" : "consume";
      const die = { TIDEMARK_DIE_AT: `${point}:${n}`, TIDEMARK_KAFKA_SESSION: "1s" };
      const ran = await run(stage, flags(dir.path), die);
      expect([ran.signal, ran.signal ? "" : ran.stderr]).toEqual(["SIGKILL", ""]);
      expect((await run(stage, flags(dir.path))).code).toBe(0);
      if (stage === "consume") expect(stored(dir.path)).toEqual(stored(calm.path));
      else expect(answerHash(join(dir.path, "windows.db"))).toEqual(answerHash(join(calm.path, "windows.db")));
    };
    for (let i = 0; i < kills.length; i += 5) await Promise.all(kills.slice(i, i + 5).map(killed));
  }, 300_000);
});
