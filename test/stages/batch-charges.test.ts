/** What a batch run notes that it cost, against what the operating system charges its parent for it. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { Results } from "../../scripts/metrics/results-db.ts";
import { metricFolder } from "../support/batch.ts";
import { type Row, sqlite, stored, tempDir } from "../support/data.ts";
import { run, startStage, until } from "../support/process.ts";

const RUNS = "SELECT * FROM runs ORDER BY run_id";
const newest = (data: string) => sqlite(data, "results.db", RUNS).at(-1)! as Record<string, number> & { state: string };

test("a run's CPU time includes its children and their ends: that of wait4 within 5 %", async () => {
  using dir = await stored();
  const child = startStage("batch", ["--data", dir.path]);
  expect(await child.ended).toBe(0);
  const charged_s = child.cpuSeconds();
  const { cpu_seconds: noted_s } = newest(dir.path);
  const missed = 1 - noted_s! / charged_s;
  expect({ charged_s, noted_s, missed, isNear: Math.abs(missed) < 0.05 }).toMatchObject({ isNear: true });
}, 120_000);

test("queries of all metrics and that of windows_by_minute are parts of a run's CPU time; its bytes are those of the storage", async () => {
  using dir = await stored();
  await run("batch", ["--data", dir.path]);
  const all = newest(dir.path);
  expect(all.windows_cpu_seconds).toBeGreaterThan(0);
  expect(all.queries_cpu_seconds).toBeGreaterThan(all.windows_cpu_seconds!);
  expect(all.cpu_seconds).toBeGreaterThan(all.queries_cpu_seconds!);
  if (process.platform === "linux") expect(all.written_bytes).toBeGreaterThan(10_000);
  await run("batch", ["--data", dir.path, "--metric", "windows_by_minute"]);
  const one = newest(dir.path);
  expect(one.queries_cpu_seconds).toBe(one.windows_cpu_seconds!);
}, 120_000);

test("a run that failed after it had collected notes its new ticks and what it cost", async () => {
  using dir = await stored();
  using sql = metricFolder({ slow: "SELECT sleep_ms(60000) AS slept" });
  const child = startStage("batch", ["--data", dir.path, "--sql", sql.path]);
  const files = join(dir.path, "archive/manifest.json");
  await until("the collected ticks", () => Bun.file(files).exists());
  await child.stop();
  expect(newest(dir.path)).toMatchObject({ state: "failed", ticks_new: 3_002 });
  expect(newest(dir.path).cpu_seconds).toBeGreaterThan(0);
}, 120_000);

const NOTHING = {
  ...{ cpu_seconds: 2, read_bytes: 1, written_bytes: 1, queries_cpu_seconds: null, windows_cpu_seconds: null },
  peak_rss_bytes: 1,
};

test("what a parent is charged replaces what the run noted, which can't include its own end; also of a run that was killed", () => {
  using dir = tempDir();
  const results = new Results(join(dir.path, "results.db"));
  results.begin(1);
  results.fail("for this test", { ticks_new: null, history_new: 0 }, NOTHING);
  results.chargeEnded(process.pid, 2.25);
  expect(newest(dir.path).cpu_seconds).toBe(2.25);
  results.chargeEnded(process.pid, 1.5);
  results.chargeEnded(process.pid + 1, 9);
  expect(newest(dir.path).cpu_seconds).toBe(2.25);
  results.begin(2);
  results.chargeEnded(process.pid, 8);
  expect(newest(dir.path).cpu_seconds).toBeNull();
  results.noteDied(process.pid);
  results.chargeEnded(process.pid, 3);
  expect(newest(dir.path)).toMatchObject({ state: "died", cpu_seconds: 3 });
  results.close();
});

test("a results.db of schema 2 keeps its runs; their bytes and queries are unknown", () => {
  using dir = tempDir();
  const path = join(dir.path, "results.db");
  const first = new Results(path);
  first.begin(1);
  first.fail("for this test", { ticks_new: 7, history_new: 0 }, NOTHING);
  first.close();
  const db = new Database(path);
  for (const name of ["runs_with_snapshot", "runs_done", "runs_begun"]) db.exec(`DROP INDEX ${name}`);
  for (const name of [
    "read_bytes",
    "written_bytes",
    "queries_cpu_seconds",
    "windows_cpu_seconds",
    "snapshot",
    "history_new",
  ])
    db.exec(`ALTER TABLE runs DROP COLUMN ${name}`);
  db.exec("PRAGMA user_version = 2");
  const before: Row = db.query<Row, []>(RUNS).get()!;
  db.close();
  new Results(path).close();
  expect(newest(dir.path)).toEqual({
    ...before,
    ...{
      read_bytes: null,
      written_bytes: null,
      queries_cpu_seconds: null,
      windows_cpu_seconds: null,
      snapshot: null,
      history_new: null,
    },
  } as never);
});
