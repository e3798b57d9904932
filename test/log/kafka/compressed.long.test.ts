/** Topics with compressed batches, by the broker or other producers, and with small batches only. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Producer } from "@platformatic/kafka";
import { CompressionTypes } from "kafkajs";
import { openDataDir } from "../../../scripts/base/data-dir.ts";
import type { TidemarkError } from "../../../scripts/base/errors.ts";
import { openLog, readToEnd } from "../../../scripts/log/index.ts";
import { KAFKA_UNPACKED_BYTES_MAX } from "../../../scripts/log/kafka/kafka-limits.ts";
import { fillLog, quiet, recordedLines, rowsOf, tempDir } from "../../support/data.ts";
import { createTopic, kafkaAvailable, stockClient } from "../../support/kafka.ts";
import { sharedCluster } from "../../support/kafka-cluster.ts";
import { unpack } from "../../support/log-records.ts";
import { run } from "../../support/process.ts";

const here = kafkaAvailable();
const cluster = sharedCluster(here);
const CODECS = ["gzip", "snappy", "lz4", "zstd"] as const;
const LINES = recordedLines().slice(0, 2_000);
const root = tempDir();
afterAll(() => root[Symbol.dispose]());

async function topicWith(name: string, config: Record<string, string>, partitions = 1): Promise<string> {
  await createTopic(cluster.admin, name, partitions, config);
  return `${cluster.broker.url}/${name}`;
}

/** What both stages store of a log: ticks and windows. */
async function answerOf(url: string, name: string) {
  const data = join(root.path, name);
  const args = ["--log", url, "--data", data, "--until-end", "--json"];
  const [stream, consume] = await Promise.all([run("stream", [...args, "--flush"]), run("consume", args)]);
  expect([stream.stderr, stream.code, consume.code]).toEqual([expect.anything(), 0, 0]);
  const windows = rowsOf<Record<string, unknown>>(data, "windows.db", "SELECT * FROM windows ORDER BY 1, 2, 3");
  const ticks = rowsOf<{ trade_id: number }>(data, "ticks.db", "SELECT trade_id FROM ticks ORDER BY rowid");
  return {
    ids: ticks.map(({ trade_id }) => trade_id),
    // Without the times of the append and of the writing.
    windows: windows.map((row) => ({ ...row, received_us: 0, updated_at: 0 })),
    malformed: consume.json.malformed,
  };
}

const idOf = (line: string) => Number(/"trade_id":(\d+)/.exec(line)![1]);

describe.skipIf(!here)(here ? "compressed topics" : "compressed topics, skipped: no Java or no jars", () => {
  let expected: Awaited<ReturnType<typeof answerOf>>;

  beforeAll(async () => {
    await fillLog(join(root.path, "calm"), LINES, { url: await topicWith("calm", {}) });
    expected = await answerOf(`${cluster.broker.url}/calm`, "calm");
    expect(expected.ids).toEqual(LINES.map(idOf));
  }, 300_000);

  test.each(CODECS)(
    "a topic with compression.type=%s gives the same windows and ticks",
    async (codec) => {
      const url = await topicWith(`by-broker-${codec}`, { "compression.type": codec });
      await fillLog(join(root.path, codec), LINES, { url });
      expect(await answerOf(url, codec)).toEqual(expected);
    },
    300_000,
  );

  test.each(CODECS)(
    "another program's producer with %s, with and without headers, gives the same windows and ticks",
    async (codec) => {
      const topic = `by-producer-${codec}`;
      const url = await topicWith(topic, {});
      const producer = new Producer({
        clientId: "somebody",
        bootstrapBrokers: [`127.0.0.1:${cluster.broker.port}`],
        compression: codec,
      });
      for (let from = 0; from < LINES.length; from += 250) {
        // Headers of another program are passed over.
        const headers = from % 500 === 0 ? new Map([[Buffer.from("by"), Buffer.from("somebody")]]) : undefined;
        const messages = LINES.slice(from, from + 250).map((line) => ({
          topic,
          partition: 0,
          key: Buffer.from("BTC-USD"),
          value: Buffer.from(line),
          headers,
        }));
        await producer.send({ messages });
      }
      await producer.close();
      expect(await answerOf(url, topic)).toEqual(expected);
    },
    300_000,
  );

  test("a batch that unpacks to more than the limit ends the stage with a sentence", async () => {
    const url = await topicWith("bomb", {});
    const stock = stockClient(cluster.broker.port).producer();
    await stock.connect();
    const value = Buffer.alloc(KAFKA_UNPACKED_BYTES_MAX + 1_000, 65);
    await stock.send({ topic: "bomb", compression: CompressionTypes.GZIP, messages: [{ key: "BTC-USD", value }] });
    await stock.disconnect();
    const ran = await run("consume", ["--log", url, "--data", join(root.path, "bomb"), "--until-end"]);
    expect(ran.code).toBe(1);
    expect(ran.stderr.slice(ran.stderr.indexOf("error:"))).toMatch(
      /^error: The topic bomb can't be read further: A batch compressed with gzip can't be read: .* \[TIDEMARK_LOG_SETTINGS\]\nA batch may have 67108864 bytes/,
    );
  }, 300_000);

  test("every codec in one topic, beside batches that are not compressed", async () => {
    const topic = "mixed";
    const url = await topicWith(topic, {});
    const stock = stockClient(cluster.broker.port).producer();
    await stock.connect();
    for (const [i, codec] of [undefined, ...CODECS].entries()) {
      const lines = LINES.slice(i * 400, (i + 1) * 400);
      if (codec === undefined || codec === "gzip") {
        const compression = codec === undefined ? CompressionTypes.None : CompressionTypes.GZIP;
        await stock.send({ topic, compression, messages: lines.map((value) => ({ key: "BTC-USD", value })) });
        continue;
      }
      const producer = new Producer({
        clientId: "s",
        bootstrapBrokers: [`127.0.0.1:${cluster.broker.port}`],
        compression: codec,
      });
      await producer.send({
        messages: lines.map((line) => ({ topic, key: Buffer.from("BTC-USD"), value: Buffer.from(line) })),
      });
      await producer.close();
    }
    await stock.disconnect();
    expect(await answerOf(url, topic)).toEqual(expected);
  }, 300_000);
});

describe.skipIf(!here)(here ? "max.message.bytes" : "max.message.bytes, skipped: no Java or no jars", () => {
  const cases: [bytes: number, partitions: number][] = [
    [30_000, 1],
    [1_000, 1],
    [5_000, 3],
  ];
  test.each(cases)(
    "%i bytes, %i partitions: batches are halved until they fit, in order, each record once",
    async (bytes, partitions) => {
      const topic = `small-${bytes}`;
      const url = await topicWith(topic, { "max.message.bytes": String(bytes) }, partitions);
      const log = await openLog(url, openDataDir(join(root.path, topic)), { role: "writer", logger: quiet });
      const products = ["A-B", "C-D", "E-F", "G-H"];
      const total = 2_000;
      const records = Array.from({ length: total }, (_, i) => {
        const key = products[i % products.length]!;
        return { key, value: Buffer.from(`${key} ${i} ${"x".repeat(i % 300)}`) };
      });
      // Appends of several sizes at once, as the feed makes them.
      await Promise.all(
        [records.slice(0, 1_500), records.slice(1_500, 1_501), records.slice(1_501)].map((some) => log.append(some)),
      );
      const read = unpack(await Array.fromAsync(readToEnd(log, { group: `tidemark-${topic}` }))).map(
        ({ text }) => text,
      );
      const ends = (await log.spans()).reduce((sum, { end }) => sum + end, 0);
      await log.close();
      expect(ends).toBe(total);
      for (const product of products) {
        const wanted = records.filter(({ key }) => key === product).map(({ value }) => value.toString());
        expect(read.filter((one) => one.startsWith(product))).toEqual(wanted);
      }
    },
    300_000,
  );

  test("a single record that is too large: one sentence with both sizes, and the records before it are stored", async () => {
    const topic = "tiny";
    const url = await topicWith(topic, { "max.message.bytes": "1000" });
    const log = await openLog(url, openDataDir(join(root.path, topic)), { role: "writer", logger: quiet });
    const value = (size: number) => ({ key: "A-B", value: Buffer.alloc(size, 65) });
    const error: TidemarkError = await log.append([value(10), value(20), value(2_000)]).then(
      () => Promise.reject(new Error("it was taken")),
      (refused) => refused,
    );
    expect([error.code, error.message]).toEqual([
      "LOG_SETTINGS",
      "The topic tiny refuses a single record of 2003 bytes (and its max.message.bytes is 1000).",
    ]);
    expect(error.hint).toStartWith("Raise max.message.bytes of the topic to at least 2103");
    expect((await log.spans())[0]?.end).toBe(2);
    await log.close();
  }, 300_000);
});
