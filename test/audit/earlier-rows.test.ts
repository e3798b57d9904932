/** Earlier rows of a window, rows without ticks, and what the report adds without refusing a row. */
import { expect, test } from "bun:test";
import type { AuditColumn } from "../../scripts/audit/audit-types.ts";
import { at, audited, delayed, EXPERT, REPLACED, run, S, START, steady, traceOf } from "../support/audit-cases.ts";
import { answersOf, runEngine } from "../support/foreign-engines.ts";
import { type Cells, cellsOf, type EngineSettings, MINUTE, type Trade } from "../support/foreign-rows.ts";

/** Minute 2 after its first 32 trades, as an engine in update mode writes it. */
function earlier(trades: readonly Trade[], engine: EngineSettings, change: Cells = {}) {
  const { windows } = runEngine(trades, engine);
  const row = windows.find(({ start }) => start === START + 2 * MINUTE)!;
  const part = { trades: row.trades.slice(0, 32), groups: row.groups.slice(0, 32) };
  const answers = answersOf(windows, engine);
  const superseded = [{ ...answers.rows[2]!, cells: { ...cellsOf(trades, part, engine), ...change }, where: "row 0" }];
  return audited(trades, { ...answers, superseded });
}

const FORGED: [AuditColumn, string][] = [
  ["trade_count", "33"],
  ["trade_count", "61"],
  ["max_price", "99999.00"],
  ["min_price", "1.00"],
  ["total_volume", "0.00000001"],
];

for (const numbers of ["decimal", "float64"] as const)
  test(`an earlier row is made by the first ticks of its window, or the window is unexplained: ${numbers}`, () => {
    const engine = { ...EXPERT, numbers };
    const honest = earlier(steady(), engine);
    expect(honest.totals).toMatchObject({ unexplained: 0, superseded_rows: 1 });
    for (const [column, text] of FORGED) {
      const report = earlier(steady(), engine, { [column]: text });
      expect(at(report, 2)).toMatchObject({ outcome: "unexplained", rules: [] });
      expect(at(report, 2).why).toContain("An earlier row of this window (row 0)");
      expect(report.totals.unexplained).toBe(1);
    }
  });

test("the way in which an engine rounds ties may show in earlier rows only", () => {
  // Two prices whose average is 25741.005; no whole window's average is a tie at two places.
  const trades = steady().map((trade, n) => ({ ...trade, price: n === 120 ? "25741.01" : "25741.00" }));
  const columns = ["trade_count", "avg_price"] as const;
  const { windows } = runEngine(trades, { ...EXPERT, columns });
  for (const { cells } of windows) cells.avg_price = Number(cells.avg_price).toFixed(2);
  const answers = answersOf(windows, EXPERT);
  const outcome = (avg_price: string) => {
    const superseded = [{ ...answers.rows[2]!, cells: { trade_count: "2", avg_price } }];
    return at(audited(trades, { ...answers, superseded }), 2).outcome;
  };
  expect(outcome("25741.00")).not.toBe("unexplained");
  expect(outcome("25741.01")).not.toBe("unexplained");
  expect(outcome("25741.02")).toBe("unexplained");
});

test("several partitions: an earlier row is bounded by the window's ticks", () => {
  const trades = steady().map((trade, n) => ({ ...trade, partition: n % 2, offset: n >> 1 }));
  expect(earlier(trades, EXPERT, { total_volume: "0.00000001" }).totals.unexplained).toBe(0);
  for (const change of [{ trade_count: "61" }, { max_price: "99999.00" }, { min_price: "1.00" }])
    expect(at(earlier(trades, EXPERT, change), 2).outcome).toBe("unexplained");
});

test("a row of a window without ticks has zeros, no numbers, or an empty row's flags", () => {
  const outcome = (cells: Cells) => {
    const { windows } = runEngine(steady(), EXPERT);
    const answers = answersOf(windows, EXPERT);
    const row = { ...answers.rows[0]!, window_start_us: START + 90 * MINUTE, window_end_us: START + 91 * MINUTE };
    const empty = Object.fromEntries(answers.columns.map(({ name }) => [name, null]));
    const rows = [...answers.rows, { ...row, cells: { ...empty, trade_count: "0", ...cells } }];
    return at(audited(steady(), { ...answers, rows }), 90).outcome;
  };
  expect(outcome({})).toBe("equal");
  expect(outcome({ avg_price: "NaN", total_volume: "0.00", max_price: "null", market_sentiment: "Neutral" })).toBe(
    "equal",
  );
  expect(outcome({ max_price: "abc" })).toBe("unexplained");
  expect(outcome({ market_sentiment: "Bullish" })).toBe("unexplained");
  expect(outcome({ trade_count: "NaN" })).toBe("unexplained");
});

test("a late tick that the engine counted even so leaves the row equal, and the report has it", () => {
  const trades = delayed(steady(), 10, 250);
  const engine: EngineSettings = { ...REPLACED, numbers: "decimal", repeats: "first" };
  const counts = (rows: { cells: Cells }[]) => {
    rows[0]!.cells = runEngine(trades, EXPERT).windows[0]!.cells;
  };
  const report = run(trades, engine, counts, traceOf(trades, engine));
  expect(at(report, 0)).toMatchObject({
    outcome: "equal",
    why: "Equal in every column; ticks late by the engine's watermark, and counted: 1.",
  });
  expect(report.how.join(" ")).toContain("so not dropped: 1");
  const own = run(trades, engine, undefined, traceOf(trades, engine));
  expect(own.how.join(" ")).not.toContain("not dropped");
});

test("rows of one product of several: the report names the flag that audits it alone", () => {
  const other = (trade: Trade) => ({ ...trade, product: "ETH-USD", id: trade.id + 10_000, time: trade.time + S / 10 });
  const both = steady().flatMap((trade, n) => [
    { ...trade, offset: 2 * n },
    { ...other(trade), offset: 2 * n + 1 },
  ]);
  const answers = answersOf(runEngine(steady(), EXPERT).windows, EXPERT);
  expect(audited(both, answers).how.join(" ")).toContain("--product BTC-USD audits it alone");
  expect(audited(both, answers, { product: "BTC-USD" }).how.join(" ")).not.toContain("--product");
  expect(audited(steady(), answers).how.join(" ")).not.toContain("--product");
});

test("two committed rows of one window are an error where Spark's file sink wrote them, even if they are equal", () => {
  const { windows } = runEngine(steady(), EXPERT);
  const answers = answersOf(windows, EXPERT);
  const twice = { ...answers, superseded: [{ ...answers.rows[2]!, where: "part-1.csv, line 2" }] };
  expect(audited(steady(), twice).totals).toMatchObject({ unexplained: 0, superseded_rows: 1 });
  const report = audited(steady(), { ...twice, isAppended: true });
  expect(report.totals).toMatchObject({ equal: 9, unexplained: 1 });
  expect(at(report, 2).why).toBe(
    "Two committed rows of this window (part-1.csv, line 2, row 3): Spark's file sink writes each once.",
  );
});
