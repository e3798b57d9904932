/** `produce` killed at any point: each trade is in the log, or in an outage (docs/faults.md 1, 12). */
import { expect, test } from "bun:test";
import type { Faults } from "../../scripts/simulator/faults.ts";
import { rowsOf, tempDir } from "../support/data.ts";
import { exchange, HOUR } from "../support/feed.ts";
import { run } from "../support/process.ts";

const TRADES = 2_000;
/** Where it is killed: point and passing. The first is after an append, so the product is known. */
const DEATHS = ["produce-appended:2", "produce-before-append:3", "produce-appended:5"];

/**
 * Recorded minutes in seconds, since the market does not wait for a restart; as many as several
 * restarts take on this machine now.
 */
async function speed(): Promise<number> {
  const began_ms = performance.now();
  expect((await run("produce", ["--help"])).code).toBe(0);
  const start_ms = performance.now() - began_ms;
  const recorded_ms = (HOUR[TRADES - 1]!.time_us - HOUR[0]!.time_us) / 1_000;
  return Math.min(90, recorded_ms / (12 * start_ms));
}

/** One recording that keeps playing while `produce` is dead: the stored ids and the outages. */
async function killedAgainAndAgain(channel: "ticker" | "matches", deaths: string[], faults: Faults = {}) {
  await using server = exchange({ trades: TRADES, speed: await speed(), faults, linger_ms: 60_000 });
  using dir = tempDir();
  const feed = ["--feed", server.url, "--channel", channel, "--until-end", "--json"];
  let kills = 0;
  for (const at of deaths) {
    const died = await run("produce", ["--data", dir.path, ...feed], { TIDEMARK_DIE_AT: at });
    if (died.signal === "SIGKILL") kills++;
  }
  // The recording may end before the last kill is due.
  expect(kills).toBeGreaterThanOrEqual(2);
  const last = await run("produce", ["--data", dir.path, ...feed]);
  expect([last.code, last.stderr]).toEqual([0, expect.any(String)]);
  await run("consume", ["--data", dir.path, "--until-end"]);
  await run("stream", ["--data", dir.path, "--until-end"]);
  const ids = rowsOf<{ trade_id: number }>(dir.path, "ticks.db", "SELECT trade_id FROM ticks ORDER BY trade_id");
  const outages = rowsOf<{ last_trade_id: number; first_trade_id: number }>(
    dir.path,
    "ticks.db",
    "SELECT last_trade_id, first_trade_id FROM outages",
  );
  const missing = rowsOf<{ n: number }>(
    dir.path,
    "windows.db",
    `SELECT sum(coalesce(r.missing, w.missing)) AS n FROM windows w LEFT JOIN (SELECT *, max(revision) FROM window_revisions
      GROUP BY product_id, window_start_us) r USING (product_id, window_start_us)`,
  );
  return { ids: ids.map((row) => row.trade_id), outages, missing: missing[0]!.n };
}

test("matches: killed before, after and between appends and in mid-fill, every trade is stored in the end, nothing is missing", async () => {
  const deaths = [...DEATHS, "produce-filled:5"];
  const { ids, outages, missing } = await killedAgainAndAgain("matches", deaths, { drop_ids: [300, 301, 302, 1_500] });
  expect(ids).toEqual(Array.from({ length: TRADES - ids[0]! + 1 }, (_, i) => ids[0]! + i));
  expect(ids.at(-1)).toBe(HOUR[TRADES - 1]!.trade_id);
  expect(outages).toEqual([]);
  expect(missing).toBe(0);
}, 300_000);

test("ticker: what was missed while it was dead is within outage rows, and `missing` counts it", async () => {
  const { ids, outages, missing } = await killedAgainAndAgain("ticker", DEATHS);
  const stored = new Set(ids);
  const lost = Array.from({ length: TRADES }, (_, i) => i + 1).filter((id) => id > ids[0]! && !stored.has(id));
  expect(lost.length).toBeGreaterThan(0);
  const isSaid = (id: number) => outages.some((one) => one.last_trade_id < id && id < one.first_trade_id);
  expect(lost.filter((id) => !isSaid(id))).toEqual([]);
  expect(missing).toBe(lost.length);
}, 300_000);
