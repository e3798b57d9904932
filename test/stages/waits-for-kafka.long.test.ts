/** `start` before its broker: every stage waits, and the path begins when the broker is there. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { ROOT, tempDir } from "../support/data.ts";
import { freePort, kafkaAvailable, startBroker } from "../support/kafka.ts";
import { until } from "../support/process.ts";

test.skipIf(!kafkaAvailable())(
  "a broker that comes a while after start: nothing is given up, and the whole hour is compared",
  async () => {
    using dir = tempDir();
    const port = await freePort();
    const child = Bun.spawn(
      [
        ...[process.execPath, join(ROOT, "scripts/start.ts"), "--data", dir.path, "--replay", "--speed", "max"],
        ...["--port", "0", "--every", "2s", "--log", `kafka://127.0.0.1:${port}/raw_prices`],
      ],
      { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    );
    const said = new Response(child.stderr).text();
    try {
      const first = await child.stdout.getReader().read();
      const page = /is at (http:\S+)\//.exec(new TextDecoder().decode(first.value))![1]!;
      await Bun.sleep(12_000);
      const broker = await startBroker({ port });
      try {
        await until(
          "58 windows are compared",
          async () => {
            const response = await fetch(`${page}/api/reconciliation`).catch(() => null);
            return ((await response?.json()) as { compared?: number } | undefined)?.compared === 58;
          },
          { ms: 90_000, every_ms: 500 },
        );
        expect(await (await fetch(`${page}/api/reconciliation`)).json()).toMatchObject({ equal: 58, unexplained: 0 });
      } finally {
        child.kill("SIGTERM");
        await child.exited;
        await broker.stop();
      }
    } finally {
      if (child.exitCode === null) child.kill("SIGKILL");
    }
    expect(child.exitCode).toBe(0);
    expect(await said).toContain("stream waits and tries again");
  },
  180_000,
);
