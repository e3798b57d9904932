/** The machine's clock jumps by an hour under running processes: no result changes (docs/faults.md 39). */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { MachineClock, noClock } from "../../scripts/drill/machine-clock.ts";
import { answerHash } from "../../scripts/store/answer-hash.ts";
import { fillLog, rowsOf, tempDir } from "../support/data.ts";
import { exchange, HOUR } from "../support/feed.ts";
import { run } from "../support/process.ts";

const TRADES = 3_000;
const why = noClock();

test.skipIf(why !== null)(
  `produce, stream, consume and batch under a clock that jumps store what they store under a steady one${why ? ` (skipped: ${why})` : ""}`,
  async () => {
    const lines = HOUR.slice(0, TRADES).map(({ line }) => line);
    const follow = (path: string) => ["--data", path, "--until-end", "--poll-records", "100", "--json"];
    const ticks = (path: string) =>
      rowsOf(path, "ticks.db", "SELECT trade_id, time_us, price FROM ticks ORDER BY insert_id");
    using steady = tempDir();
    await fillLog(steady.path, lines);
    for (const stage of ["stream", "consume"]) await run(stage, follow(steady.path));

    using clock = new MachineClock(3_600);
    let ahead_s = 3_600;
    const jumping = setInterval(() => {
      ahead_s = -ahead_s;
      clock.set(ahead_s);
    }, 7);
    using dir = tempDir();
    await using server = exchange({ trades: TRADES });
    const feed = ["--data", dir.path, "--feed", server.url, "--until-end", "--json"];
    const produced = await run("produce", feed, clock.env);
    expect([produced.code, produced.json.records]).toEqual([0, TRADES]);
    for (const stage of ["stream", "consume", "stream"]) {
      const { code, stderr } = await run(stage, follow(dir.path), clock.env);
      expect([stage, code, code && stderr]).toEqual([stage, 0, 0]);
    }
    expect(answerHash(join(dir.path, "windows.db"))).toEqual(answerHash(join(steady.path, "windows.db")));
    expect(ticks(dir.path)).toEqual(ticks(steady.path));
    const batch = await run("batch", ["--data", dir.path, "--json"], clock.env);
    clearInterval(jumping);
    const reconciliation = { unexplained: 0, pending: 0 };
    expect(batch.json).toMatchObject({ ticks_total: TRADES, failed: [], reconciliation });
  },
  300_000,
);
