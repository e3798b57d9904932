/** The rollup after random late inserts equals a full computation from every tick. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readManifest, writeManifest } from "../../scripts/archive/manifest.ts";
import minutesSql from "../../sql/rollup/minutes.sql" with { type: "text" };
import { batch, manifestOf, metricFolder, NO_EXTENSION, resultRows } from "../support/batch.ts";
import { follow, recordedLines, sqlite, stored, tempDir } from "../support/data.ts";

setDefaultTimeout(300_000);

const SEED = 20_230_905;
const RUNS = 10;
const DAY_MS = 86_400_000;

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Recorded prices and sizes at random times of three hours around midnight, of three products, some
 * with quotes: most ticks are late. Ids come in no order, so that later ones fill gaps.
 */
function scattered(count: number, next: () => number, from_id: number): string[] {
  const lines = recordedLines();
  const midnight_ms = Date.UTC(2023, 8, 6);
  return Array.from({ length: count }, (_, i) => {
    const message = JSON.parse(lines[Math.floor(next() * lines.length)]!) as Record<string, unknown>;
    const price = Number(message.price);
    const quotes = next() < 0.5 ? { best_bid: (price - 1).toFixed(2), best_ask: (price + next()).toFixed(3) } : {};
    const product_id = ["BTC-USD", "ETH-USD", "LTC-EUR"][Math.floor(next() * 3)];
    const time = new Date(midnight_ms + Math.floor((next() - 0.5) * 10_800_000)).toISOString();
    return JSON.stringify({ ...message, ...quotes, product_id, time, trade_id: 1 + (((from_id + i) * 7_919) % 5_003) });
  });
}

const COLUMNS = `product_id, minute_us, trade_count, buy_count, sell_count, price_sum, total_volume, buy_volume, notional, max_notional,
  max_price, min_price, open_price, open_time_us, open_trade_id, close_price, close_time_us, close_trade_id, first_trade_id, last_trade_id,
  quotes, spread_sum, min_spread, max_spread`;
const FULL_MINUTES = `WITH new_ticks AS (SELECT * REPLACE (0 AS log_partition) FROM ticks)\n${minutesSql}`;
const WINDOW_COLUMNS = `product_id, size_us, window_start_us, trade_count, buy_count, sell_count, price_sum, total_volume, notional,
  max_price, min_price, open_price, close_price, first_trade_id, last_trade_id`;
const FULL_WINDOWS = `SELECT product_id, size_us, window_start_of(time_us, size_us) AS window_start_us, count(*) AS trade_count,
  count(*) FILTER (WHERE side = 'buy') AS buy_count, count(*) FILTER (WHERE side = 'sell') AS sell_count, sum(price) AS price_sum,
  sum(last_size) AS total_volume, sum(price * last_size) AS notional, max(price) AS max_price, min(price) AS min_price,
  min_by(price, (time_us, trade_id)) AS open_price, max_by(price, (time_us, trade_id)) AS close_price,
  min(trade_id) AS first_trade_id, max(trade_id) AS last_trade_id
  FROM archive_ticks JOIN positions USING (log_partition), (SELECT DISTINCT size_us FROM windows) WHERE log_offset < reached GROUP BY ALL`;

/** Rows that one side has and the other hasn't. */
const differ = (columns: string, one: string, other: string) =>
  `SELECT count(*) AS n FROM ((SELECT ${columns} FROM (${one}) EXCEPT ALL SELECT ${columns} FROM (${other}))
   UNION ALL (SELECT ${columns} FROM (${other}) EXCEPT ALL SELECT ${columns} FROM (${one})))`;

const FULL_GAPS = `SELECT product_id, trade_id - previous - 1 AS ids, previous + 1 AS first_id, trade_id - 1 AS last_id, before AS from_time, time AS to_time
  FROM (SELECT product_id, trade_id, time, lag(trade_id) OVER w AS previous, lag(time) OVER w AS before FROM ticks WINDOW w AS (PARTITION BY product_id ORDER BY trade_id))
  WHERE trade_id - previous > 1 ORDER BY ids DESC, first_id LIMIT 100`;

const FULL_LARGEST = `SELECT time, product_id, trade_id, price * last_size AS notional FROM ticks ORDER BY notional DESC, trade_id, product_id LIMIT 20`;

const FILES = {
  largest: differ(
    "time, product_id, trade_id, notional",
    readFileSync("sql/metrics/largest_trades.sql", "utf8"),
    FULL_LARGEST,
  ),
  gaps: differ(
    "product_id, ids, first_id, last_id, from_time, to_time",
    readFileSync("sql/metrics/gaps.sql", "utf8"),
    FULL_GAPS,
  ),
  minutes: differ(COLUMNS, "SELECT * FROM minutes", FULL_MINUTES),
  store_windows: differ(WINDOW_COLUMNS, "SELECT * FROM store_windows", FULL_WINDOWS),
  counts: `SELECT (SELECT count(*) FROM minutes) AS minutes, (SELECT sum(trade_count) FROM minutes) AS in_minutes, (SELECT count(*) FROM ticks) AS ticks,
    (SELECT count(*) FROM store_windows) AS windows, (SELECT count(DISTINCT size_us) FROM store_windows) AS sizes`,
  reconciliation: readFileSync("sql/metrics/reconciliation.sql", "utf8"),
};

test(`${RUNS} runs with late ticks in old minutes, the stream now ahead, now behind, killed and compacted between: nothing differs`, async () => {
  using dir = tempDir();
  using folder = metricFolder(FILES);
  using only = metricFolder({ one: "SELECT 1 AS one" });
  const next = random(SEED);
  let id = 1;
  for (let i = 0; i < RUNS; i++) {
    const lines = scattered(20 + Math.floor(next() * 300), next, id);
    id += lines.length;
    const streams = [0, 2, 5, RUNS - 1].includes(i);
    await follow(dir.path, lines, streams ? ["stream", "consume"] : ["consume"], ["--window", "1m,90s,5m"]);
    if (i === 6) await batch(dir.path, ["--sql", folder.path], { TIDEMARK_DIE_AT: "manifest:2" });
    const looks = [0, 3, 6, RUNS - 1].includes(i);
    const { code, stderr, json } = await batch(dir.path, ["--sql", looks ? folder.path : only.path]);
    expect([i, code, stderr.match(/error.*/i)?.[0]]).toEqual([i, 0, undefined]);
    if (!looks) continue;
    const found = ["minutes", "store_windows", "gaps", "largest"].map((metric) => resultRows(dir.path, metric)[0]!.n);
    expect([i, ...found]).toEqual([i, 0, 0, 0, 0]);
    expect(json.reconciliation).toMatchObject({ unexplained: 0 });
    const [counts] = resultRows<Record<string, number>>(dir.path, "counts");
    expect(counts).toMatchObject({ ticks: id - 1, in_minutes: id - 1, sizes: 3 });
    expect(counts!.minutes).toBeGreaterThan(15);
  }
  const { files, minutes } = manifestOf(dir.path);
  expect(minutes.length).toBeLessThan(RUNS);

  // Someone removed the folder of the minutes, as its error advises: summed again from the ticks.
  rmSync(join(dir.path, "archive/minutes"), { recursive: true });
  expect((await batch(dir.path, ["--sql", folder.path])).json.ticks_total).toBe(id - 1);
  expect([resultRows(dir.path, "minutes"), resultRows(dir.path, "store_windows")]).toEqual([[{ n: 0 }], [{ n: 0 }]]);
  expect([manifestOf(dir.path).minutes.length, manifestOf(dir.path).files.length]).toEqual([1, files.length]);
});

test("windows are read by their change number, and whole in a day's first run: a digit altered in an old row is found then", async () => {
  using dir = await stored();
  using folder = metricFolder({ reconciliation: FILES.reconciliation });
  const run = async () => (await batch(dir.path, ["--sql", folder.path])).json.reconciliation!;
  // Not over midnight, where a new day begins.
  while (DAY_MS - (Date.now() % DAY_MS) < 90_000) await Bun.sleep(1_000);
  const first = await run();
  expect(first).toMatchObject({ unexplained: 0, pending: 0 });
  const files = () => manifestOf(dir.path).changes!.windows!.files.map(({ rows }) => rows);
  expect(files()).toEqual([Number(sqlite(dir.path, "windows.db", "SELECT count(*) AS n FROM windows")[0]!.n)]);
  await follow(dir.path, recordedLines().slice(3_000, 3_400), ["stream", "consume"]);
  const second = await run();
  expect(second.unexplained).toBe(0);
  expect(second.compared).toBeGreaterThan(first.compared);
  expect([files().length, files()[1]! < files()[0]!]).toEqual([2, true]);

  sqlite(
    dir.path,
    "windows.db",
    "UPDATE windows SET buy_sell_ratio = buy_sell_ratio * (1 + 1e-15) WHERE window_start_us = (SELECT min(window_start_us) FROM windows)",
  );
  expect((await run()).unexplained).toBe(0);
  const archive = join(dir.path, "archive");
  const manifest = readManifest(archive)!;
  manifest.changes.windows!.whole_day -= 1;
  writeManifest(archive, manifest);
  expect((await run()).unexplained).toBe(1);
  const [row] = resultRows(dir.path, "reconciliation");
  expect(row).toMatchObject({ outcome: "unexplained", differs: "window and late ticks: buy_sell_ratio" });
});

test("late ticks, revisions and dead letters are added by row number, and read whole when rows were renumbered", async () => {
  using dir = await stored();
  using folder = metricFolder({
    counted: `SELECT 'window_revisions' AS name, count(*) AS rows FROM window_revisions UNION ALL SELECT 'late_ticks', count(*) FROM late_ticks
      UNION ALL SELECT 'dead_letters', count(*) FROM dead_letters ORDER BY name`,
  });
  const next = random(SEED + 1);
  const late = (from: number) => [...scattered(60, next, from), "no tick at all"];
  const stored_now = () =>
    ["dead_letters", "late_ticks", "window_revisions"].map((name) => {
      const file = name === "dead_letters" ? "ticks.db" : "windows.db";
      return { name, rows: sqlite<{ rows: number }>(dir.path, file, `SELECT count(*) AS rows FROM ${name}`)[0]!.rows };
    });
  const collected = async (env = {}) => {
    const { json } = await batch(dir.path, ["--sql", folder.path], env);
    expect(json.failed).toEqual([]);
    expect(resultRows(dir.path, "counted")).toEqual(stored_now());
    const { changes = {} } = manifestOf(dir.path);
    return Object.fromEntries(stored_now().map(({ name }) => [name, changes[name]!.files.map((file) => file.rows)]));
  };
  while (DAY_MS - (Date.now() % DAY_MS) < 90_000) await Bun.sleep(1_000);
  await follow(dir.path, late(1));
  const first = await collected();
  await follow(dir.path, late(61));
  const second = await collected(NO_EXTENSION);
  for (const [name, rows] of Object.entries(second)) {
    expect([name, rows[0]]).toEqual([name, first[name]![0]!]);
    expect(rows.length).toBe(2);
  }
  expect(await collected()).toEqual(second);

  sqlite(dir.path, "windows.db", "DELETE FROM late_ticks WHERE rowid = 1");
  // As a VACUUM may do.
  sqlite(dir.path, "windows.db", "UPDATE late_ticks SET rowid = rowid - 1");
  const again = await collected();
  const late_now = stored_now().find(({ name }) => name === "late_ticks")!.rows;
  expect([again.late_ticks, again.window_revisions]).toEqual([[late_now], second.window_revisions]);
});
