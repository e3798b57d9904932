/** Sums that only their column keeps as 32-bit floats, and how many windows an engine makes. */
import { expect, test } from "bun:test";
import { at, audited, EXPERT, rulesOf, run, steady } from "../support/audit-cases.ts";
import { answersOf, runEngine } from "../support/foreign-engines.ts";
import type { ForeignWindow } from "../support/foreign-rows.ts";

test("right: an exact sum that is kept in 32 bits, as text, widened, and in a float32 column; not one digit more", () => {
  const short = (sum: number) => {
    const double = Math.fround(sum);
    let digits = 1;
    while (Math.fround(Number(double.toPrecision(digits))) !== double) digits++;
    return double.toPrecision(digits);
  };
  const kept = (text: (double: number) => string, type: "untyped" | "float64" | "float32", forged = "") => {
    const { windows } = runEngine(steady(), EXPERT);
    for (const { cells } of windows) cells.total_volume = text(Number(cells.total_volume));
    windows[4]!.cells.total_volume += forged;
    const answers = answersOf(windows, EXPERT);
    const columns = answers.columns.map((one) => (one.name === "total_volume" ? { ...one, type } : one));
    return audited(steady(), { ...answers, columns });
  };
  const wide = (double: number) => String(Math.fround(double));
  for (const report of [kept(short, "untyped"), kept(wide, "untyped"), kept(wide, "float64"), kept(short, "float32")]) {
    expect(report.totals.unexplained).toBe(0);
    expect(rulesOf(report)).toEqual(["W1"]);
  }
  expect(at(kept(short, "untyped", "1"), 4)).toMatchObject({ outcome: "unexplained" });
});

test("how it was found counts what the engine makes in every digit, and warns where that is less than half", () => {
  const spoil = (count: number) => (rows: ForeignWindow[]) => {
    for (const row of rows.slice(0, count)) row.cells.total_volume = `${Number(row.cells.total_volume) * 1.0000001}`;
  };
  expect(run(steady(), EXPERT, spoil(2)).how[0]).toBe("One engine for the whole answer: it makes 8 of 10 windows.");
  const poor = run(steady(), EXPERT, (rows) => {
    for (const [n, row] of rows.entries())
      Object.assign(row.cells, { total_volume: String(1 + n), trade_count: String(90 + n) });
  });
  expect(poor.totals.unexplained).toBeGreaterThan(5);
  expect(poor.how[0]).toBe("No way to compute fits most windows; what follows is weak.");
});

test("in an unexplained row, a cell that the engine makes keeps its rule", () => {
  const report = run(steady(), { ...EXPERT, numbers: "float64" }, (rows) => {
    rows[4]!.cells.close_price = "25000.01";
  });
  const { outcome, rules, differences } = at(report, 4);
  expect({ outcome, rules }).toEqual({ outcome: "unexplained", rules: [] });
  const byColumn = Object.fromEntries(differences.map((one) => [one.column, one.rules]));
  expect(byColumn.close_price).toEqual([]);
  expect(byColumn.total_volume).toEqual(["W1"]);
});
