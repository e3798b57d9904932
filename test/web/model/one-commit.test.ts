/** What one answer is made of is of one commit of each file, also if others commit meanwhile. */
import { Database } from "bun:sqlite";
import { expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { Hono } from "hono";
import { dataPaths } from "../../../scripts/base/data-dir.ts";
import { Charts } from "../../../web/answers/chart-answer.ts";
import type { LogView } from "../../../web/model/log-view.ts";
import { Sources } from "../../../web/model/sources.ts";
import { follow, recordedLines, sqlite, tempDir } from "../../support/data.ts";

setDefaultTimeout(120_000);

const log: LogView = {
  name: "embedded:",
  last: { spans: null, asked_us: null, error: null, away_us: null },
  refresh: async () => {},
};

/** Another process's file: counts, and a list that they count. */
function stage(path: string) {
  const db = new Database(path);
  db.exec("PRAGMA journal_mode = WAL; CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL)");
  db.exec("CREATE TABLE list (n INTEGER); INSERT INTO counters VALUES ('n', 0)");
  const add = () =>
    db.transaction(() => db.exec("INSERT INTO list VALUES (1); UPDATE counters SET value = value + 1"))();
  return { add, close: () => db.close() };
}

test("a count agrees with its list while another process commits between their queries", () => {
  using dir = tempDir();
  const paths = dataPaths(dir.path);
  const [windows, results] = [stage(paths.windows), stage(paths.results)];
  const sources = new Sources(paths, log);
  const both = () => {
    const counts = [sources.windows.counters().n, sources.results.counters().n];
    windows.add();
    results.add();
    const lists = [sources.windows, sources.results].map((file) => file.all("SELECT n FROM list").length);
    return { counts, lists, versions: [sources.windows.version, sources.results.version] };
  };
  try {
    for (const work of [() => sources.leniently(both), () => sources.atOneCommit(() => sources.leniently(both))]) {
      const first = work();
      expect(first.counts).toEqual(first.lists);
      const next = work();
      expect(next.counts).toEqual(first.counts.map((n) => n! + 1));
      // What is kept per commit is made again.
      expect(next.versions).not.toEqual(first.versions);
    }
    // A file that is removed meanwhile is still seen; afterwards, and after an error, nothing is open.
    sources.leniently(() => {
      rmSync(paths.windows);
      expect(sources.windows.counters().n).toBe(4);
    });
    expect(sources.windows.counters()).toEqual({});
    expect(() => sources.leniently(() => { throw new Error("of the work"); })).toThrow("of the work"); // biome-ignore format: one line
    expect(sources.results.counters().n).toBe(4);
  } finally {
    for (const one of [sources, windows, results]) one.close();
  }
});

test("a chart's sums are of the commit of their minutes", async () => {
  using dir = tempDir();
  await follow(dir.path, recordedLines().slice(0, 1_500), ["stream"]);
  const sources = new Sources(dataPaths(dir.path), log);
  const rows = sources.bars.rows.bind(sources.bars);
  // The stream closes all minutes of the newest sum after they were read, and adds ticks to them.
  sources.bars.rows = (...asked) => {
    const found = rows(...asked).map((row) => ({ ...row, final: 1 }));
    sqlite(dir.path, "windows.db", "UPDATE closed_ends SET closed_until_us = closed_until_us + 3600000000");
    return found;
  };
  const app = new Hono().get("/", new Charts(sources).answer);
  const { stream } = (await (await app.request("/?window=5m")).json()) as { stream: number[][] };
  expect(stream.map((bar) => bar[8])).toEqual([1, 0]);
  sources.close();
});
