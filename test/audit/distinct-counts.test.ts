/** count(DISTINCT trade_id) beside sums of all records: two treatments of repeats in one row. */
import { expect, test } from "bun:test";
import { at, EXPERT, inOrder, run, steady } from "../support/audit-cases.ts";
import type { ForeignWindow } from "../support/foreign-rows.ts";

const PLAIN = steady();
/** Ids 70, 130, 131 and 250 come twice. */
const TRADES = inOrder(PLAIN.flatMap((trade) => ([70, 130, 131, 250].includes(trade.id) ? [trade, trade] : [trade])));
const ALL = { ...EXPERT, repeats: "all" as const };
const distinct = (rows: ForeignWindow[]) => {
  for (const row of rows) row.cells.trade_count = String(new Set(row.trades.map((i) => TRADES[i]!.id)).size);
};

test("right: the sums have the repeats, the counts do not", () => {
  const report = run(TRADES, ALL, distinct);
  expect(report.totals).toMatchObject({ unexplained: 0, consistent: 0 });
  expect(report.how).toContain("Counts are of distinct trade ids, sums of all records.");
  expect(at(report, 2)).toMatchObject({ outcome: "explained", rules: ["W3"] });
  expect(at(report, 2).ticks.map(({ trade_id, what }) => `${trade_id} ${what}`)).toEqual([
    "130 surplus",
    "131 surplus",
  ]);
  expect(at(report, 2).differences.map(({ column }) => column)).not.toContain("trade_count");
});

test("not: a count that lacks one id more, and one that has the repeats where no other has", () => {
  const forged = (change: number) => (rows: ForeignWindow[]) => {
    distinct(rows);
    rows[2]!.cells.trade_count = String(60 + change);
  };
  for (const change of [-1, 2]) expect(at(run(TRADES, ALL, forged(change)), 2).outcome).toBe("unexplained");
  const whole = run(TRADES, ALL);
  expect(whole.totals.unexplained).toBe(0);
  expect(whole.how.join()).not.toContain("distinct");
});
