/** A column that is wrong in most rows does not hide what the others show, and is never accepted. */
import { describe, expect, test } from "bun:test";
import type { AuditColumn } from "../../scripts/audit/audit-types.ts";
import { at, EXPERT, inOrder, run, steady } from "../support/audit-cases.ts";
import { cellsOf, type ForeignWindow } from "../support/foreign-rows.ts";

const PLAIN = steady();
/** Ids 130 and 250 come twice. */
const TRADES = inOrder(PLAIN.flatMap((trade) => ([130, 250].includes(trade.id) ? [trade, trade] : [trade])));
const columns: AuditColumn[] = [
  ...(["trade_count", "avg_price", "max_price", "min_price", "total_volume", "open_price", "close_price"] as const),
];
const ENGINE = { ...EXPERT, repeats: "all" as const, columns };
/** What a pipeline writes into avg_price instead of the average. */
const averaged = (of: (row: ForeignWindow, prices: number[]) => number, ...not: number[]) => {
  return (rows: ForeignWindow[]) => {
    for (const [i, row] of rows.entries())
      if (!not.includes(i))
        row.cells.avg_price = String(
          of(
            row,
            row.trades.map((n) => Number(TRADES[n]!.price)),
          ),
        );
  };
};
const ohlc = ({ cells }: ForeignWindow) =>
  (["open_price", "max_price", "min_price", "close_price"] as const).reduce(
    (sum, name) => sum + Number(cells[name]),
    0,
  ) / 4;

describe("avg_price", () => {
  test.each<[string, (row: ForeignWindow, prices: number[]) => number]>([
    ["(open + high + low + close) / 4", ohlc],
    ["(high + low) / 2", ({ cells }) => (Number(cells.max_price) + Number(cells.min_price)) / 2],
    ["the last price", ({ cells }) => Number(cells.close_price)],
  ])("as if it were %s: each row is unexplained, the repeats in the others are named", (text, of) => {
    const report = run(TRADES, ENGINE, averaged(of));
    expect(report.totals.unexplained).toBe(10);
    expect(report.how.join("\n")).toContain(`avg_price is wrong in most rows, as if it were ${text}; the other`);
    const cells = at(report, 2).differences.map(({ column, rules }) => `${column} ${rules.join(" ")}`);
    expect(cells).toEqual(["avg_price ", "trade_count W3", "total_volume W3"]);
    expect(at(report, 3).differences.map(({ column }) => column)).toEqual(["avg_price"]);
    expect(at(report, 3).hint).toBeUndefined();
  });

  test("of no usual formula is wrong without one; one that makes four of five rows is not named", () => {
    const odd = run(
      TRADES,
      ENGINE,
      averaged((_, prices) => prices[0]! + 1),
    );
    expect(odd.how.join("\n")).toContain("avg_price is wrong in most rows, no usual formula makes it; the other");
    const some = run(TRADES, ENGINE, (rows) => {
      averaged(ohlc)(rows);
      for (const i of [1, 7]) rows[i]!.cells.avg_price = "25750.5";
    });
    expect(some.how.join("\n")).toContain("no usual formula makes it");
  });

  test("not: a lost tick beside it is still unexplained by itself, and named", () => {
    const lost = (rows: ForeignWindow[]) => {
      const row = rows[5]!;
      const trades = row.trades.toSpliced(20, 1);
      row.cells = cellsOf(TRADES, { trades, groups: trades.map(() => 0) }, ENGINE);
      averaged(ohlc)(rows);
    };
    const verdict = at(run(TRADES, ENGINE, lost), 5);
    expect([verdict.outcome, verdict.hint?.text]).toEqual(["unexplained", "As if 321 were missing."]);
  });

  test("not: an average that is wrong in a few rows, or all that count ticks", () => {
    const few = run(TRADES, ENGINE, averaged(ohlc, 0, 1, 2, 3, 4, 5));
    expect([few.totals.unexplained, few.how.join().includes("wrong in most rows")]).toEqual([4, false]);
    const other = run(TRADES, ENGINE, (rows) => {
      for (const row of rows) {
        const trades = row.trades.filter((_, i) => i % 3 > 0);
        const { max_price, min_price } = row.cells;
        row.cells = { ...cellsOf(TRADES, { trades, groups: trades.map(() => 0) }, ENGINE), max_price, min_price };
      }
    });
    expect([other.totals.unexplained, other.how.join().includes("wrong in most rows")]).toEqual([10, false]);
  });
});
