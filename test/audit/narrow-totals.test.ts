/** W1: totals that are added up in 32-bit floats, plain or compensated, bit for bit. */
import { describe, expect, test } from "bun:test";
import { at, EXPERT, run, STREAMS, steady, without } from "../support/audit-cases.ts";
import type { EngineSettings, ForeignWindow } from "../support/foreign-rows.ts";

const TRADES = steady(40);
/** With a delay that is known fewer engines are tried. */
const GIVEN = { lateness_us: 60_000_000 };
const ORDERS = {
  plain: "one pass in log order, with totals of 32",
  kahan: "in log order, as pandas' groups, with totals of 32",
} as const;

describe.each(Object.keys(ORDERS) as (keyof typeof ORDERS)[])("%s totals", (totals) => {
  const engine: EngineSettings = { ...EXPERT, numbers: "float32", totals };

  test("right: each row is made bit for bit, also where ticks were dropped as late", () => {
    for (const own of [engine, { ...STREAMS, numbers: "float32", totals } as const]) {
      const report = run(TRADES, own, () => {}, GIVEN);
      expect(report.totals).toMatchObject({ unexplained: 0, consistent: 0 });
      expect(at(report, 3)).toMatchObject({ outcome: "explained", rules: ["W1"] });
      expect(report.model.arithmetic).toBe("float32");
      expect(report.how.join("\n")).toContain(ORDERS[totals]);
    }
  });

  test("not: a lost tick, or a total that is one 32-bit step off", () => {
    const lost = run(TRADES, engine, without(TRADES, engine, 4, 10), GIVEN);
    expect(at(lost, 4)).toMatchObject({ outcome: "unexplained", hint: { text: "As if 251 were missing." } });
    const change = (rows: ForeignWindow[]) => {
      const { cells } = rows[4]!;
      cells.price_sum = String(Number(cells.price_sum) + 0.125);
    };
    const step = run(TRADES, engine, change, GIVEN);
    expect(at(step, 4)).toMatchObject({ outcome: "unexplained" });
    expect(step.totals.unexplained).toBe(1);
  });
});

test("not: rows of exact decimals, of which one has a total as 32 bits would have it", () => {
  const report = run(TRADES, EXPERT, (rows) => {
    rows[4]!.cells.price_sum = (Number(rows[4]!.cells.price_sum) + 0.13).toFixed(2);
  });
  expect(at(report, 4)).toMatchObject({ outcome: "unexplained", rules: [] });
  expect(report.totals).toMatchObject({ equal: 39, unexplained: 1 });
});
