/** Whatever point a stage is killed at, what it stored in the end is exactly an undisturbed run's (faults.md 17, 18). */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { answerHash } from "../../scripts/store/answer.ts";
import { fillLog, recordedLines, run, tempDir } from "../support/project.ts";

/** Records a commit; so a run passes each point several times. */
const POLL = 300;
const PASSES_MAX = 40;

/** 1,200 messages with duplicates, late ones, rubbish and a minute's jump. */
function disturbed(): string[] {
  const lines = recordedLines().slice(0, 1_100);
  const late = lines[10]!.replace('"trade_id":11,', '"trade_id":900011,');
  lines.splice(700, 0, lines[3]!, "rubbish", '{"type":"ticker"', late);
  lines.push(...lines.slice(0, 50), "", late);
  return lines;
}

function ticks(path: string): string {
  const db = new Database(join(path, "ticks.db"), { readonly: true });
  const rows = db.query(
    "SELECT product_id, trade_id, time_us, price, last_size, side, log_offset FROM ticks ORDER BY insert_id",
  );
  const counters = db.query("SELECT name, value FROM counters WHERE name NOT LIKE 'run_%' ORDER BY name");
  const dead = db.query("SELECT log_offset, reason FROM dead_letters ORDER BY log_offset");
  const all = JSON.stringify([rows.all(), counters.all(), dead.all()]);
  db.close();
  return all;
}

const csv = (path: string) => readFileSync(join(path, "stream_csv/windows_1m.csv"), "utf8");

describe("kill -9 at every named point, at every passing", () => {
  const flags = (path: string) => ["--data", path, "--until-end", "--json", "--poll-records", String(POLL)];

  test("stream: windows, late ticks, revisions and the CSV are the undisturbed run's", async () => {
    using calm = tempDir();
    await fillLog(calm.path, disturbed(), { batch: 50 });
    using base = tempDir();
    cpSync(calm.path, base.path, { recursive: true });
    const undisturbed = await run("stream", flags(calm.path));
    expect(undisturbed.json).toMatchObject({ late: 1, malformed: 3 });
    const expected = answerHash(join(calm.path, "windows.db"));
    expect(expected.rows.window_revisions).toBe(1);
    let kills = 0;
    for (const point of ["stream-csv-written", "stream-offsets-saved", "stream-before-commit", "stream-committed"]) {
      for (let n = 1; n < PASSES_MAX; n++) {
        using dir = tempDir();
        cpSync(base.path, dir.path, { recursive: true });
        const killed = await run("stream", flags(dir.path), { TIDEMARK_DIE_AT: `${point}:${n}` });
        if (killed.signal !== "SIGKILL") break;
        kills++;
        expect((await run("stream", flags(dir.path))).code).toBe(0);
        expect(answerHash(join(dir.path, "windows.db"))).toEqual(expected);
        expect(csv(dir.path)).toBe(csv(calm.path));
      }
    }
    expect(kills).toBeGreaterThanOrEqual(12);
  }, 120_000);

  test("consume: ticks, dead letters and counts are the undisturbed run's", async () => {
    using calm = tempDir();
    await fillLog(calm.path, disturbed(), { batch: 50 });
    using base = tempDir();
    cpSync(calm.path, base.path, { recursive: true });
    await run("consume", flags(calm.path));
    const expected = ticks(calm.path);
    let kills = 0;
    for (const [point, step] of [
      ["consume-before-commit", 1],
      ["consume-committed", 1],
      ["consume-inserted", 397],
    ] as const) {
      for (let n = 1; n < PASSES_MAX * step; n += step) {
        using dir = tempDir();
        cpSync(base.path, dir.path, { recursive: true });
        const killed = await run("consume", flags(dir.path), { TIDEMARK_DIE_AT: `${point}:${n}` });
        if (killed.signal !== "SIGKILL") break;
        kills++;
        expect((await run("consume", flags(dir.path))).code).toBe(0);
        expect(ticks(dir.path)).toBe(expected);
      }
    }
    expect(kills).toBeGreaterThanOrEqual(9);
  }, 120_000);
});

test("a CSV file that was cut or lost is made again from the windows", async () => {
  using dir = tempDir();
  await fillLog(dir.path, recordedLines().slice(0, 2_000));
  const flags = ["--data", dir.path, "--until-end"];
  await run("stream", flags);
  const before = csv(dir.path);
  await Bun.write(join(dir.path, "stream_csv/windows_1m.csv"), before.slice(0, 500));
  await run("stream", flags);
  expect(csv(dir.path)).toBe(before);
});
