/** What doctor finds: a WAL that a long reader keeps from being reset (docs/faults.md row 24), damage. */
import { expect, test } from "bun:test";
import { cpSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SCHEMA_VERSIONS } from "../../scripts/contract/schema-versions.ts";
import type { Finding } from "../../scripts/doctor/finding.ts";
import { Results } from "../../scripts/metrics/results-db.ts";
import { batch, NO_EXTENSION } from "../support/batch.ts";
import { fillLog, recordedLines, sqlite, stored, tempDir } from "../support/data.ts";
import { settle } from "../support/flips.ts";
import { run } from "../support/process.ts";

test("a WAL over 256 MB is a warning with advice; an ordinary one is not", async () => {
  using dir = tempDir();
  await fillLog(dir.path, recordedLines().slice(0, 100));
  await run("consume", ["--data", dir.path, "--until-end"]);
  const advice = "A long reader keeps the WAL from being reset";
  const ordinary = await run("doctor", ["--data", dir.path]);
  expect(ordinary.stdout + ordinary.stderr).not.toContain(advice);
  const wal = join(dir.path, "ticks.db-wal");
  writeFileSync(wal, "");
  truncateSync(wal, 300e6);
  const warned = await run("doctor", ["--data", dir.path]);
  expect(warned.stdout + warned.stderr).toContain(advice);
}, 300_000);

test("ids between history and the feed's first trade are named until backfill has loaded them", async () => {
  using dir = tempDir();
  const note = (first_trade_id: number, last_trade_id: number) =>
    JSON.stringify({ type: "tidemark_backfill", product_id: "BTC-USD", first_trade_id, last_trade_id, trades: 1 });
  const found = async () => {
    await run("consume", ["--data", dir.path, "--until-end"]);
    const { json } = await run("doctor", ["--data", dir.path, "--json"]);
    return (json as unknown as { what: string; found: string }[]).filter(({ what }) => what === "history");
  };
  await fillLog(dir.path, [note(2, 40), ...recordedLines().slice(49, 60)]);
  expect(await found()).toMatchObject([
    { ok: true, found: expect.stringContaining("BTC-USD: ids 41 to 49, between history") },
  ]);
  await fillLog(dir.path, [note(41, 49)]);
  expect(await found()).toEqual([]);
}, 300_000);

test("databases of a newer Tidemark are findings and problems of the page, and the batch refuses both stores", async () => {
  using dir = await stored();
  const names = ["log.db", "results.db", "ticks.db", "windows.db"] as const;
  new Results(join(dir.path, "results.db")).close();
  const set = (name: (typeof names)[number], version: number) =>
    sqlite(dir.path, name, `PRAGMA user_version = ${version}`);
  for (const name of names) set(name, 99);
  const { code, stdout } = await run("doctor", ["--data", dir.path, "--json"]);
  const newer = (JSON.parse(stdout) as Finding[]).filter(({ found }) =>
    found.includes("by a newer Tidemark (schema 99"),
  );
  expect(code).toBe(1);
  expect(newer.map(({ what }) => what).sort()).toEqual([...names, "log", "problem", "problem", "problem"].sort());
  expect(newer.filter(({ ok }) => ok)).toEqual([]);
  for (const name of ["results.db", "log.db"] as const) set(name, SCHEMA_VERSIONS[name]);
  for (const [name, env] of [
    ["ticks.db", {}],
    ["windows.db", NO_EXTENSION],
  ] as const) {
    const { code, stderr } = await batch(dir.path, [], env);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`${name} was written by a newer Tidemark (schema 99`)]);
    set(name, SCHEMA_VERSIONS[name]);
  }
}, 300_000);

test("each database that is cut is a finding of its own: the others are still listed, and the advice fits the file", async () => {
  using whole = tempDir();
  await fillLog(whole.path, recordedLines().slice(0, 2_000), { batch: 20 });
  for (const [name, ...args] of [["stream", "--until-end"], ["consume", "--until-end"], ["batch"]] as const)
    expect([name, (await run(name, ["--data", whole.path, ...args])).code]).toEqual([name, 0]);
  const advice = {
    "log.db": ["stream", "Bring a copy of log.db back"],
    "windows.db": ["stream", "--rebuild"],
    "ticks.db": ["consume", "--rebuild"],
    "results.db": ["batch", "Move results.db and batch_output/metrics away"],
  } as const;
  for (const [name, [stage, words]] of Object.entries(advice)) {
    using dir = tempDir();
    cpSync(whole.path, dir.path, { recursive: true });
    const file = join(dir.path, name);
    settle(file);
    truncateSync(file, Math.floor((statSync(file).size * 0.6) / 4_096) * 4_096);
    const doctor = await run("doctor", ["--data", dir.path, "--deep", "--json"]);
    const findings = JSON.parse(doctor.stdout) as Finding[];
    expect([name, doctor.code]).toEqual([name, 1]);
    expect(findings.filter((one) => one.ok && one.advice !== "")).toEqual([]);
    const files = findings.filter(({ what }) => what in advice);
    expect(files.filter(({ ok }) => !ok).map(({ what }) => what)).toEqual([name]);
    expect(files.length).toBe(Object.keys(advice).length);
    const args = stage === "batch" ? [] : ["--until-end"];
    const { code, stderr } = await run(stage, ["--data", dir.path, ...args]);
    expect([name, code, stderr]).toEqual([name, 1, expect.stringContaining(words)]);
    expect(stderr).not.toMatch(/^\s+at /m);
  }
}, 300_000);
