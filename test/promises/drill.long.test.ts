/** The drill itself: it finds no difference, reports what it did, and only reads the data. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pack, unpack } from "../../scripts/drill/feeder.ts";
import { differences, type Outcome } from "../../scripts/drill/outcome.ts";
import { nextFault, randomOf, withFaults } from "../../scripts/drill/plan.ts";
import { fillLog, recordedLines, tempDir } from "../support/data.ts";
import { run } from "../support/process.ts";

test("two rounds over a user's log: after kills, stops and restarts the result is that of an undisturbed run", async () => {
  using dir = tempDir();
  await fillLog(dir.path, recordedLines().slice(0, 2_500));
  const before = readFileSync(join(dir.path, "log.db"));
  const files = readdirSync(dir.path).sort();
  mkdirSync(join(dir.path, "tmp"));
  const drilled = await run("drill", ["--data", dir.path, "--rounds", "2", "--seed", "3", "--json"], {
    TMPDIR: join(dir.path, "tmp"),
  });
  expect([drilled.code, drilled.json]).toEqual([0, expect.objectContaining({ rounds: 2, failed: 0, seed: 3 })]);
  expect(drilled.stderr).toContain("round 2 in");
  expect(drilled.stderr).toMatch(/(kill|term|sleep) ×\d/);
  expect(readFileSync(join(dir.path, "log.db"))).toEqual(before);
  expect(readdirSync(join(dir.path, "tmp"))).toEqual([]);
  expect(files.every((name) => readdirSync(dir.path).includes(name))).toBe(true);
}, 300_000);

test("a seed decides the faults: the same one gives the same, another one others", () => {
  const plan = (seed: number) => {
    const random = randomOf(seed);
    return Array.from({ length: 20 }, () => nextFault(random));
  };
  expect(plan(1)).toEqual(plan(1));
  expect(plan(1)).not.toEqual(plan(2));
  const lines = Array.from({ length: 1_000 }, (_, i) => new TextEncoder().encode(`line ${i}`));
  const bad = withFaults(lines, randomOf(5));
  expect(unpack(pack(bad))).toEqual(bad);
  expect(
    new Set(bad.map((line) => new TextDecoder().decode(line)).filter((line) => line.startsWith("line"))).size,
  ).toBe(1_000);
});

test("a difference is found and named", () => {
  const calm: Outcome = {
    stream: "a",
    ticks: "b",
    rows: { windows: 3, late_ticks: 1, window_revisions: 1, ticks: 10, dead_letters: 0 },
    reconciliation: { compared: 2, equal: 1, explained: 1, unexplained: 0, pending: 0 },
  };
  expect(differences(calm, calm)).toEqual([]);
  const lost = {
    ...calm,
    ticks: "c",
    rows: { ...calm.rows, ticks: 9 },
    reconciliation: { ...calm.reconciliation, unexplained: 1 },
  };
  expect(differences(calm, lost)).toEqual([
    "9 ticks instead of 10",
    "stored ticks differ",
    "1 windows are unexplained",
  ]);
});
