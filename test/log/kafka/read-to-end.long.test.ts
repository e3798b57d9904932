/** Reading a topic to its end: behind transaction markers, after lost records, in empty partitions. */
import { afterAll, describe, expect, test } from "bun:test";
import { openDataDir } from "../../../scripts/base/data-dir.ts";
import type { Log } from "../../../scripts/contract/log.ts";
import { olderTraces, recentTrades } from "../../../scripts/feed/index.ts";
import { openLog, readToEnd } from "../../../scripts/log/index.ts";
import { quiet, recordedLines, tempDir } from "../../support/data.ts";
import { createTopic, dropBefore, kafkaAvailable, transactions } from "../../support/kafka.ts";
import { sharedCluster } from "../../support/kafka-cluster.ts";
import { unpack } from "../../support/log-records.ts";
import { until } from "../../support/process.ts";

const here = kafkaAvailable();
const cluster = sharedCluster(here, "1s");
const hour = recordedLines();
const messages = (from: number, to: number, partition = 0) =>
  hour.slice(from, to).map((value) => ({ key: "BTC-USD", value, partition }));

describe.skipIf(!here)(here ? "kafka, to the end" : "kafka, skipped: no Java or no jars", () => {
  const data = tempDir();
  let log: Log | undefined;

  afterAll(async () => {
    await log?.close();
    data[Symbol.dispose]();
  });

  const opened = async (topic: string, partitions: number) => {
    await log?.close();
    await createTopic(cluster.admin, topic, partitions);
    log = await openLog(`${cluster.broker.url}/${topic}`, openDataDir(data.path), { role: "reader", logger: quiet });
    return log;
  };
  const offsetsOf = async (one: Log, group: string) => {
    const batches = await Array.fromAsync(readToEnd(one, { group }));
    return unpack(batches).map(({ partition, offset }) => `${partition}:${offset}`);
  };

  test("transaction markers at the end, aborted records and empty partitions: the committed records, and an end", async () => {
    const topic = await opened("to-end-markers", 3);
    await transactions(cluster.broker.port, "to-end-markers", [
      { messages: [...messages(0, 2), ...messages(2, 3, 2)] },
      { messages: messages(3, 5, 2), isAborted: true },
    ]);
    const ends = async () => (await topic.spans()).map(({ end }) => end);
    // The broker answers before it has written the last marker.
    await until("the last marker", async () => (await ends())[2] === 5);
    expect(await ends()).toEqual([3, 0, 5]);
    expect((await offsetsOf(topic, "markers")).sort()).toEqual(["0:0", "0:1", "2:0"]);
  }, 300_000);

  test("a topic of markers and aborted records alone has no record and an end", async () => {
    const topic = await opened("to-end-nothing", 1);
    await transactions(cluster.broker.port, "to-end-nothing", [{ messages: messages(0, 3), isAborted: true }]);
    expect(await offsetsOf(topic, "nothing")).toEqual([]);
    expect(await topic.tail(10)).toEqual([]);
  }, 300_000);

  test("records that retention dropped: reading begins at the first kept one; an empty log is at its end", async () => {
    const topic = await opened("to-end-cut", 1);
    await transactions(cluster.broker.port, "to-end-cut", [{ messages: messages(0, 5) }, { messages: messages(5, 8) }]);
    await dropBefore(cluster.admin, "to-end-cut", 3);
    expect(await offsetsOf(topic, "cut")).toEqual(["0:3", "0:4", "0:6", "0:7", "0:8"]);
    await dropBefore(cluster.admin, "to-end-cut", 10);
    expect(await offsetsOf(topic, "empty")).toEqual([]);
  }, 300_000);

  test("the feed resumes from a topic that ends in markers: its last trades, and no more waiting", async () => {
    const topic = await opened("to-end-feed", 1);
    await transactions(cluster.broker.port, "to-end-feed", [
      { messages: messages(0, 50) },
      { messages: messages(50, 60), isAborted: true },
    ]);
    const recent = await recentTrades(topic);
    expect(recent.at(-1)?.trade_id).toBe(JSON.parse(hour[49]!).trade_id);
    expect(await olderTraces(topic, ["BTC-USD", "ETH-USD"], recent)).toEqual([]);
  }, 300_000);
});
