/** Managed Kafka: TLS, logins, rights, secrets, on a real broker through the real commands. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDataDir } from "../../../scripts/base/data-dir.ts";
import { openLog } from "../../../scripts/log/open.ts";
import { fillLog, quiet, recordedLines, rowsOf, tempDir } from "../../support/data.ts";
import { freePort, kafkaAvailable } from "../../support/kafka.ts";
import {
  granted,
  PASSWORD,
  revoked,
  type SecuredBroker,
  STRANGER,
  securedUrl,
  sharedSecuredBroker,
  USER,
} from "../../support/kafka-secured.ts";
import { killStages, type Ran, run, startStage, until } from "../../support/process.ts";

const here = kafkaAvailable();
const WRONG = "wr0ng-Pa55";
const env = { TIDEMARK_KAFKA_PASSWORD: PASSWORD };
const root = mkdtempSync(join(tmpdir(), "tidemark-secured-"));
let broker: SecuredBroker;
let topics = 0;

const newTopic = () => `topic-${++topics}`;
/** The two lines of an error: the sentence with its code, and what to do. */
function wordsOf(ran: Ran): string {
  expect(ran.stdout + ran.stderr).not.toContain(PASSWORD);
  expect(ran.stdout + ran.stderr).not.toContain(WRONG);
  return ran.stderr.slice(ran.stderr.indexOf("error: "));
}

describe.skipIf(!here)(here ? "managed Kafka" : "managed Kafka, skipped: no Java or no jars", () => {
  beforeAll(async () => {
    broker = await sharedSecuredBroker();
  }, 300_000);
  afterEach(killStages);
  afterAll(() => {
    rmSync(root, { recursive: true, force: true });
  });

  test.each(["plain", "scram-sha-256", "scram-sha-512"])(
    "the whole path over TLS with a login by %s, the password from a file",
    async (mechanism) => {
      using dir = tempDir();
      const file = join(dir.path, "password");
      writeFileSync(file, `${PASSWORD}\n`);
      const url = securedUrl(broker, newTopic(), mechanism);
      process.env.TIDEMARK_KAFKA_PASSWORD = PASSWORD;
      await fillLog(join(dir.path, "data"), recordedLines().slice(0, 300), { url });
      delete process.env.TIDEMARK_KAFKA_PASSWORD;
      const args = ["--log", url, "--data", join(dir.path, "data"), "--until-end", "--json"];
      const given = { TIDEMARK_KAFKA_PASSWORD_FILE: file };
      const [windows, ticks] = await Promise.all([run("stream", args, given), run("consume", args, given)]);
      expect([windows.code, windows.json.records, ticks.code, ticks.json.records]).toEqual([0, 300, 0, 300]);
      // The store's setting `log` has neither user nor parameters: both may change for one log.
      const [log] = rowsOf<{ value: string }>(
        join(dir.path, "data"),
        "ticks.db",
        "SELECT value FROM settings WHERE name = 'log'",
      );
      expect(log?.value).toBe(url.replace(/\?.*/, "").replace(`${USER}@`, ""));
    },
    300_000,
  );

  test("no password in an output, an argument or a file: start with all its stages, the page, doctor", async () => {
    using dir = tempDir();
    const url = securedUrl(broker, newTopic());
    const port = String(await freePort());
    const start = startStage(
      "start",
      ["--log", url, "--data", dir.path, "--replay", "--speed", "max", "--port", port, "--verbose"],
      env,
    );
    const data = join(dir.path, "replay");
    await until("the page", () =>
      fetch(`http://127.0.0.1:${port}/`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    await until("stored ticks", () => rowsOf(data, "ticks.db", "SELECT 1 FROM ticks LIMIT 1").length > 0);
    const paths = ["", "healthz", "api/status", "metrics", "api/comparison"];
    const pages = await Promise.all(
      paths.map(async (path) => (await fetch(`http://127.0.0.1:${port}/${path}`)).text()),
    );
    expect(pages[2]).toContain(url.replace(/\?.*/, "").replace(`${USER}@`, ""));
    expect(pages.filter((page) => page.includes(PASSWORD) || page.includes(`${USER}@`))).toEqual([]);
    const arguments_ = readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, "utf8");
        } catch {
          return "";
        }
      });
    expect(arguments_.filter((line) => line.includes("stream.ts")).length).toBeGreaterThan(0);
    expect(arguments_.filter((line) => line.includes(PASSWORD))).toEqual([]);
    const doctor = await run("doctor", ["--log", url, "--data", data], env);
    expect(doctor.stdout).toContain(`kafka+ssl://${broker.at.tlsLogin}`);
    expect(doctor.stdout + doctor.stderr + start.said()).not.toContain(PASSWORD);
    start.signal("SIGTERM");
    await start.ended;
    const files = readdirSync(dir.path, { recursive: true, encoding: "utf8" }).map((name) => join(dir.path, name));
    const holding = files.filter((file) => statSync(file).isFile() && readFileSync(file).includes(PASSWORD));
    expect([files.length > 5, holding]).toEqual([true, []]);
  }, 300_000);

  test("missing rights: each is named at the first start, and doctor reports the same", async () => {
    const topic = "rights-topic";
    process.env.TIDEMARK_KAFKA_PASSWORD = PASSWORD;
    const url = securedUrl(broker, topic, "plain", STRANGER);
    const where = ["--log", url, "--data", join(root, "rights")];
    const produce = () => run("produce", [...where, "--feed", "ws://127.0.0.1:1", "--until-end"], env);
    const follow = () => run("stream", [...where, "--until-end"], env);
    const grant = (kind: "TOPIC" | "GROUP", prefix: string, operation: "READ" | "WRITE" | "DESCRIBE" | "CREATE") =>
      granted(broker.plain.port, STRANGER, [[kind, prefix, operation]]);
    const hint = "docs/kafka.md lists the rights that each command needs.";

    expect(wordsOf(await produce())).toBe(
      `error: The user "stranger" can't see a topic ${topic}, and may not create it. [TIDEMARK_LOG_ACCESS]\nIf the topic exists, grant DESCRIBE on it; if not, ask an administrator to create it or to grant CREATE. ${hint}\n`,
    );
    await fillLog(join(root, "owner"), recordedLines().slice(0, 50), { url: securedUrl(broker, topic) });
    await grant("TOPIC", "rights-", "DESCRIBE");
    expect(wordsOf(await follow())).toBe(
      `error: The user "stranger" lacks rights on the Kafka cluster: READ on the topic ${topic}, READ on the group GROUP. [TIDEMARK_LOG_ACCESS]\nAsk an administrator to grant READ on the topic ${topic}, READ on groups that begin with tidemark-. ${hint}\n`.replace(
        "GROUP",
        groupOf("rights"),
      ),
    );
    await grant("TOPIC", "rights-", "READ");
    expect(wordsOf(await follow())).toContain(
      `lacks a right on the Kafka cluster: READ on the group ${groupOf("rights")}.`,
    );
    await grant("GROUP", "tidemark-", "READ");
    const read = await run("stream", [...where, "--until-end", "--json"], env);
    expect([read.code, read.json.records]).toEqual([0, 50]);
    expect(wordsOf(await produce())).toStartWith(
      `error: The user "stranger" lacks a right on the Kafka cluster: WRITE on the topic ${topic}. [TIDEMARK_LOG_ACCESS]`,
    );
    const doctor = await run("doctor", [...where, "--json"], env);
    const found = JSON.parse(doctor.stdout).find((one: { what: string }) => one.what === "log");
    expect([found.ok, found.found]).toEqual([
      false,
      `The user "stranger" lacks a right on the Kafka cluster: WRITE on the topic ${topic}.`,
    ]);
    expect(found.advice).toContain("Ask an administrator to grant WRITE");
    await grant("TOPIC", "rights-", "WRITE");
    await fillLog(join(root, "rights"), recordedLines().slice(50, 60), { url });
    delete process.env.TIDEMARK_KAFKA_PASSWORD;
  }, 300_000);

  test("rights that are revoked while stages run end them with a sentence", async () => {
    const topic = "taken-topic";
    const data = join(root, "taken");
    const url = securedUrl(broker, topic, "scram-sha-256", STRANGER);
    const rights = (group: string): Parameters<typeof granted>[2] => [
      ["TOPIC", "taken-", "READ"],
      ["TOPIC", "taken-", "WRITE"],
      ["TOPIC", "taken-", "CREATE"],
      ["GROUP", group, "READ"],
    ];
    await granted(broker.plain.port, STRANGER, rights("tidemark-"));
    process.env.TIDEMARK_KAFKA_PASSWORD = PASSWORD;
    await fillLog(data, recordedLines().slice(0, 50), { url });
    const log = await openLog(url, openDataDir(data, quiet), { role: "writer", logger: quiet });
    delete process.env.TIDEMARK_KAFKA_PASSWORD;
    const record = { key: "BTC-USD", value: Buffer.from(recordedLines()[0]!) };
    await log.append([record]);
    const consume = startStage("consume", ["--log", url, "--data", data], env);
    await until("the ticks", () => rowsOf(data, "ticks.db", "SELECT 1 FROM ticks").length === 50);
    await revoked(broker.plain.port, STRANGER, rights("tidemark-"));
    expect(await consume.ended).toBe(1);
    expect(consume.said()).toMatch(
      /error: The user "stranger" (lacks|may not read) .*\[TIDEMARK_LOG_ACCESS\]\n.*grant /i,
    );
    await expect(log.append([record])).rejects.toThrow(
      `lacks a right on the Kafka cluster: WRITE on the topic ${topic}.`,
    );
    await log.close();
  }, 300_000);

  test("no command repeats a password that was typed into a URL, a wrong flag or TIDEMARK_LOG", async () => {
    const url = `kafka+ssl://me:${WRONG}@127.0.0.1:1/t?mechanism=plain`;
    const commands = ["start", "produce", "stream", "consume", "serve", "doctor", "drill", "bench"];
    const ways = (name: string): [args: string[], given: Record<string, string>][] => [
      [["--log", url], {}],
      [[], name === "bench" ? {} : { TIDEMARK_LOG: url }],
      [[`--lgo=${url}`], {}],
      [["--log", "embedded:", url, url], {}],
    ];
    const data = ["--data", join(root, "typed")];
    for (const name of commands) {
      const tried = ways(name).filter(([args, given]) => args.length + Object.keys(given).length > 0);
      const all = await Promise.all(
        tried.map(([args, given]) => run(name, [...(name === "bench" ? [] : data), ...args], given)),
      );
      for (const ran of all) {
        expect([name, ran.stdout.includes(WRONG), ran.stderr.includes(WRONG)]).toEqual([name, false, false]);
        expect(ran.code).not.toBe(0);
      }
    }
  }, 300_000);
});

/** The group of the stream whose windows are in a data directory. */
function groupOf(name: string): string {
  const [row] = rowsOf<{ value: string }>(
    join(root, name),
    "windows.db",
    "SELECT value FROM settings WHERE name = 'created'",
  );
  return `tidemark-stream-${row!.value.slice(-8)}`;
}
