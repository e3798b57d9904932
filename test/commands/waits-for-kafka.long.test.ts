/** `start` before its broker: every stage waits, and the path begins when the broker is there. */
import { expect, test } from "bun:test";
import { tempDir } from "../support/data.ts";
import { freePort, kafkaAvailable, startBroker } from "../support/kafka.ts";
import { startStage, until } from "../support/process.ts";

test.skipIf(!kafkaAvailable())(
  "a broker that comes a while after start: nothing is given up, and the whole hour is compared",
  async () => {
    using dir = tempDir();
    const port = await freePort();
    const child = startStage("start", [
      ...["--data", dir.path, "--replay", "--speed", "max", "--port", "0", "--every", "2s"],
      ...["--log", `kafka://127.0.0.1:${port}/raw_prices`],
    ]);
    try {
      const page = await until("the page's address", () => /is at (http:\S+)\//.exec(child.printed())?.[1]);
      const waits = until("stream's wait", () => child.said().includes("stream waits and tries again"));
      await Promise.all([waits, Bun.sleep(12_000)]);
      const broker = await startBroker({ port });
      try {
        await until(
          "58 windows are compared",
          async () => {
            const response = await fetch(`${page}/api/reconciliation`).catch(() => null);
            return ((await response?.json()) as { compared?: number } | undefined)?.compared === 58;
          },
          { every_ms: 500 },
        );
        expect(await (await fetch(`${page}/api/reconciliation`)).json()).toMatchObject({ equal: 58, unexplained: 0 });
      } finally {
        await child.stop();
        await broker.stop();
      }
    } finally {
      child.signal("SIGKILL");
    }
    expect(await child.ended).toBe(0);
  },
  300_000,
);
