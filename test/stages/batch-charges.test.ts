/** What a batch run notes that it cost, against what the operating system charges its parent for it. */
import { expect, test } from "bun:test";
import { sqlite, stored } from "../support/batch.ts";
import { ROOT } from "../support/project.ts";

test("a run's CPU time includes its children and their ends: that of wait4 within 5 %", async () => {
  using dir = await stored();
  const command = [process.execPath, `${ROOT}/scripts/batch.ts`, "--data", dir.path];
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  expect(await child.exited).toBe(0);
  const charged_s = Number(child.resourceUsage()!.cpuTime.total) / 1e6;
  const [run] = sqlite<{ cpu_seconds: number }>(dir.path, "results.db", "SELECT cpu_seconds FROM runs");
  const missed = 1 - run!.cpu_seconds / charged_s;
  expect({ charged_s, noted_s: run!.cpu_seconds, missed, isNear: Math.abs(missed) < 0.05 }).toMatchObject({
    isNear: true,
  });
}, 60_000);
