/** What doctor finds: a WAL that a long reader keeps from being reset (faults.md 24). */
import { expect, test } from "bun:test";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fillLog, recordedLines, run, tempDir } from "../support/project.ts";

test("a WAL over 256 MB is a warning that says what to do; the usual one is none", async () => {
  using dir = tempDir();
  await fillLog(dir.path, recordedLines().slice(0, 100));
  await run("consume", ["--data", dir.path, "--until-end"]);
  const advice = "A long reader keeps the WAL from being reset";
  const sound = await run("doctor", ["--data", dir.path]);
  expect(sound.stdout + sound.stderr).not.toContain(advice);
  const wal = join(dir.path, "ticks.db-wal");
  writeFileSync(wal, "");
  truncateSync(wal, 300e6);
  const warned = await run("doctor", ["--data", dir.path]);
  expect(warned.stdout + warned.stderr).toContain(advice);
}, 30_000);
