/** kafkajs is patched by one call and never by an import; the bench's stock client is unpatched. */
import { beforeAll, describe, expect, test } from "bun:test";
import { fillLog, tempDir } from "../../support/data.ts";
import { type Broker, kafkaAvailable, sharedBroker } from "../../support/kafka.ts";
import { childOf, runToEnd } from "../../support/process.ts";

/** Which properties of kafkajs each step changed, in a process of its own. */
async function changedBy(steps: string[], env: Record<string, string> = {}): Promise<unknown> {
  const { code, stdout, stderr } = await runToEnd(childOf("kafkajs-state", steps), { env });
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const PATCHED = [
  "network/requestQueue/index.js prototype scheduleCheckPendingRequests",
  "protocol/message/compression/index.js Codecs 2",
  "protocol/message/compression/index.js Codecs 3",
  "protocol/message/compression/index.js Codecs 4",
  "protocol/requests/fetch/v11/response.js decode",
];

test("importing every file of log/kafka changes nothing in kafkajs; patchKafkajs changes three things, once", async () => {
  expect(await changedBy(["import", "patch", "patch"])).toEqual({ "0 import": [], "1 patch": PATCHED, "2 patch": [] });
});

const here = kafkaAvailable();
describe.skipIf(!here)(here ? "kafka" : "kafka, skipped: no Java or no jars", () => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await sharedBroker();
  }, 120_000);

  test("the bench's stock client reads a topic with kafkajs unpatched", async () => {
    using dir = tempDir();
    const RAW_URL = `${broker.url}/stock`;
    const lines = Array.from({ length: 1_000 }, (_, i) => `{"product_id":"BTC-USD","trade_id":${i}}`);
    await fillLog(dir.path, lines, { url: RAW_URL });
    expect(await changedBy(["raw", "patch"], { RAW_URL, RAW_COUNT: "1000" })).toEqual({
      "0 raw": [],
      "1 patch": PATCHED,
    });
  }, 120_000);
});
