/** The machine's clock jumps an hour back and forth under running processes: no answer changes (faults.md 39). */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { answerHash } from "../../scripts/store/answer.ts";
import { exchange, HOUR } from "../feed/harness.ts";
import { rowsOf } from "../support/kafka-stage.ts";
import { fillLog, ROOT, run, tempDir } from "../support/project.ts";

const TRADES = 3_000;
const JUMPING = { BUN_OPTIONS: `--preload=${join(ROOT, "test/support/jumping-clock.ts")}` };

test("produce, stream, consume and batch under a clock that jumps store what they store under a steady one", async () => {
  const lines = HOUR.slice(0, TRADES).map(({ line }) => line);
  const follow = (path: string) => ["--data", path, "--until-end", "--poll-records", "100", "--json"];
  const ticks = (path: string) =>
    rowsOf(path, "ticks.db", "SELECT trade_id, time_us, price FROM ticks ORDER BY insert_id");
  using steady = tempDir();
  await fillLog(steady.path, lines);
  for (const stage of ["stream", "consume"]) await run(stage, follow(steady.path));

  using jumping = tempDir();
  await using server = exchange({ trades: TRADES });
  const feed = ["--data", jumping.path, "--feed", server.url, "--until-end", "--json"];
  const produced = await run("produce", feed, JUMPING);
  expect([produced.code, produced.json.records]).toEqual([0, TRADES]);
  for (const stage of ["stream", "consume", "stream"]) {
    const { code, stderr } = await run(stage, follow(jumping.path), JUMPING);
    expect([stage, code, code && stderr]).toEqual([stage, 0, 0]);
  }
  expect(answerHash(join(jumping.path, "windows.db"))).toEqual(answerHash(join(steady.path, "windows.db")));
  expect(ticks(jumping.path)).toEqual(ticks(steady.path));
  const batch = await run("batch", ["--data", jumping.path, "--json"], JUMPING);
  expect(batch.json).toMatchObject({ ticks_total: TRADES, failed: [], reconciliation: { unexplained: 0, pending: 0 } });

  const stamps = rowsOf<{ appended_us: number }>(
    jumping.path,
    "ticks.db",
    "SELECT appended_us FROM ticks ORDER BY log_offset",
  );
  expect(stamps.every(({ appended_us }, i) => i === 0 || appended_us >= stamps[i - 1]!.appended_us)).toBe(true);
  expect(stamps.at(-1)!.appended_us / 1_000).toBeGreaterThan(Date.now() + 1_800_000);
}, 60_000);
