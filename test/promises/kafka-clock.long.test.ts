/** Kafka and clocks: append times set by producers, clients whose clock is set (docs/faults.md 48, 52). */
import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { ConfigResourceTypes } from "kafkajs";
import { noClock } from "../../scripts/drill/machine-clock.ts";
import { answerHash } from "../../scripts/store/answer-hash.ts";
import { recordedLines, tempDir } from "../support/data.ts";
import { type Broker, createTopic, kafkaAvailable, sharedBroker, stockClient } from "../support/kafka.ts";
import { ClockedPath, problemsIn } from "../support/machine-clock.ts";
import { killStages, run } from "../support/process.ts";

const here = kafkaAvailable();
let broker: Broker;
const LINES = recordedLines().slice(0, 600);
const EVENT_MS = Date.parse("2023-09-05T16:00:00Z");

/** A topic whose records have the times that their producer sets, milliseconds since 1970. */
async function stamped(topic: string, time: (i: number) => number): Promise<string> {
  const client = stockClient(broker.port);
  const admin = client.admin();
  await createTopic(admin, topic, 1, {
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": "9223372036854775807",
    "retention.ms": "-1",
  });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: ["message.timestamp.type"] }],
  });
  expect(resources[0]!.configEntries[0]!.configValue).toBe("CreateTime");
  await admin.disconnect();
  const producer = client.producer();
  await producer.connect();
  const messages = LINES.map((value, i) => ({ key: "BTC-USD", value, timestamp: String(time(i)) }));
  await producer.send({ topic, messages });
  await producer.disconnect();
  return `${broker.url}/${topic}`;
}

describe.skipIf(!here)(
  `a real broker${here ? "" : " (skipped: no Java, or `bun run test:kafka` never ran here)"}`,
  () => {
    beforeAll(async () => {
      broker = await sharedBroker();
    }, 300_000);
    afterEach(killStages);

    for (const [name, time, code] of [
      ["-1", () => -1, "append-time"],
      ["0", () => 0, "append-time"],
      ["seconds", (i: number) => Math.floor(EVENT_MS / 1_000) + i, "append-time"],
      ["microseconds", (i: number) => (EVENT_MS + i) * 1_000, "append-ahead"],
      ["right for a while, then 0", (i: number) => (i < 300 ? EVENT_MS + 3_600_000 : 0), "append-time"],
    ] as const) {
      test(`append times that can't be compared with a tick (${name}): windows close as with right ones, and it is reported once`, async () => {
        using dir = tempDir();
        const log = await stamped(`clock-${name.replace(/\W/g, "")}`, time);
        const right = await stamped(`clock-right-${name.replace(/\W/g, "")}`, () => EVENT_MS + 3_600_000);
        using other = tempDir();
        for (const [path, url] of [
          [other.path, right],
          [dir.path, log],
        ] as const) {
          const { code: status, stderr } = await run("stream", [
            "--data",
            path,
            "--log",
            url,
            "--until-end",
            "--poll-records",
            "100",
          ]);
          expect([status, status && stderr]).toEqual([0, 0]);
          expect(stderr.match(/append time/g)?.length ?? 0).toBe(path === dir.path ? 1 : 0);
        }
        const answer = answerHash(join(dir.path, "windows.db"));
        expect(answer).toEqual(answerHash(join(other.path, "windows.db")));
        expect(answer.rows.windows).toBeGreaterThan(2);
        expect(problemsIn(dir.path)).toEqual([expect.objectContaining({ code, stops: false })]);
        expect(problemsIn(other.path)).toEqual([]);
      }, 300_000);
    }

    test.skipIf(noClock() !== null)(
      `clients whose clock is set eight hours forward, then back, keep reading and writing${noClock() ? ` (skipped: ${noClock()})` : ""}`,
      async () => {
        const log = `${broker.url}/clock-steps`;
        await using path = new ClockedPath(0, log);
        await path.until("windows", () => path.closed() >= 2);
        for (const seconds of [8 * 3_600, -8 * 3_600, 0]) {
          path.clock.set(seconds);
          const ticks = () => path.ticks<{ n: number }>("SELECT count(*) AS n FROM ticks")[0]?.n ?? 0;
          const [windows, stored] = [path.closed(), ticks()];
          await path.until(`windows after ${seconds} s`, () => path.closed() >= windows + 3 && ticks() > stored + 50);
        }
        expect(path.late()).toBe(0);
        await path.stop();
      },
      300_000,
    );
  },
);
