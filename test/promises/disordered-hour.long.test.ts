/** The disordered hour, through the whole path: exactly the answers of data/recordings/README.md. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { parseUnits } from "../../scripts/base/decimal.ts";
import type { LateRow, RevisionRow, WindowRow } from "../../scripts/contract/window.ts";
import { fillLog, recordedLines, tempDir } from "../support/data.ts";
import { RECORDING } from "../support/lateness-cells.ts";
import { run, startStage, until } from "../support/process.ts";

/** Checks every fact of both pipelines, and their verdict. */
async function check(data: string, dead_letters: number): Promise<void> {
  const args = ["--data", data, "--until-end", "--json"];
  const [stream, consume] = await Promise.all(["stream", "consume"].map((name) => run(name, args)));
  const malformed = dead_letters;
  expect(stream!.json).toMatchObject({
    ticks: 13_198,
    duplicates: 31,
    late: 37,
    revisions: 37,
    windows: 58,
    malformed,
  });
  expect(consume!.json).toMatchObject({ inserted: 13_198, duplicates: 30, conflicts: 1, unverified: 0, malformed });

  const db = new Database(join(data, "windows.db"), { readonly: true });
  const windows = db.query<WindowRow, []>("SELECT * FROM windows").all();
  const late = db.query<LateRow, []>("SELECT * FROM late_ticks ORDER BY log_offset").all();
  const revised = db.query<RevisionRow, []>("SELECT DISTINCT window_start_us FROM window_revisions").all();
  db.close();
  const closed = windows.filter(({ final }) => final === 1);
  expect([windows.length, closed.length, revised.length]).toEqual([60, 58, 24]);
  expect(late.slice(0, 5).map(({ trade_id }) => trade_id)).toEqual([1910, 2293, 2694, 2781, 2741]);
  const total = (column: "price_sum" | "total_volume" | "notional") =>
    closed.reduce((sum, row) => sum + parseUnits(row[column], 18), 0n);
  expect(closed.reduce((sum, row) => sum + row.trade_count, 0)).toBe(12_808);
  expect(total("price_sum")).toBe(parseUnits("330082594.76", 18));
  expect(total("total_volume")).toBe(parseUnits("464.30356745", 18));
  expect(total("notional")).toBe(parseUnits("11965126.6390316706", 18));

  const batch = await run("batch", ["--data", data, "--json"]);
  const { reconciliation, failed } = JSON.parse(batch.stdout);
  expect([failed, reconciliation]).toEqual([
    [],
    { compared: 58, equal: 34, explained: 24, unexplained: 0, pending: 0 },
  ]);
  const sums =
    "SELECT count(*) AS n, sum(price) AS p, sum(last_size) AS v, sum(price * last_size) AS notional FROM ticks";
  const query = await run("query", ["--data", data, "--format", "json", sums]);
  const [row] = JSON.parse(query.stdout);
  expect(row.n).toBe(13_198);
  for (const [name, sum] of [
    ["p", "340123552.42"],
    ["v", "476.42093807"],
    ["notional", "12277106.4796721222"],
  ] as const) {
    expect(parseUnits(row[name], 18)).toBe(parseUnits(sum, 18));
  }
  const conflict = await run("query", ["--data", data, "--format", "json", "SELECT trade_id, price FROM conflicts"]);
  expect(JSON.parse(conflict.stdout)).toEqual([{ trade_id: 10_001, price: "1" }]);
}

test("replayed at full speed: 13,198 ticks, 37 late, one conflict, two dead letters, each sum to the last digit", async () => {
  using dir = tempDir();
  const replay = startStage("replay", [RECORDING, "--port", "0", "--speed", "max"]);
  try {
    const url = await until("the address", () => /ws:\/\/127\.0\.0\.1:\d+/.exec(replay.said())?.[0]);
    const produced = await run("produce", ["--feed", url, "--until-end", "--data", dir.path]);
    expect([produced.code, produced.stderr.includes("error")]).toEqual([0, false]);
    await check(dir.path, 2);
  } finally {
    await replay.stop();
  }
}, 300_000);

test("with the truncated line in the log: three dead letters, and the same answers", async () => {
  using dir = tempDir();
  await fillLog(dir.path, recordedLines(RECORDING));
  await check(dir.path, 3);
}, 300_000);
