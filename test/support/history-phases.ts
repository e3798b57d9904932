/** History in phases beside the feed, each compared: for tests with different windows. */
import { Database } from "bun:sqlite";
import { expect } from "bun:test";
import { join } from "node:path";
import { answerHash } from "../../scripts/store/answer-hash.ts";
import { batch, resultRows } from "./batch.ts";
import { follow, recordedLines, sqlite, tempDir } from "./data.ts";

export const LINES = recordedLines();
/** Begins within a minute, of which REST has the trades before. */
export const FEED = LINES.slice(700, 2_600);
const asHistory = (line: string) => JSON.stringify({ ...(JSON.parse(line) as object), source: "backfill" });
const note = (first: number, last: number) =>
  JSON.stringify({
    ...{ type: "tidemark_backfill", product_id: "BTC-USD", first_trade_id: first, last_trade_id: last },
    trades: last - first + 1,
  });
/** Trades of these ids as pages of history, newest first, each with its note. */
export function history(first: number, last: number): string[] {
  const lines = LINES.slice(first - 1, last)
    .reverse()
    .map(asHistory);
  return [...lines, note(first, last)];
}

/** Compares before, during and after; then with a stream that never saw history. `flags`: the stream's. */
export async function historyPhases(flags: string[]): Promise<void> {
  using dir = tempDir();
  using without = tempDir();
  const compare = async () => {
    const { json } = await batch(dir.path, ["--metric", "reconciliation"]);
    return json.reconciliation!;
  };
  const follows = (lines: string[], stages: ("stream" | "consume")[]) => follow(dir.path, lines, stages, flags);
  await follows(FEED.slice(0, 900), ["stream", "consume"]);
  const before = await compare();
  expect(before).toMatchObject({ unexplained: 0, equal: before.compared });
  // Only one of the stages has read a page; then both have, beside more of the feed.
  await follows(history(400, 700), ["consume"]);
  expect(await compare()).toMatchObject({ unexplained: 0 });
  await follows(FEED.slice(900, 1_200), ["stream"]);
  expect(await compare()).toMatchObject({ unexplained: 0 });
  // Pages that reach the feed's first trade again, and one that was appended twice.
  await follows([...history(600, 701), ...history(200, 399), ...history(200, 399)], ["stream", "consume"]);
  const late = LINES[1_500]!.replace(/"trade_id":\d+/, '"trade_id":900011');
  await follows([...FEED.slice(1_200), late], ["stream", "consume"]);
  const after = await compare();
  expect(after).toMatchObject({ unexplained: 0, pending: 0 });
  expect(after.explained).toBeGreaterThan(0);
  const rows = resultRows(dir.path, "reconciliation").filter(({ outcome }) => outcome === "history");
  expect(rows.length).toBeGreaterThan(0);
  // Each window from the first whole one on is compared.
  const [from] = sqlite<{ us: number }>(
    dir.path,
    "ticks.db",
    "SELECT max(minute_us) + 60000000 AS us FROM history_minutes",
  );
  const whole = `SELECT count(*) AS n FROM windows WHERE final <> 0 AND window_start_us >= ${from!.us}`;
  expect(after.compared).toBe(sqlite<{ n: number }>(dir.path, "windows.db", whole)[0]!.n);
  expect(rows.every((row) => Date.parse(String(row.window_start)) * 1_000 < from!.us)).toBe(true);
  await follow(without.path, [...FEED, late], ["stream"], flags);
  expect(answerHash(join(dir.path, "windows.db"))).toEqual(answerHash(join(without.path, "windows.db")));
  // A tick that differs in what is compared is still found.
  const db = new Database(join(dir.path, "windows.db"));
  db.exec(`UPDATE windows SET price_sum = '1', change_id = change_id + 1000 WHERE rowid =
    (SELECT rowid FROM windows WHERE final = 1 ORDER BY window_start_us DESC LIMIT 1)`);
  db.close();
  expect((await compare()).unexplained).toBe(1);
}
