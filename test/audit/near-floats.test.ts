/** Values that are nearly right: what a float of the engine's own explains, and what it may not. */
import { describe, expect, test } from "bun:test";
import type { AuditColumn, AuditReport } from "../../scripts/audit/audit-types.ts";
import { windowView } from "../../scripts/audit/report/window-view.ts";
import { at, audited, EXPERT, REPLACED, run, START, steady, traceOf } from "../support/audit-cases.ts";
import { answersOf, runEngine } from "../support/foreign-engines.ts";
import { type EngineSettings, type ForeignWindow, MINUTE } from "../support/foreign-rows.ts";

const MINUTES = 40;
const TRADES = steady(MINUTES);
const ALL = { late: { by: "nothing" }, append: false } as const;
const FLOAT64: EngineSettings = { ...EXPERT, numbers: "float64" };
const FLOAT32: EngineSettings = { ...REPLACED, ...ALL, repeats: "first", nulls: false };

/** The engine's rows as a CSV has them, after a change. */
function csv(engine: EngineSettings, change: (rows: ForeignWindow[]) => void): AuditReport {
  const { windows } = runEngine(TRADES, engine);
  change(windows);
  return audited(TRADES, answersOf(windows, { ...engine, numbers: "float64" }));
}

/** One unit in the last place more, as another order of adding could give. */
const nudged = (text: string | null | undefined) => String(Number(text) * (1 + 2 ** -52));
const outcomes = (report: AuditReport, minutes: readonly number[]) => [
  ...new Set(minutes.map((minute) => at(report, minute).outcome)),
];
const minutesFrom = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n);

describe("float-sized changes of sums in more than a tenth of the rows", () => {
  for (const [name, engine] of [
    ["decimals", EXPERT],
    ["floats added in log order", FLOAT64],
  ] as const)
    test(`among ${name}: only consistent, and the others stay what they are`, () => {
      const changed = minutesFrom(5, 12);
      const own = csv(engine, () => {});
      expect(own.totals).toMatchObject({ consistent: 0, unexplained: 0 });
      const report = csv(engine, (rows) => {
        for (const minute of changed) rows[minute]!.cells.total_volume = nudged(rows[minute]!.cells.total_volume);
      });
      expect(outcomes(report, changed)).toEqual(["consistent"]);
      expect([[], ["W2"], ["W1"]].map((trusted) => windowView(report, trusted).passed)).toEqual([false, false, true]);
      expect(report.totals).toMatchObject({
        consistent: changed.length,
        equal: own.totals.equal - (engine === EXPERT ? 7 : 0),
        unexplained: 0,
      });
    });

  test("in all rows of one column of decimals", () => {
    const report = csv(EXPERT, (rows) => {
      for (const { cells } of rows) cells.total_volume = nudged(cells.total_volume);
    });
    expect(outcomes(report, minutesFrom(0, MINUTES))).toEqual(["consistent"]);
  });

  test("a volume moved between two windows of decimals is refused, also by the last place of a float", () => {
    for (const move of [1, 2 ** -40]) {
      const report = csv(EXPERT, ([, , a, b]) => {
        a!.cells.total_volume = String(Number(a!.cells.total_volume) + move * 0.01);
        b!.cells.total_volume = String(Number(b!.cells.total_volume) - move * 0.01);
      });
      expect(outcomes(report, [2, 3])).toEqual(["unexplained"]);
    }
  });
});

describe("texts of 32-bit floats", () => {
  const PRICES: readonly AuditColumn[] = ["max_price", "min_price", "price_range", "open_price", "close_price"];

  test("the shortest text, or all digits of the float as a double", () => {
    expect(csv(FLOAT32, () => {}).totals).toMatchObject({ consistent: 0, unexplained: 0 });
    const wide = csv(FLOAT32, (rows) => {
      for (const { cells } of rows) for (const name of PRICES) cells[name] = String(Math.fround(Number(cells[name])));
    });
    expect(wide.totals).toMatchObject({ consistent: 0, unexplained: 0 });
  });

  test("not: another text that reads as the same float", () => {
    const report = csv(FLOAT32, (rows) => {
      const { cells } = rows[6]!;
      cells.max_price = `${cells.max_price}04`;
      expect(Math.fround(Number(cells.max_price))).toBe(Math.fround(Number(cells.max_price.slice(0, -2))));
    });
    expect(report.totals.unexplained).toBe(1);
    expect(at(report, 6).outcome).toBe("unexplained");
  });
});

describe("averages that were rounded", () => {
  /** Half up, as the texts of decimals are rounded; half of what is between two floats, of floats. */
  const rounded = (text: string, places: number) => {
    const [whole, fraction] = text.split(".") as [string, string];
    const units = BigInt(whole + fraction.padEnd(20, "0")) + 5n * 10n ** BigInt(19 - places);
    const digits = String(units / 10n ** BigInt(20 - places));
    return places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`;
  };

  for (const [name, engine, places] of [
    ["of decimals to whole numbers", EXPERT, 0],
    ["of doubles to whole numbers", FLOAT64, 0],
    ["of 32-bit floats to three digits", FLOAT32, 3],
  ] as const)
    test(`${name}: nothing is unexplained, and one that is rounded wrong is`, () => {
      const round = (wrong: number | null) => (rows: ForeignWindow[]) => {
        for (const { start, cells } of rows) {
          const value = rounded(cells.avg_price!, places);
          const isWrong = wrong !== null && start === START + wrong * MINUTE;
          cells.total_volume = rounded(cells.total_volume!, places + 3);
          cells.avg_price = isWrong ? (Number(value) + 10 ** -places).toFixed(places) : value;
        }
      };
      expect(csv(engine, round(null)).totals).toMatchObject({ consistent: 0, unexplained: 0 });
      const wrong = csv(engine, round(9));
      expect(wrong.totals).toMatchObject({ consistent: 0, unexplained: 1 });
      expect(at(wrong, 9).outcome).toBe("unexplained");
    });
});

test("three partitions in one batch: the order of merging is not known, which the report states", () => {
  const spread = (partitions: number) =>
    steady().map((trade, n) => ({ ...trade, partition: n % partitions, offset: Math.floor(n / partitions) }));
  const note = (trades: ReturnType<typeof spread>) => {
    const report = run(trades, REPLACED, undefined, traceOf(trades, REPLACED));
    expect(report.totals.unexplained).toBe(0);
    return report.how.filter((text) => text.includes("three or more partitions"));
  };
  expect(note(spread(2))).toEqual([]);
  expect(note(spread(3))).toEqual([
    "In 8 windows a batch read three or more partitions: the order in which Spark merged them is not known, so sums there are compared within rounding error.",
  ]);
});
