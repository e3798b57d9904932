/** A whole topic as a guest reads it: no group, nothing created, committed records alone. */
import { describe, expect, test } from "bun:test";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { wholeLog } from "../../../scripts/log/index.ts";
import { fillLog, quiet, recordedLines, tempDir } from "../../support/data.ts";
import { createTopic, dropBefore, kafkaAvailable, transactions } from "../../support/kafka.ts";
import { sharedCluster } from "../../support/kafka-cluster.ts";
import { unpack } from "../../support/log-records.ts";
import { run, until } from "../../support/process.ts";

const here = kafkaAvailable();
const cluster = sharedCluster(here, "1s");
const hour = recordedLines();
const messages = (from: number, to: number, partition = 0) =>
  hour.slice(from, to).map((value) => ({ key: "BTC-USD", value, partition }));

describe.skipIf(!here)(here ? "kafka, a whole topic" : "kafka, skipped: no Java or no jars", () => {
  const paths = dataPaths("none");
  const read = async (topic: string) =>
    unpack(await Array.fromAsync(wholeLog(`${cluster.broker.url}/${topic}`, paths, quiet)));
  const groups = async () => (await cluster.admin.listGroups()).groups.map(({ groupId }) => groupId);
  // A group of an earlier test ends at any time.
  const newGroups = async (before: string[]) => (await groups()).filter((group) => !before.includes(group));

  test("every record of the recorded hour, and the cluster has no group that it had not before", async () => {
    using dir = tempDir();
    await fillLog(dir.path, hour, { url: `${cluster.broker.url}/whole-hour`, partitions: 1 });
    const before = await groups();
    const records = await read("whole-hour");
    expect(records.map(({ text }) => text)).toEqual(hour);
    expect(records.map(({ offset }) => offset)).toEqual(hour.map((_, offset) => offset));
    expect(await newGroups(before)).toEqual([]);
  }, 300_000);

  test("of transactions the committed records alone, and an end behind their markers", async () => {
    await createTopic(cluster.admin, "whole-markers", 3);
    await transactions(cluster.broker.port, "whole-markers", [
      { messages: [...messages(0, 2), ...messages(2, 3, 2)] },
      { messages: messages(3, 5, 2), isAborted: true },
    ]);
    const ends = async () => (await cluster.admin.fetchTopicOffsets("whole-markers")).map(({ high }) => Number(high));
    await until("the last marker", async () => (await ends()).sort().at(-1) === 5);
    const found = await read("whole-markers");
    expect(found.map(({ partition, offset }) => `${partition}:${offset}`)).toEqual(["0:0", "0:1", "2:0"]);
  }, 300_000);

  test("an audit of a topic of answers against a topic of ticks, without a group", async () => {
    using dir = tempDir();
    const { url } = cluster.broker;
    await fillLog(dir.path, hour.slice(0, 238), { url: `${url}/audit-ticks`, partitions: 1 });
    const rows = [237, 238].map(
      (n) => `{"product_id":"BTC-USD","start":"2023-09-05T16:00:00Z","n":${n},"low":"25735.62"}`,
    );
    await fillLog(dir.path, rows, { url: `${url}/audit-answers`, partitions: 1 });
    const before = await groups();
    const { code, stdout, stderr } = await run("audit", [
      "--log",
      `${url}/audit-ticks`,
      "--answers",
      `${url}/audit-answers`,
      "--window",
      "1m",
    ]);
    expect([code, stderr, stdout.split("\n")[0]]).toEqual([
      0,
      "",
      "1 window: 1 equal, 0 unexplained, 1 earlier row (W9)",
    ]);
    expect(await newGroups(before)).toEqual([]);
  }, 300_000);

  test("records that retention dropped before: reading begins at the first kept one", async () => {
    using dir = tempDir();
    await fillLog(dir.path, hour.slice(0, 20), { url: `${cluster.broker.url}/whole-cut`, partitions: 1 });
    await dropBefore(cluster.admin, "whole-cut", 12);
    expect((await read("whole-cut")).map(({ offset }) => offset)).toEqual([12, 13, 14, 15, 16, 17, 18, 19]);
  }, 300_000);

  test("a topic that does not exist is not created", async () => {
    await expect(read("whole-none")).rejects.toThrow(/has no topic whole-none/);
    expect(await cluster.admin.listTopics()).not.toContain("whole-none");
  }, 300_000);
});
