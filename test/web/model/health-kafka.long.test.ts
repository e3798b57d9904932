/** A broker that is killed, stopped or never existed: no request waits, and the path recovers. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { committedRecords, fillLog, recordedLines, tempDir } from "../../support/data.ts";
import { exchange } from "../../support/feed.ts";
import { type Broker, freePort, kafkaAvailable, startBroker } from "../../support/kafka.ts";
import { killStages, run, type Stage, startStage, until } from "../../support/process.ts";
import { startServe } from "../../support/served.ts";

const here = kafkaAvailable();
let broker: Broker;
const PATHS = ["/", "/healthz", "/metrics", "/api/status", "/api/windows", "/api/comparison"];
/** No request waits for a broker that is away; this bound is not a measurement. */
const AT_ONCE_MS = 4_000;

/** All paths at the same time; fails when one waits. */
async function all(url: string): Promise<Map<string, { status: number; text: string }>> {
  const answers = PATHS.map(async (path) => {
    const answer = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(AT_ONCE_MS) });
    return [path, { status: answer.status, text: await answer.text() }] as const;
  });
  return new Map(await Promise.all(answers));
}

async function problemsOf(url: string): Promise<{ stage: string; code: string; sentence: string }[]> {
  return JSON.parse((await all(url)).get("/api/status")!.text).problems;
}

const has = async (url: string, stage: string, code: string) =>
  (await problemsOf(url)).some((one) => one.stage === stage && one.code === code);

/** While the broker is away, every surface reports it. */
async function reportsIt(url: string, stages: Stage[], doctor: Promise<{ code: number | null; stdout: string }>) {
  await until("the page misses the log", () => has(url, "log", "log-unreachable"));
  // At once: an answer from before may still reach a stage that has missed one on a busy machine.
  await until("both stages miss it", async () => {
    const away = (await problemsOf(url)).filter(({ code }) => code === "log-away").map(({ stage }) => stage);
    return ["stream", "consume"].every((name) => away.includes(name));
  });
  const now = await all(url);
  expect([now.get("/")!.status, now.get("/healthz")!.status, now.get("/metrics")!.status]).toEqual([200, 503, 200]);
  // A page may be made a moment before the status beside it.
  await until("page and health check name both", async () => {
    const shown = await all(url);
    const texts = ["/", "/healthz"].map((path) => shown.get(path)!.text);
    const waits = /stream: kafka:.* does not answer.*This stage waits and continues when it answers/;
    return texts.every((text) => /log: .*answer/.test(text) && waits.test(text));
  });
  // The last known offsets, with their age.
  const { log } = JSON.parse(now.get("/api/status")!.text);
  expect(log.partitions).toEqual([expect.objectContaining({ end: 300, stream_next: 300, consume_next: 300 })]);
  expect(log.age_s).toBeGreaterThan(0);
  expect(now.get("/metrics")!.text).toMatch(/^tidemark_problems\{stage="log",code="log-unreachable"\} 1$/m);
  for (const stage of stages) expect(stage.said()).toMatch(/does not answer|is away/);
  const { code, stdout } = await doctor;
  expect([code, stdout]).toEqual([1, expect.stringMatching(/answer/)]);
  expect(stdout).not.toContain("Start the broker");
}

describe.skipIf(!here)(here ? "a broker that is away" : "kafka, skipped: no Java or no jars", () => {
  beforeAll(async () => {
    broker = await startBroker();
  }, 300_000);
  afterEach(killStages);
  afterAll(() => broker.stop());

  test("none at the start: the first page comes at once and reports it", async () => {
    using dir = tempDir();
    const nobody = `kafka://127.0.0.1:${await freePort()}/raw_prices`;
    const { url, child } = await startServe(dir.path, 0, {}, ["--log", nobody]);
    try {
      const first = await all(url);
      expect([...first.values()].map(({ status }) => status)).toEqual([200, 503, 200, 200, 200, 200]);
      await until("the page misses the log", () => has(url, "log", "log-unreachable"));
      // A page may be a second old.
      await until("it is on the page", async () =>
        (await all(url)).get("/")!.text.includes("log: The Kafka broker at"),
      );
    } finally {
      child.signal("SIGTERM");
    }
    expect(await child.ended).toBe(0);
  }, 300_000);

  test("stopped, then killed: known offsets with their age, 503 everywhere; it answers again without a restart of a stage", async () => {
    using dir = tempDir();
    using feedDir = tempDir();
    const log = `${broker.url}/away`;
    await fillLog(dir.path, recordedLines().slice(0, 300), { url: log });
    const args = ["--data", dir.path, "--log", log];
    // One trade per second, into a topic of its own: the log of this test never has it.
    await using market = exchange({ speed: 1, loop: true });
    const other = ["--data", feedDir.path, "--log", `${broker.url}/fed`, "--feed", market.url];
    const produce = startStage("produce", other);
    const stages = ["stream", "consume"].map((name) => startStage(name, args));
    const { url, child } = await startServe(dir.path, 0, {}, ["--log", log]);
    const away = async () => (await problemsOf(url)).some(({ code }) => /^log-/.test(code));
    try {
      await until("all is read", async () => {
        const read = ["windows.db", "ticks.db"].every((file) => committedRecords(dir.path, file) === 300);
        return read && JSON.parse((await all(url)).get("/api/status")!.text).log.partitions?.[0]?.end === 300;
      });
      broker.process().kill("SIGSTOP");
      await reportsIt(url, stages, run("doctor", args));
      await until("produce reports that it waits", () =>
        /waiting for the log: It has not taken \d+ records/.test(produce.said()),
      );
      const { state } = JSON.parse(readFileSync(join(feedDir.path, "feed.json"), "utf8"));
      expect(state).toBe("waiting");
      broker.process().kill("SIGCONT");
      await until("it answers again", async () => !(await away()));
      await broker.kill();
      await reportsIt(url, stages, run("doctor", args));
      await broker.restart();
      await until("it answers again", async () => !(await away()));
      expect(stages.map((stage) => stage.said().match(/reading/g)?.length)).toEqual([1, 1]);
    } finally {
      broker.process().kill("SIGCONT");
      child.signal("SIGTERM");
    }
    expect(await child.ended).toBe(0);
  }, 300_000);
});
