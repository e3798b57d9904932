/** What the page keeps of the stages' rows: no longer than it is true, and no more than it needs. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { RunSnapshot } from "../../../scripts/contract/measures.ts";
import { ClosingRows } from "../../../web/model/closing-rows.ts";
import { MetricResults } from "../../../web/model/metric-results.ts";
import { NewestUsed } from "../../../web/model/newest-used.ts";
import { PerCommit } from "../../../web/model/per-commit.ts";
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

test("a file of another creation is another one, also with the inode of the one before, in any process", () => {
  using dir = tempDir();
  const path = join(dir.path, "windows.db");
  const db = new Database(path);
  db.run("PRAGMA journal_mode = WAL");
  db.run("CREATE TABLE counters (name TEXT, value INTEGER)");
  db.run("CREATE TABLE settings (name TEXT, value TEXT)");
  db.run("INSERT INTO settings VALUES ('created', 'first')");
  const epoch = () => {
    const file = new StoreFile(path);
    const { epoch } = file;
    file.close();
    return epoch;
  };
  const first = epoch();
  expect([epoch(), /^[0-9a-z]{8,20}$/.test(first)]).toEqual([first, true]);
  db.run("UPDATE settings SET value = 'second'");
  expect(epoch()).not.toBe(first);
  db.close();
});

test("what is not used is forgotten: by number per commit, by size for results", () => {
  using dir = tempDir();
  const one = new PerCommit(new StoreFile(join(dir.path, "windows.db")));
  let made = 0;
  const of = (name: string) => one.once(name, () => ++made);
  of("used");
  for (let i = 0; i < 600; i++) {
    of(`/?product=X-${i}`);
    expect(of("used")).toBe(1);
  }
  expect([of("/?product=X-599"), of("/?product=X-0")]).toEqual([601, 602]);

  const results = new NewestUsed<string, string>(32);
  for (const name of ["a", "b", "c"]) results.set(name, name, 10);
  results.get("a");
  results.set("d", "d", 16);
  expect(["a", "b", "c", "d"].filter((name) => results.has(name))).toEqual(["a", "d"]);
  // A new value counts once, and one that is larger than all is kept alone.
  results.set("d", "D", 16);
  expect([results.get("a"), results.get("d")]).toEqual(["a", "D"]);
  results.set("e", "e", 40);
  expect(["a", "d", "e"].filter((name) => results.has(name))).toEqual(["e"]);
});

test("closed windows of products that are only asked for are not kept", () => {
  using dir = tempDir();
  const closings = new ClosingRows(new StoreFile(join(dir.path, "windows.db")));
  let made = 0;
  const of = (product: string) => closings.once(product, "", () => ++made);
  for (let i = 0; i < 600; i++) of(`X-${i}`);
  expect([of("X-599"), of("X-0")]).toEqual([600, 601]);
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
