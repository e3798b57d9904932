/** What a loss of power leaves: a log without its unsynced end, and stores that have read it. */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nowUs } from "../../../scripts/base/clock.ts";
import { openDataDir } from "../../../scripts/base/data-dir.ts";
import { openEmbedded } from "../../../scripts/log/embedded/embedded-log.ts";
import { Stamps } from "../../../scripts/log/embedded/stamps.ts";
import { WalSync } from "../../../scripts/log/embedded/wal-sync.ts";
import { quiet, recordedLines, tempDir } from "../../support/data.ts";
import { record } from "../../support/log-records.ts";
import { run, until } from "../../support/process.ts";

const root = tempDir();
afterAll(() => root[Symbol.dispose]());
const records = recordedLines()
  .slice(0, 600)
  .map((line) => record("BTC-USD", line));
const positionOf = (data: string, store: string): number => {
  const db = new Database(join(data, store), { readonly: true });
  const row = db.query<{ next: number }, []>("SELECT next_offset AS next FROM offsets").get();
  db.close();
  return row?.next ?? 0;
};

/**
 * A directory in which the log was on the disk up to `synced` records when the power went, and both
 * stores, which had read `read` records, whole. The WAL's rest is missing, or zeros.
 */
async function cut(name: string, synced: number, read: number, rest: "missing" | "old"): Promise<string> {
  const [live, left] = [join(root.path, `${name}-live`), join(root.path, name)];
  const log = openEmbedded(openDataDir(live), { role: "writer", logger: quiet });
  mkdirSync(left);
  for (let at = 0; at < synced; at += 10) await log.append(records.slice(at, at + 10));
  for (const file of ["log.db", "log.db-wal"]) copyFileSync(join(live, file), join(left, file));
  for (let at = synced; at < read; at += 10) await log.append(records.slice(at, at + 10));
  for (const stage of ["stream", "consume"]) {
    expect((await run(stage, ["--data", live, "--until-end"])).code).toBe(0);
  }
  await log.close();
  for (const file of ["windows.db", "ticks.db"]) copyFileSync(join(live, file), join(left, file));
  // A file that had grown before its bytes were written: zeros.
  if (rest === "old") truncateSync(join(left, "log.db-wal"), 4_000_000);
  return left;
}

test.each(["missing", "old"] as const)(
  "stores older than the log continue after a loss of power and hold the answer of its records: the WAL's rest is %s",
  async (rest) => {
    const data = await cut(`behind-${rest}`, 300, 300, rest);
    const log = openEmbedded(openDataDir(data), { role: "writer", logger: quiet });
    await log.append(records.slice(300));
    await log.close();
    for (const [stage, store] of [
      ["stream", "windows.db"],
      ["consume", "ticks.db"],
    ] as const) {
      expect((await run(stage, ["--data", data, "--until-end"])).code).toBe(0);
      expect(positionOf(data, store)).toBe(600);
    }
  },
  120_000,
);

test("a store that has read what the log lost is refused, also when other records are at these offsets", async () => {
  const data = await cut("ahead", 300, 400, "missing");
  const refused = async (sentence: RegExp) => {
    for (const stage of ["stream", "consume"]) {
      const ran = await run(stage, ["--data", data, "--until-end"]);
      expect([ran.code, ran.stderr]).toEqual([1, expect.stringMatching(sentence)]);
      expect(ran.stderr).toContain("TIDEMARK_LOG_SHORTER_THAN_CHECKPOINT");
      expect(ran.stderr).toMatch(/loss of power.*--rebuild/s);
    }
  };
  await refused(/ends at offset 300, but tidemark-\w+-\w+ has already read up to 400/);
  const log = openEmbedded(openDataDir(data), { role: "writer", logger: quiet });
  for (let at = 300; at < 600; at += 10) await log.append(records.slice(at, at + 10));
  await log.close();
  await refused(/is not the log that tidemark-\w+-\w+ has read up to offset 400/);
  for (const [stage, store] of [
    ["stream", "windows.db"],
    ["consume", "ticks.db"],
  ] as const) {
    expect((await run(stage, ["--data", data, "--until-end", "--rebuild"])).code).toBe(0);
    expect(positionOf(data, store)).toBe(600);
  }
}, 120_000);

test("records are seen before they are synced only with an append time that no record had before", () => {
  const db = new Database(":memory:");
  db.exec("CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)");
  const stamps = () => new Stamps(db, { name: "log.db", logger: quiet });
  const now_us = nowUs();
  const first = stamps();
  // Nothing is known before the first write of a process.
  expect(first.isNew(0)).toBe(false);
  first.next(0, now_us - 1_000_000);
  Bun.sleepSync(1);
  expect([first.isNew(0), first.isNew(1)]).toEqual([true, false]);
  // A clock a few seconds behind the newest record, and one that steps back.
  for (const ahead_us of [5e6, 3_600e6]) {
    const behind = stamps();
    behind.next(0, now_us + ahead_us);
    Bun.sleepSync(1);
    expect(behind.isNew(0)).toBe(false);
  }
  // A step back is remembered by the log, also for the next process.
  const next = stamps();
  next.next(0, now_us - 1_000_000);
  expect(next.isNew(0)).toBe(false);
});

test("a sync that fails fails the next commit and the end, with a sentence", async () => {
  const path = join(root.path, "unsynced.db");
  // The kernel refuses to sync a file of /proc.
  symlinkSync("/proc/self/status", `${path}-wal`);
  writeFileSync(path, "");
  const db = new Database(":memory:");
  const sync = new WalSync(db, path);
  const isSynced = () => db.query<{ synchronous: number }, []>("PRAGMA synchronous").get()!.synchronous === 2;
  sync.begin("NORMAL");
  sync.committed();
  await until("the sync failed", () => {
    try {
      sync.begin("NORMAL");
      return false;
    } catch (error) {
      return String(error).includes("EINVAL");
    }
  });
  // Then commits are synced one by one, until one was.
  sync.begin("NORMAL");
  expect(isSynced()).toBe(true);
  sync.committed();
  sync.begin("NORMAL");
  expect(isSynced()).toBe(false);
  sync.committed();
  expect(sync.end()).rejects.toThrow("EINVAL");
  expect(statSync(path).size).toBe(0);
});
