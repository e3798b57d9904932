/** Append times of the embedded log under a wrong clock: retention, checkpoints, reports, repair. */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { nowUs } from "../../../scripts/base/clock.ts";
import { type DataPaths, openDataDir } from "../../../scripts/base/data-dir.ts";
import { lockStage } from "../../../scripts/command/stage-lock.ts";
import { type EmbeddedLog, openEmbedded } from "../../../scripts/log/embedded/embedded-log.ts";
import { repairLog } from "../../../scripts/log/embedded/repair.ts";
import { dropBlocks } from "../../../scripts/log/embedded/retention.ts";
import { quiet, tempDir } from "../../support/data.ts";
import { read, record, restampBlocks } from "../../support/log-records.ts";

const root = tempDir();
afterAll(() => root[Symbol.dispose]());
const DAY = 86_400e6;

const writer = (paths: DataPaths): EmbeddedLog => openEmbedded(paths, { role: "writer", logger: quiet });

/** A log of blocks with one record each and these append times, in rows and blocks alike. */
async function logOf(name: string, stamps: number[]): Promise<DataPaths> {
  const paths = openDataDir(join(root.path, name));
  const log = writer(paths);
  for (let i = 0; i < stamps.length; i++) await log.append([record("A", `${i}`)]);
  await log.close();
  restampBlocks(paths.log, stamps.entries());
  return paths;
}

test("retention under any clocks: no young block is dropped, and every old one before the first young one is", () => {
  const db = new Database(":memory:");
  db.exec("CREATE TABLE blocks (position INTEGER PRIMARY KEY, count INTEGER NOT NULL, appended_us INTEGER NOT NULL)");
  const kind = fc.constantFrom("old", "young", "future", "invalid");
  const property = fc.property(fc.array(kind, { minLength: 1, maxLength: 12 }), (kinds) => {
    const now_us = nowUs();
    const at = { old: now_us - 8 * DAY, young: now_us - DAY, future: now_us + 3_650 * DAY, invalid: 1_000 };
    db.exec("DELETE FROM blocks");
    for (const [i, one] of kinds.entries()) db.query("INSERT INTO blocks VALUES (?, 2, ?)").run(i * 2, at[one]);
    const last = (kinds.length - 1) * 2;
    const until = dropBlocks(db, { low: 0, last }, { older_than_us: now_us - 7 * DAY });
    const left = db.query<{ position: number }, []>("SELECT position FROM blocks ORDER BY position").all();
    const [dropped, kept] = [kinds.slice(0, kinds.length - left.length), kinds.slice(kinds.length - left.length)];
    expect([until, left[0]!.position]).toEqual([dropped.length * 2, dropped.length * 2]);
    expect(kept.length).toBeGreaterThan(0);
    expect(dropped).not.toContain("young");
    // What proves nothing by its own time only goes with an old one after it.
    if (dropped.length > 0) expect(dropped.at(-1)).toBe("old");
    const first = kept.slice(0, -1).indexOf("young");
    expect(kept.slice(0, first < 0 ? kept.length - 1 : first)).not.toContain("old");
  });
  fc.assert(property);
});

test("a newest append time far ahead is reported and not continued; one a few seconds ahead is continued", async () => {
  const now_us = nowUs();
  const near = writer(await logOf("near", [now_us + 20e6]));
  await near.append([record("A", "next")]);
  const far_us = now_us + 3_650 * DAY;
  const far = writer(await logOf("far", [now_us - DAY, far_us]));
  await far.append([record("A", "next")]);
  const stamps = async (log: EmbeddedLog) => {
    const reader = await log.reader({ group: "test", position: () => 0 });
    const records = await read(reader, (await log.spans())[0]!.end);
    await reader.close();
    return records.map((one) => one.appended_us);
  };
  expect(await stamps(near)).toEqual([now_us + 20e6, now_us + 20e6]);
  expect((await stamps(far))[2]! - now_us).toBeLessThan(60e6);
  expect([near.problems(), far.problems()]).toEqual([
    [],
    [expect.objectContaining({ code: "log-ahead", stops: false })],
  ]);
  await near.close();
  await far.close();
});

test("a checkpoint from before the step back is of this log; one of another log is still refused", async () => {
  const far_us = nowUs() + 3_650 * DAY;
  const log = writer(await logOf("stepped", [far_us - DAY, far_us]));
  await log.append([record("A", "next")]);
  const from = async (next: number, seen_us: number) => {
    await log.verify("job", new Map([[0, { next, seen_us }]]));
    const reader = await log.reader({ group: "job", position: () => ({ next, seen_us }) });
    await reader.poll({ records_max: 10, timeout_ms: 1 });
    await reader.close();
  };
  for (const [next, seen_us] of [
    [2, far_us],
    [3, far_us],
    [1, far_us - DAY],
  ] as const)
    await from(next, seen_us);
  for (const [next, seen_us] of [
    [2, far_us - 1],
    [3, 1_000],
    [3, far_us + 1],
    [1, far_us + 1],
  ] as const) {
    expect(from(next, seen_us)).rejects.toThrow("is not the log that job has read");
  }
  await log.close();
});

test("the repair replaces each wrong append time by the next valid one, keeps every record, and changes nothing else", async () => {
  const now_us = nowUs();
  const [a, b] = [now_us - 3 * DAY, now_us - DAY];
  const wrong = now_us + 3_650 * DAY;
  const paths = await logOf("repaired", [a, wrong, wrong + 1, 1_000, b, -1_000, b + 5, wrong]);
  const lock = (stage: string) => lockStage(paths, stage);
  const repair = repairLog(paths, quiet, lock);
  expect(repair).toMatchObject({ records: 5, rebuild: [] });
  const log = writer(paths);
  const reader = await log.reader({ group: "test", position: () => 0 });
  const records = await read(reader, 8);
  expect(records.map((one) => one.text)).toEqual(Array.from({ length: 8 }, (_, i) => `${i}`));
  expect(records.map((one) => one.appended_us)).toEqual([a, b, b, b, b, b + 5, b + 5, repair.now_us]);
  expect(log.problems()).toEqual([]);
  await reader.close();
  await log.close();
  expect(repairLog(paths, quiet, lock).records).toBe(0);
});
