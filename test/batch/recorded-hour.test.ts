/** The recorded hour through batch: exactly the answers of data/recordings/README.md, with DuckDB's sqlite extension and without it. */
import { expect, test } from "bun:test";
import { cpSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { extensionFile } from "../../scripts/batch/sqlite-extension.ts";
import { recordedLines, run, tempDir } from "../support/project.ts";
import { REFERENCE_COLUMNS, results, rowsOf, store } from "./stored.ts";

const FACTS = {
  trade_count: 13_197,
  buy_count: 6_520,
  sell_count: 6_677,
  price_sum: "340097766.67",
  total_volume: "476.42093807",
  notional: "12277106.4796721222",
  min_price: "25714.11",
  max_price: "25828.51",
  price_range: "114.4",
};

test("every answer is exact, with and without the sqlite extension; a second run finds nothing new and says the same", async () => {
  using dir = tempDir();
  using other = tempDir();
  await store(dir.path, recordedLines());
  cpSync(dir.path, other.path, { recursive: true });
  const ran = await run("batch", ["--data", dir.path, "--json"]);
  expect([ran.code, ran.stderr.includes("extension")]).toEqual([0, extensionFile() === null]);
  expect(ran.json).toMatchObject({
    ticks_new: 13_197,
    ticks_total: 13_197,
    failed: [],
    reconciliation: { compared: 60, equal: 60, explained: 0, unexplained: 0, pending: 0 },
  });
  const without = await run("batch", ["--data", other.path], { TIDEMARK_SQLITE_EXTENSION: "none" });
  expect([without.code, without.stderr]).toEqual([0, expect.stringContaining("bun:sqlite")]);
  const answers = (data: string) => results(data, "SELECT metric, ok, columns, rows FROM results ORDER BY metric");
  expect(answers(other.path)).toEqual(answers(dir.path));

  expect(rowsOf(dir.path, "market_summary")).toEqual([expect.objectContaining(FACTS)]);
  const { price_range: _, ...ofProduct } = FACTS;
  expect(rowsOf(dir.path, "summary_by_product")).toEqual([
    expect.objectContaining({ product_id: "BTC-USD", ...ofProduct }),
  ]);
  const minutes = rowsOf(dir.path, "windows_by_minute");
  expect(minutes.length).toBe(60);
  expect(minutes.find((row) => String(row.window_start).includes("T16:30"))).toMatchObject({
    trade_count: 256,
    buy_count: 141,
    min_price: "25759.69",
    max_price: "25779.07",
    price_sum: "6596829.67",
    total_volume: "12.12731561",
    open_price: "25760.55",
    close_price: "25773.39",
  });
  expect(rowsOf(dir.path, "candles_1m").at(-1)).toMatchObject({
    open: "25741.02",
    close: "25741.54",
    low: "25735.62",
    high: "25745.72",
    volume: "8.40453046",
    trade_count: 238,
  });
  expect(rowsOf(dir.path, "candles_1h")).toMatchObject([{ volume: "476.42093807", trade_count: 13_197 }]);
  expect(rowsOf(dir.path, "coverage")).toMatchObject([{ ids_missing: 0, coverage: 1 }]);
  expect(rowsOf(dir.path, "gaps")).toEqual([]);
  expect(rowsOf(dir.path, "spread")).toEqual([]);

  const before = answers(dir.path);
  const again = await run("batch", ["--data", dir.path, "--json"]);
  expect(again.json).toMatchObject({ ticks_new: 0, ticks_total: 13_197 });
  expect(answers(dir.path)).toEqual(before);

  const output = join(dir.path, "batch_output");
  const files = readdirSync(output)
    .filter((name) => name.endsWith(".csv"))
    .sort();
  expect(files.length).toBe(2);
  const [header, row, ...rest] = readFileSync(join(output, files.at(-1)!), "utf8")
    .trimEnd()
    .split("\n");
  expect(header).toStartWith(`${REFERENCE_COLUMNS},`);
  expect(row).toStartWith(
    "25770.839332424,25828.51,25714.11,476.42093807,13197,6520,6677,114.4,High,Neutral,Spike,0.97648644",
  );
  expect(rest).toEqual([]);
  expect(readFileSync(join(dir.path, "batch_log.txt"), "utf8")).toMatch(/^\d+\.\d\d\n\d+\.\d\d\n$/);
  for (const name of readdirSync("sql/metrics")) {
    const csv = join(output, "metrics", name.replace(".sql", ".csv"));
    expect([name, existsSync(csv) || name === "market_summary.sql"]).toEqual([name, true]);
  }
}, 60_000);
