/** Time that a tick waits for a Kafka broker shows in its latencies, which count from the socket. */
import { afterEach, expect, test } from "bun:test";
import { tempDir } from "../support/data.ts";
import { kafkaAvailable, startBroker } from "../support/kafka.ts";
import { killStages } from "../support/process.ts";
import { expectStallInLatencies } from "../support/stalled-log.ts";

afterEach(killStages);

test.skipIf(!kafkaAvailable())(
  "a Kafka broker is suspended for more than 2 s: ingest and pipeline latency show at least 2 s for the ticks that waited",
  async () => {
    using dir = tempDir();
    const broker = await startBroker();
    try {
      await expectStallInLatencies(dir.path, `${broker.url}/stalled`, () => {
        expect(broker.process().kill("SIGSTOP")).toBe(true);
        return () => void broker.process().kill("SIGCONT");
      });
    } finally {
      broker.process().kill("SIGCONT");
      await broker.stop();
    }
  },
  300_000,
);
