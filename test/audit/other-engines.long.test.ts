/**
 * Real answers of Kafka Streams and of plain Python over the disordered recorded hour
 * (engines/README.md), audited, and forged copies refused. Three JVMs, one after the other.
 */
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Admin } from "kafkajs";
import { audited, counted, lastDigit, linesOf, named, refused, withCells, written } from "../support/audited.ts";
import { tempDir } from "../support/data.ts";
import {
  disorderedHour,
  enginesAvailable,
  killEngine,
  killEngines,
  portionsOf,
  runPython,
  startFeed,
  startStreams,
} from "../support/engines.ts";
import { type Broker, createTopic, sharedBroker, stockClient } from "../support/kafka.ts";
import { type Stage, until } from "../support/process.ts";

setDefaultTimeout(300_000);

const here = enginesAvailable();
const LINES = disorderedHour();
/** The first tick that a clock per record calls late. */
const FIRST_LATE = LINES.findIndex((line) => line.includes('"trade_id":1910,'));
/** µs: the delay that the jobs here are given. */
const lateness = 60_000_000;

const dir = tempDir();
const at = (...names: string[]) => join(dir.path, ...names);
let broker: Broker;
let admin: Admin;

beforeAll(async () => {
  written(at("ticks.jsonl"), LINES);
  if (!here) return;
  broker = await sharedBroker();
  admin = stockClient(broker.port).admin();
  await admin.connect();
});
afterEach(killEngines);
afterAll(async () => {
  await admin?.disconnect();
  dir[Symbol.dispose]();
});

/** Appends messages to a topic; its URL. */
async function sent(topic: string, lines: string[]): Promise<string> {
  const feed = await startFeed(broker, topic);
  for (const portion of portionsOf(lines, 24)) await feed.send(portion);
  await feed.close();
  return `${broker.url}/${topic}`;
}

describe.skipIf(!here)("Kafka Streams", () => {
  /** Starts it with an application id and a topic of answers of this name. */
  function start(name: string, input: string, flags: string[]): Stage {
    const args = ["--brokers", `127.0.0.1:${broker.port}`, "--in", input, "--out", name, "--id", name];
    return startStreams([...args, "--state", at(name), ...flags]);
  }
  const read = (name: string, topic: string, job: Stage, offset: number) =>
    until(
      `${name} has read to ${offset}`,
      async () => {
        if (!job.isRunning()) throw new Error(job.said().slice(-4_000));
        // The group's coordinator may still be loading.
        const [found] = await admin.fetchOffsets({ groupId: name, topics: [topic] }).catch((error) => {
          if (error.retriable) return [];
          throw error;
        });
        return Number(found?.partitions[0]?.offset ?? -1) >= offset;
      },
      { ms: 120_000, every_ms: 100, said: job.said },
    );
  // Answers have the time of their windows: an hour of 2023 is older than the default retention.
  const answersIn = (name: string) => createTopic(admin, name, 1, { "retention.ms": "-1" });

  test("doubles, repeats counted, lateness per record", async () => {
    const input = await sent("whole", LINES);
    await answersIn("doubles");
    const job = start("doubles", "whole", ["--numbers", "double", "--repeats", "all"]);
    await read("doubles", "whole", job, LINES.length);
    await job.stop();
    const known = await audited(input, `${broker.url}/doubles`, { lateness });
    expect(counted(known)).toEqual({ equal: 0, W1: 21, W2: 24, W3: 13, W4: 2, consistent: 0, unexplained: 0 });
    expect(named(known, "W2").slice(0, 5)).toEqual([1910, 2293, 2694, 2781, 2741]);
    expect(named(known, "W2")).toHaveLength(37);
    expect(known.passed).toBeTrue();
    // The delay is found; that no row came after the last is not.
    const alone = await audited(input, `${broker.url}/doubles`);
    expect(counted(alone)).toMatchObject({ consistent: 2, unexplained: 0 });
    expect(alone.passed).toBeFalse();
  });

  test("killed with kill -9 before a late tick, it has lost its clock and the window", async () => {
    const topic = "cut";
    const input = await sent(topic, LINES.slice(0, FIRST_LATE));
    await answersIn("restarted");
    // Its store has forgotten the window, too: the late tick begins it again.
    const flags = ["--retention", "120"];
    const killed = start("restarted", topic, flags);
    await read("restarted", topic, killed, FIRST_LATE);
    await killEngine(killed);
    await sent(topic, LINES.slice(FIRST_LATE));
    const job = start("restarted", topic, flags);
    await read("restarted", topic, job, LINES.length);
    await job.stop();
    const after = await audited(input, `${broker.url}/restarted`, { lateness });
    expect(counted(after)).toEqual({ equal: 34, W2: 23, W4: 2, W8: 1, consistent: 0, unexplained: 0 });
    expect(after.report.how.join(" ")).toContain(`lost at offset ${FIRST_LATE} of partition 0`);
    expect(after.report.totals.superseded_rows).toBe(1);
    expect(after.passed).toBeTrue();
  });
});

describe("plain Python", () => {
  test.each<[string, string[], Record<string, number>]>([
    ["decimals, each trade once", [], { equal: 15, W2: 24, W4: 2, W12: 19 }],
    ["floats, repeats counted", ["--float", "--repeats", "all"], { equal: 0, W1: 10, W2: 24, W3: 13, W4: 2, W12: 11 }],
  ])("%s", async (name, flags, rules) => {
    const out = at(`${name}.csv`);
    const { code, stderr } = await runPython("windows.py", [
      at("ticks.jsonl"),
      "--lateness",
      "60",
      "--out",
      out,
      ...flags,
    ]);
    expect([code, stderr]).toEqual([0, ""]);
    const found = await audited(at("ticks.jsonl"), out, { lateness });
    expect(counted(found)).toEqual({ ...rules, consistent: 0, unexplained: 0 });
    expect(named(found, "W2")).toHaveLength(37);
    expect(found.passed).toBeTrue();
  });

  test("forged decimals are refused", async () => {
    const lines = linesOf(at("decimals, each trade once.csv"));
    const forged = withCells(lines, ["price_sum", "notional", "vwap", "min_price"], lastDigit);
    const isOf = (minute: string) => (line: string) => line.includes(`T${minute}:00Z,2023`);
    const fewer = forged.lines.map((line) => (isOf("16:30")(line) ? line.split(",").with(3, "1").join(",") : line));
    const rows = fewer.filter((line) => !isOf("16:40")(line));
    const found = await audited(at("ticks.jsonl"), written(at("forged.csv"), rows), { lateness });
    expect(refused(found)).toEqual({ unexplained: [...forged.minutes, "16:30", "16:40"], passed: false });
  });
});
