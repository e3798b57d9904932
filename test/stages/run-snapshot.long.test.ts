/** What runs note of their answers, against a recomputation from ticks.db row by row. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nowUs } from "../../scripts/base/clock.ts";
import { openDataDir } from "../../scripts/base/data-dir.ts";
import type { Buckets, RunSnapshot } from "../../scripts/contract/measures.ts";
import { openLog } from "../../scripts/log/index.ts";
import { bucketOf } from "../../scripts/measure/buckets.ts";
import { batch, metricFolder, NO_EXTENSION } from "../support/batch.ts";
import { quiet, ROOT, sqlite, stored, tempDir } from "../support/data.ts";
import { run, startStage, until } from "../support/process.ts";

setDefaultTimeout(300_000);

const MINUTE_US = 60_000_000;
/** Ticks may be at most this far ahead of their append time: not the default. */
const MAX_SKEW_US = 30_000_000;
const QUESTION = join(ROOT, "sql/metrics/windows_by_minute.sql");

interface Tick {
  insert_id: number;
  product_id: string;
  time_us: number;
  appended_us: number;
  received_us: number | null;
  log_partition: number;
  log_offset: number;
}
interface Noted {
  run_id: number;
  state: string;
  ended_us: number;
  snapshot: string | null;
}
type Answered = Noted & { contains: RunSnapshot };

const runsOf = (data: string) =>
  sqlite<Noted>(data, "results.db", "SELECT run_id, state, ended_us, snapshot FROM runs ORDER BY run_id");
const answeredOf = (data: string): Answered[] =>
  runsOf(data).flatMap((one) => (one.snapshot === null ? [] : [{ ...one, contains: JSON.parse(one.snapshot) }]));
const ticksOf = (data: string) => sqlite<Tick>(data, "ticks.db", "SELECT * FROM ticks ORDER BY insert_id");

let id = 0;

/**
 * Appends ticks of three products, whose receipts are up to `waited_ms` old; some have none, some are
 * from the future, some are stamped too far ahead. A record that is not a tick follows, and `consume`
 * reads all.
 */
async function arrive(data: string, count: number, waited_ms = 3_000): Promise<void> {
  const log = await openLog("embedded:", openDataDir(data), { role: "writer", logger: quiet });
  const records = Array.from({ length: count }, (_, i) => {
    const received_us = nowUs() - Math.round(((count - i) / count) * waited_ms * 1_000) - (i % 7);
    const isSkewed = i % 50 === 13;
    const time_us = received_us + (isSkewed ? 1.5 * MAX_SKEW_US : -(i % 3) * 40_000_000);
    const product_id = ["BTC-USD", "ETH-USD", "__proto__"][i % 3]!;
    const value = JSON.stringify({
      ...{ type: "ticker", product_id, trade_id: ++id, price: "25000.5", last_size: "0.25", side: "buy" },
      time: new Date(time_us / 1_000).toISOString(),
    });
    const receipt = i % 11 === 5 ? {} : { received_us: i % 40 === 7 ? received_us + 3_600_000_000 : received_us };
    return { key: product_id, value: new TextEncoder().encode(value), ...receipt };
  });
  for (let at = 0; at < count; at += 100) await log.append(records.slice(at, at + 100));
  await log.append([{ key: "", value: new TextEncoder().encode('{"type":"heartbeat"}') }]);
  await log.close();
  await consume(data);
}

async function consume(data: string, ...flags: string[]): Promise<void> {
  const { code, stderr } = await run("consume", ["--data", data, "--until-end", ...flags]);
  if (code !== 0) throw new Error(stderr);
}

/** A live feed, and a stream with a maximum skew of its own. */
async function begin(data: string): Promise<void> {
  openDataDir(data);
  writeFileSync(join(data, "feed.json"), JSON.stringify({ kind: "live", replay: null }));
  const log = await openLog("embedded:", openDataDir(data), { role: "writer", logger: quiet });
  await log.close();
  const { code, stderr } = await run("stream", ["--data", data, "--until-end", "--max-skew", "30s"]);
  if (code !== 0) throw new Error(stderr);
}

const spread = (buckets: Buckets) => buckets.flatMap(([bucket, count]) => Array<number>(count).fill(bucket));

/** Expects each value in a bucket that is at most 1/28 above it, and never below. */
function expectNear(buckets: Buckets | undefined, values: number[]): void {
  const found = spread(buckets ?? []);
  const sorted = values.toSorted((a, b) => a - b);
  expect(found).toHaveLength(sorted.length);
  const off = sorted.flatMap((value, i) => (found[i]! >= value && found[i]! <= value * (1 + 1 / 28) ? [] : [value]));
  expect(off).toEqual([]);
}

function newestOf(ticks: readonly Tick[]): Record<string, number> {
  const newest: Record<string, number> = Object.create(null);
  for (const { product_id, time_us, appended_us } of ticks)
    if (time_us - appended_us <= MAX_SKEW_US) newest[product_id] = Math.max(newest[product_id] ?? 0, time_us);
  return newest;
}

/** Compares a run with what the rows of ticks.db give, of which `before` have been answered. */
function expectExact({ ended_us, contains }: Answered, ticks: readonly Tick[], before: number): void {
  const inIt = ticks.filter(({ insert_id }) => insert_id <= contains.collected_to);
  const fresh = inIt.filter(({ insert_id }) => insert_id > before);
  const isReceived = ({ received_us }: Tick) => received_us !== null && received_us <= ended_us + MINUTE_US;
  const [received, others] = [fresh.filter(isReceived), fresh.filter((tick) => !isReceived(tick))];
  expect(contains.unreceived).toBe(others.length);
  const { pipeline, pipeline_from_append, ...curve } = contains.histograms;
  const sinceReceipt = received.map(({ received_us }) => ended_us - received_us!);
  expectNear(pipeline, sinceReceipt);
  const sinceAppend = others.map(({ appended_us }) => ended_us - appended_us);
  expectNear(pipeline_from_append, sinceAppend);
  const after = fresh.map(({ time_us }) => ended_us - (Math.floor(time_us / MINUTE_US) + 1) * MINUTE_US);
  const buckets = after.map((us) => bucketOf(Math.max(0, us))).sort((a, b) => a - b);
  expect(Object.keys(curve)).toEqual(["curve 60000000"]);
  expect(spread(curve["curve 60000000"]!)).toEqual(buckets);
  expect(Object.entries(contains.newest_us).sort()).toEqual(Object.entries(newestOf(inIt)).sort());
  const waiting = Map.groupBy(fresh, ({ product_id }) => product_id);
  const oldest = [...waiting].map(([product_id, of]) => {
    const stamps = of.map((tick) => (isReceived(tick) ? tick.received_us! : tick.appended_us));
    return [product_id, Math.min(...stamps)] as [string, number];
  });
  expect(Object.entries(contains.waiting_us).sort()).toEqual(oldest.sort());
}

/** The end of the log: one record follows the newest tick. */
const endOf = (ticks: readonly Tick[]) => ({ 0: ticks.at(-1)!.log_offset + 2 });

test("histograms, positions and waiting ticks of runs are those of a recomputation, with a killed, a stopped and a partial run in between", async () => {
  using dir = tempDir();
  const data = dir.path;
  using sql = metricFolder({ other: "SELECT count(*) AS n FROM ticks" });
  copyFileSync(QUESTION, join(sql.path, "windows_by_minute.sql"));
  const args = ["--sql", sql.path];
  await begin(data);
  await arrive(data, 700);
  expect((await batch(data, args)).code).toBe(0);
  const first = ticksOf(data).length;

  await arrive(data, 300, 60_000);
  expect((await batch(data, args, { TIDEMARK_DIE_AT: "manifest:2" })).signal).toBe("SIGKILL");
  await arrive(data, 50);
  using slow = metricFolder({ a_slow_one: "SELECT sleep_ms(60000) AS slept" });
  copyFileSync(QUESTION, join(slow.path, "windows_by_minute.sql"));
  const stopped = startStage("batch", ["--data", data, "--sql", slow.path]);
  const collected = () => {
    const manifest = Bun.file(join(data, "archive/manifest.json"));
    return manifest.json().then(({ collected_to }) => collected_to === ticksOf(data).length);
  };
  await until("the stopped run has collected", collected);
  await stopped.stop();
  await arrive(data, 20);
  expect((await run("query", ["--data", data, "--fresh", "SELECT 1"])).code).toBe(0);
  await arrive(data, 30);
  expect((await batch(data, [...args, "--metric", "other"])).code).toBe(0);
  using broken = metricFolder({ windows_by_minute: "SELECT nothing FROM nowhere" });
  expect((await batch(data, ["--sql", broken.path])).code).not.toBe(0);
  expect(runsOf(data).map(({ state, snapshot }) => [state, snapshot !== null])).toEqual([
    ["done", true],
    ["died", false],
    ["failed", false],
    ["done", false],
    ["done", false],
  ]);

  await arrive(data, 250);
  expect((await batch(data, args)).code).toBe(0);
  const second = ticksOf(data).length;
  await arrive(data, 40);
  expect((await batch(data, args, NO_EXTENSION)).code).toBe(0);
  expect((await batch(data, args)).code).toBe(0);

  const ticks = ticksOf(data);
  const answered = answeredOf(data);
  expect(answered.map(({ contains }) => contains.collected_to)).toEqual([first, second, ticks.length, ticks.length]);
  for (const [i, one] of answered.entries()) {
    expectExact(one, ticks, answered[i - 1]?.contains.collected_to ?? 0);
    expect(one.contains.positions).toEqual(endOf(ticks.slice(0, one.contains.collected_to)));
  }
  expect(answered.at(-1)!.contains).toMatchObject({ waiting_us: {}, unreceived: 0 });
});

test("a run that collects more than consume had when it read the positions has the newest tick's", async () => {
  using dir = tempDir();
  await begin(dir.path);
  await arrive(dir.path, 10);
  sqlite(dir.path, "ticks.db", "UPDATE offsets SET next_offset = 4");
  await batch(dir.path, ["--metric", "windows_by_minute"]);
  expect(answeredOf(dir.path)[0]!.contains.positions).toEqual({ 0: 10 });
});

test("ticks that were pruned before a run answered count from their append; the newest times stay", async () => {
  using dir = tempDir();
  const data = dir.path;
  await begin(data);
  await arrive(data, 200);
  const ticks = ticksOf(data);
  using other = metricFolder({ other: "SELECT count(*) AS n FROM ticks" });
  expect((await batch(data, ["--sql", other.path])).code).toBe(0);
  await Bun.sleep(1_100);
  expect((await run("prune", ["--data", data, "--retain", "1s"])).code).toBe(0);
  // The newest stays, since the next one's number follows it.
  expect(ticksOf(data)).toEqual(ticks.slice(-1));
  await arrive(data, 10);
  const kept = ticksOf(data);
  expect((await batch(data, ["--metric", "windows_by_minute"])).code).toBe(0);
  const pruned = ticks.slice(0, -1).map((tick) => ({ ...tick, received_us: null }));
  expectExact(answeredOf(data)[0]!, [...pruned, ...kept], 0);
});

test("no tick is new again when ticks.db was created again, and when the archive was", async () => {
  using dir = tempDir();
  const data = dir.path;
  const one = ["--metric", "windows_by_minute"];
  await begin(data);
  await arrive(data, 200);
  await batch(data, one);
  rmSync(join(data, "archive"), { recursive: true });
  await batch(data, one);
  await consume(data, "--rebuild");
  await arrive(data, 25);
  await batch(data, one);
  await batch(data, one);
  const [first, again, rebuilt, last] = answeredOf(data);
  const ticks = ticksOf(data);
  expectExact(first!, ticks, 0);
  expectExact(again!, ticks, 200);
  expectExact(rebuilt!, ticks, 200);
  expect(rebuilt!.contains.store_created).not.toBe(first!.contains.store_created);
  expectExact(last!, ticks, 225);
  expect(last!.contains.positions).toEqual(endOf(ticks));
});

test("the first run after an older Tidemark's counts no tick as new, since it isn't known what those had", async () => {
  using dir = tempDir();
  const data = dir.path;
  const one = ["--metric", "windows_by_minute"];
  await begin(data);
  await arrive(data, 100);
  await batch(data, one);
  sqlite(data, "results.db", "UPDATE runs SET snapshot = NULL");
  await arrive(data, 20);
  await batch(data, one);
  await arrive(data, 30);
  await batch(data, one);
  const [first, second] = answeredOf(data);
  const ticks = ticksOf(data);
  expectExact(first!, ticks, 120);
  expect(first!.contains.positions).toEqual(endOf(ticks.slice(0, 120)));
  expectExact(second!, ticks, 120);
});

test("in a replay the curve is by the recording's clock, which has a speed; as fast as possible there is none", async () => {
  using dir = await stored();
  const minutes = sqlite<{ end_us: number }>(
    dir.path,
    "ticks.db",
    `SELECT (time_us / ${MINUTE_US} + 1) * ${MINUTE_US} AS end_us FROM ticks`,
  ).map(({ end_us }) => end_us);
  const clock_us = Math.max(...minutes) + 5 * MINUTE_US;
  const one = ["--metric", "windows_by_minute"];
  const feed = (speed: number | null) => {
    const replay = { clock_us, as_of_us: nowUs(), speed };
    writeFileSync(join(dir.path, "feed.json"), JSON.stringify({ kind: "replay", replay }));
    return replay;
  };
  const { as_of_us } = feed(30);
  await batch(dir.path, one);
  const { contains, ended_us } = answeredOf(dir.path)[0]!;
  const exchange_us = clock_us + (ended_us - as_of_us) * 30;
  const after = minutes.map((end_us) => bucketOf(exchange_us - end_us)).sort((a, b) => a - b);
  expect(spread(contains.histograms["curve 60000000"]!)).toEqual(after);
  expect(contains.exchange_us).toBe(exchange_us);
  // Durations of this machine are wall time in a replay too.
  const [{ oldest_us }] = sqlite<{ oldest_us: number }>(
    dir.path,
    "ticks.db",
    "SELECT min(appended_us) AS oldest_us FROM ticks",
  ) as [{ oldest_us: number }];
  const most_us = (ended_us - oldest_us) * (1 + 1 / 28) + 1;
  expect(contains.histograms.pipeline_from_append!.at(-1)![0]).toBeLessThan(most_us);
  feed(null);
  await batch(dir.path, one);
  const clockless = answeredOf(dir.path).at(-1)!.contains;
  expect(Object.keys(clockless.histograms)).toEqual(["pipeline", "pipeline_from_append"]);
  expect(clockless.exchange_us).toBeNull();
});
