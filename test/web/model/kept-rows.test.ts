/** What the page keeps of the stages' rows: no longer than it is true, and no more than it needs. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { RunSnapshot } from "../../../scripts/contract/measures.ts";
import { ClosingRows } from "../../../web/model/closing-rows.ts";
import { MetricResults } from "../../../web/model/metric-results.ts";
import { RunSnapshots } from "../../../web/model/run-snapshots.ts";
import { StoreFile } from "../../../web/model/store-file.ts";
import { tempDir } from "../../support/data.ts";

test("of what is derived from the closed windows only the newest version is kept", () => {
  using dir = tempDir();
  const closings = new ClosingRows(new StoreFile(join(dir.path, "windows.db")));
  let made = 0;
  const of = (version: string) => closings.once("finality", version, () => ++made);
  expect([of("run 1"), of("run 1"), of("run 2"), of("run 2"), of("run 1")]).toEqual([1, 1, 2, 2, 3]);
});

test("runs of a results.db that begins again replace those of the one before, also with its inode", () => {
  using dir = tempDir();
  const path = join(dir.path, "results.db");
  const db = new Database(path);
  db.run("PRAGMA journal_mode = WAL");
  db.run("CREATE TABLE runs (run_id INTEGER PRIMARY KEY, state TEXT, ended_us INTEGER, snapshot TEXT)");
  const add = (run_id: number, ticks: number) => {
    const snapshot: RunSnapshot = {
      positions: {},
      collected_to: 0,
      store_created: "",
      newest_us: {},
      waiting_us: {},
      histograms: { pipeline: [[1, ticks]] },
      unreceived: 0,
      exchange_us: null,
    };
    db.run("INSERT INTO runs VALUES (?, 'done', ?, ?)", [run_id, run_id * 10, JSON.stringify(snapshot)]);
  };
  for (const run_id of [1, 2, 3]) add(run_id, 100);
  const file = new StoreFile(path);
  const runs = new RunSnapshots(file, new MetricResults(file));
  const kept = () => [runs.all().map(({ run_id }) => run_id), runs.since(0).pipeline];
  expect(kept()).toEqual([[1, 2, 3], [[1, 300]]]);
  db.run("DELETE FROM runs");
  add(1, 7);
  expect(kept()).toEqual([[1], [[1, 7]]]);
  file.close();
  db.close();
});
