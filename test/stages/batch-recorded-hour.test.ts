/** The recorded hour through stream, consume and batch (data/recordings/README.md), read both ways. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { extensionFile, loadFrom } from "../../scripts/archive/sqlite-extension.ts";
import { METRICS_DIR } from "../../scripts/base/project.ts";
import { metricNames } from "../../scripts/metrics/metric.ts";
import { batch, NO_EXTENSION, resultRows } from "../support/batch.ts";
import { filesBelow, fillLog, follow, recordedLines, sqlite, tempDir } from "../support/data.ts";
import { run } from "../support/process.ts";

setDefaultTimeout(300_000);

const WITHOUT = "TIDEMARK_SQLITE_EXTENSION=none";
const WAYS: { name: string; env: Record<string, string> }[] = [
  { name: "DuckDB's sqlite extension", env: {} },
  { name: WITHOUT, env: NO_EXTENSION },
];
const here = extensionFile() !== null;

/** The whole hour; avg_price and vwap are its quotients, rounded half up to ten digits. */
const SUMMARY = {
  avg_price: "25770.839332424",
  max_price: "25828.51",
  min_price: "25714.11",
  total_volume: "476.42093807",
  trade_count: 13_197,
  buy_count: 6_520,
  sell_count: 6_677,
  price_range: "114.4",
  volatility_flag: "High",
  market_sentiment: "Neutral",
  volume_spike: "Spike",
  buy_sell_ratio: 6_520 / (6_677 + 0.00001),
  vwap: "25769.4519670088",
  price_sum: "340097766.67",
  notional: "12277106.4796721222",
  products: 1,
  first_time: "2023-09-05T16:00:01.281719Z",
  newest_time: "2023-09-05T16:59:58.761737Z",
};

/**
 * minute: trade_count, buy_count, min_price, max_price, price_sum, total_volume, open_price,
 * close_price.
 */
const MINUTES: Record<string, (string | number)[]> = {
  "16:00": [238, 132, "25735.62", "25745.72", "6126200", "8.40453046", "25741.02", "25741.54"],
  "16:30": [256, 141, "25759.69", "25779.07", "6596829.67", "12.12731561", "25760.55", "25773.39"],
  "16:59": [182, 81, "25735.97", "25743.97", "4684779.53", "3.74637832", "25740.43", "25735.97"],
};

const REFERENCE_COLUMNS =
  "avg_price,max_price,min_price,total_volume,trade_count,buy_count,sell_count,price_range,volatility_flag,market_sentiment,volume_spike,buy_sell_ratio";

interface BatchRun {
  dir: ReturnType<typeof tempDir>;
  data: string;
  ran: Awaited<ReturnType<typeof batch>>;
}
const runs: Record<string, BatchRun> = {};

beforeAll(async () => {
  using base = tempDir();
  await follow(base.path, recordedLines(), ["stream", "consume"], ["--flush"]);
  for (const { name, env } of WAYS) {
    if (!here && name !== WITHOUT) continue;
    const dir = tempDir();
    const data = join(dir.path, "data");
    cpSync(base.path, data, { recursive: true });
    runs[name] = { dir, data, ran: await batch(data, [], env) };
  }
});

afterAll(() => {
  for (const { dir } of Object.values(runs)) dir[Symbol.dispose]();
});

test("a missing extension is reported once per data directory, not at each run", async () => {
  using dir = tempDir();
  await fillLog(dir.path, recordedLines().slice(0, 300));
  await run("consume", ["--data", dir.path, "--until-end"]);
  const batch = () => run("batch", ["--data", dir.path], { TIDEMARK_SQLITE_EXTENSION: "none" });
  const lines = (await batch()).stderr.split("\n").filter((line) => line.includes("isn't available"));
  expect([lines.length, lines[0]!.length < 160]).toEqual([1, true]);
  expect(lines[0]).toMatch(
    /INFO: batch: DuckDB's sqlite extension isn't available \(TIDEMARK_SQLITE_EXTENSION=none\): /,
  );
  expect((await batch()).stderr).not.toContain("isn't available");
});

test("an extension that is not installed is not downloaded, and the reason is two words", async () => {
  using dir = tempDir();
  const connection = await (await DuckDBInstance.create(":memory:", { extension_directory: dir.path })).connect();
  expect(await loadFrom(connection, null)).toBe("not installed");
  expect(readdirSync(dir.path)).toEqual([]);
  connection.closeSync();
});

for (const { name } of WAYS) {
  const missing = !here && name !== WITHOUT;
  describe.skipIf(missing)(missing ? `${name}, skipped: it is not in .cache/duckdb` : name, () => {
    test("ends with 0, all ticks, every metric, and 60 equal windows: 0 unexplained", () => {
      const { code, json, stderr } = runs[name]!.ran;
      const metrics = metricNames(METRICS_DIR).length;
      expect([code, json.failed, json.metrics]).toEqual([0, [], metrics]);
      expect(json).toMatchObject({ records: 13_197, ticks_new: 13_197, ticks_total: 13_197 });
      const reconciliation = { compared: 60, equal: 60, explained: 0, unexplained: 0, pending: 0 };
      expect(json.reconciliation).toEqual(reconciliation);
      expect(sqlite(runs[name]!.data, "results.db", "SELECT * FROM reconciliation")).toEqual([
        { run_id: 1, ...reconciliation },
      ]);
      const said = stderr.match(/sqlite extension isn't available .TIDEMARK_SQLITE_EXTENSION=none/g) ?? [];
      expect(said.length).toBe(name === WITHOUT ? 1 : 0);
    });

    test("market_summary has every sum to the last digit", () => {
      expect(resultRows(runs[name]!.data, "market_summary")).toEqual([SUMMARY]);
    });

    test("windows_by_minute has 60 windows, newest first: the three that are known, and the stream's digits", () => {
      const { data } = runs[name]!;
      const rows = resultRows(data, "windows_by_minute");
      const starts = rows.map((row) => String(row.window_start));
      expect(starts.length).toBe(60);
      expect(starts).toEqual(starts.toSorted().reverse());
      for (const [minute, facts] of Object.entries(MINUTES)) {
        const row = rows.find(({ window_start }) => window_start === `2023-09-05T${minute}:00.000000Z`)!;
        const { trade_count, buy_count, min_price, max_price, price_sum, total_volume, open_price, close_price } = row;
        const found = [trade_count, buy_count, min_price, max_price, price_sum, total_volume, open_price, close_price];
        expect([minute, ...found]).toEqual([minute, ...facts]);
      }
      const columns = Object.keys(rows[0]!).filter((column) => !column.startsWith("window_"));
      const streamed = `SELECT ${columns.join(", ")} FROM windows ORDER BY window_start_us DESC`;
      expect(rows.map(({ window_start, window_end, ...row }) => row)).toEqual(sqlite(data, "windows.db", streamed));
    });

    test("candles of the hour, coverage and gaps agree with it", () => {
      const { data } = runs[name]!;
      const { open_price: open, close_price: close } = { open_price: "25741.02", close_price: "25735.97" };
      expect(resultRows(data, "candles_1h")).toMatchObject([{ open, high: "25828.51", low: "25714.11", close }]);
      expect(resultRows(data, "coverage")).toMatchObject([{ ticks: 13_197, ids_missing: 0, coverage: 1 }]);
      expect(resultRows(data, "gaps")).toEqual([]);
      // The recording has no quotes, so no spread is made up.
      expect(resultRows(data, "spread")).toEqual([]);
    });

    test("batch_output has the replaced pipeline's columns first, in its order; batch_log.txt one line of seconds", () => {
      const { data } = runs[name]!;
      const [header, row, end] = readFileSync(join(data, "batch_output", summaries(data)[0]!), "utf8").split("\n");
      expect(header).toStartWith(`${REFERENCE_COLUMNS},`);
      expect(row).toStartWith(
        "25770.839332424,25828.51,25714.11,476.42093807,13197,6520,6677,114.4,High,Neutral,Spike,0.97648644",
      );
      expect(end).toBe("");
      expect(readFileSync(join(data, "batch_log.txt"), "utf8")).toMatch(/^\d+\.\d\d\n$/);
      const others = metricNames(METRICS_DIR).filter((metric) => metric !== "market_summary");
      const files = Object.keys(filesBelow(join(data, "batch_output/metrics")));
      expect(files).toEqual(others.map((metric) => `${metric}.csv`));
    });

    test("results.db has the run: done, its ticks, its cost, the newest time", () => {
      const [run] = sqlite(runs[name]!.data, "results.db", "SELECT * FROM runs");
      expect(run).toMatchObject({ run_id: 1, state: "done", ticks_new: 13_197, ticks_total: 13_197, failed: 0 });
      expect(run!.newest_time_us).toBe(1_693_933_198_761_737);
      for (const column of ["seconds", "collect_ms", "answer_ms", "cpu_seconds", "peak_rss_bytes", "archive_bytes"])
        expect(Number(run![column])).toBeGreaterThan(0);
    });
  });
}

test.skipIf(!here)("both ways give the same rows and write the same files, byte for byte", () => {
  const [one, other] = WAYS.map(({ name }) => filesBelow(join(runs[name]!.data, "batch_output", "metrics")));
  expect(one!).toEqual(other!);
  const kept = "SELECT metric, ok, columns, rows FROM results ORDER BY metric";
  const [rows, same] = WAYS.map(({ name }) => sqlite(runs[name]!.data, "results.db", kept));
  expect(rows!).toEqual(same!);
});

test("a second run adds a summary, the newest last by name, and a line to batch_log.txt", async () => {
  const { data } = runs[WITHOUT]!;
  const [first] = summaries(data);
  expect((await batch(data)).json).toMatchObject({ ticks_new: 0, ticks_total: 13_197 });
  expect(summaries(data)).toEqual([first!, expect.stringMatching(/^market_summary_\d{8}T\d{9}Z\.csv$/)]);
  expect(readFileSync(join(data, "batch_log.txt"), "utf8")).toMatch(/^(\d+\.\d\d\n){2}$/);
});

function summaries(data: string): string[] {
  const files = readdirSync(join(data, "batch_output")).filter((file) => file.endsWith(".csv"));
  return files.sort();
}
