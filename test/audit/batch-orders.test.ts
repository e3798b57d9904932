/** Batch programs: sums in the orders of libraries, first and last prices whose order is not known. */
import { describe, expect, test } from "bun:test";
import { inSumOrder, listSum } from "../../scripts/audit/arithmetic-order.ts";
import type { EngineLog } from "../../scripts/audit/engine-log.ts";
import { at, audited, EXPERT, inOrder, rulesOf, run, S, START, steady } from "../support/audit-cases.ts";
import { answersOf, runEngine } from "../support/foreign-engines.ts";
import type { ForeignWindow, Trade } from "../support/foreign-rows.ts";

const FLOAT64 = { ...EXPERT, numbers: "float64" } as const;

describe("sums", () => {
  // Printed by NumPy 2.4, pandas 3.1 (groupby of a sorted frame) and Polars 2.1 for these values.
  const values = (count: number) => Array.from({ length: count }, (_, i) => ((i * 7919) % 9973) / 1000 + 0.1 / (i + 1));
  test.each([
    ["pairwise", 5, 19.580333333333332],
    ["pairwise", 1000, 5006.5695470860555],
    ["reduced", 5, 19.580333333333336],
    ["reduced", 1000, 5006.5695470860555],
    ["striped", 100, 504.3287377517639],
    ["striped", 300, 1505.25226638803],
    ["striped", 1000, 5006.569547086055],
  ] as const)("%s of %d values", (order, count, sum) => {
    expect(listSum(order)!(values(count))).toBe(sum);
  });

  test("Kahan's keeps what one pass loses, and is not Python's", () => {
    expect(listSum("kahan")!(Array.from({ length: 10 }, () => 0.1))).toBe(1);
    expect(listSum("kahan")!([1, 1e100, 1, -1e100])).toBe(0);
  });

  test("Spark's add batch by batch, although a log of several partitions mixes them", () => {
    const log = { time_us: Float64Array.of(4, 3, 2, 2), id: Float64Array.of(1, 2, 4, 3) } as unknown as EngineLog;
    const members = [0, 1, 2, 3];
    const ordered = (order: Parameters<typeof inSumOrder>[2], batch: Int32Array | null = null) =>
      inSumOrder(log, members, order, { batch, times: "us" });
    expect(ordered("batches", Int32Array.of(1, 0, 1, 0))).toEqual([1, 3, 0, 2]);
    expect(ordered("one_pass")).toEqual(members);
    expect(ordered("kahan/time")).toEqual([2, 3, 1, 0]);
    expect(ordered("narrow kahan/time_id")).toEqual([3, 2, 1, 0]);
    expect(ordered("kahan/id")).toEqual([0, 1, 3, 2]);
  });

  /** Each minute's trades arrive backwards. */
  const BACKWARDS = inOrder(
    steady().toSorted((a, b) => Math.floor(a.time / 60e6) - Math.floor(b.time / 60e6) || b.id - a.id),
  );
  /** Rows of a program that sorts before it adds. */
  const sorted = (rows: ForeignWindow[]) => {
    for (const { trades, cells } of rows) {
      const sizes = trades.map((i) => BACKWARDS[i]!).toSorted((a, b) => a.id - b.id);
      cells.total_volume = String(sizes.reduce((sum, { size }) => sum + Number(size), 0));
    }
  };
  test("sorted by event time are explained, and one unit in a last place is not", () => {
    const report = run(BACKWARDS, FLOAT64, sorted);
    expect(rulesOf(report)).toEqual(["W1"]);
    expect(report.totals).toMatchObject({ consistent: 0, unexplained: 0 });
    expect(report.how.join(" ")).toContain("one pass by event time");
    const forged = run(BACKWARDS, FLOAT64, (rows) => {
      sorted(rows);
      rows[4]!.cells.total_volume = String(Number(rows[4]!.cells.total_volume) * (1 + 2 ** -51));
    });
    expect(forged.totals.unexplained).toBe(1);
    expect(at(forged, 4).outcome).toBe("unexplained");
  });

  const off = (text: string, units: number) => String(Number(text) * (1 + units * 2 ** -52));
  test("of few rows: an order that only one of them needs is not proved", () => {
    const proved: string[] = [];
    for (const minutes of [1, 2, 3])
      for (const column of ["avg_price", "total_volume", "price_sum"] as const)
        for (const units of [-2, -1, 1, 2]) {
          const report = run(steady(minutes), FLOAT64, (rows) => {
            const { cells } = rows.at(-1)!;
            cells[column] = off(cells[column]!, units);
          });
          if (report.totals.consistent + report.totals.unexplained !== 1) proved.push(`${minutes} ${column} ${units}`);
        }
    expect(proved).toEqual([]);
  });

  test("of any order: not proved for a third of a column's rows, where another column shows the order", () => {
    const report = run(BACKWARDS, FLOAT64, (rows) => {
      for (const n of [1, 4, 7, 8]) rows[n]!.cells.total_volume = off(rows[n]!.cells.total_volume!, 20);
    });
    expect(report.totals).toMatchObject({ consistent: 4, unexplained: 0 });
    expect(at(report, 4).unproved).toEqual(["W1"]);
  });
});

describe("first and last prices", () => {
  /** Pairs of trades at one time; the second half of them in the other partition. */
  const PAIRS: Trade[] = steady().map((one, n) => ({
    ...one,
    time: START + Math.floor(n / 2) * 2 * S,
    partition: n % 2,
  }));
  /** The close price of the last trade but this number, in these minutes. */
  const closing = (minutes: readonly number[], back: number) =>
    audited(
      PAIRS,
      answersOf(
        runEngine(PAIRS, EXPERT).windows.map((row, minute) => {
          if (minutes.includes(minute)) row.cells.close_price = PAIRS[row.trades.at(-back)!]!.price;
          return row;
        }),
        EXPERT,
      ),
    );

  test("ties in any order: explained if many rows need it, else only consistent", () => {
    const many = closing([1, 2, 4, 5, 7], 2);
    expect(many.totals).toMatchObject({ equal: 5, consistent: 0, unexplained: 0 });
    expect(rulesOf(many)).toEqual(["W12"]);
    expect(many.how.join(" ")).toContain("of several trades at one time, any");
    const one = closing([4], 2);
    expect(one.totals).toMatchObject({ equal: 9, consistent: 1, unexplained: 0 });
    expect(at(one, 4).unproved).toEqual(["W12"]);
  });

  test("a price of another time is refused", () => {
    expect(closing([4], 3).totals).toMatchObject({ equal: 9, consistent: 0, unexplained: 1 });
    expect(closing([1, 2, 4, 5, 7], 3).totals.unexplained).toBe(5);
  });

  test("ids of the first and last trade, also in 32 bits", () => {
    const trades = inOrder(
      steady().map((one, n) => ({ ...one, id: 2 ** 31 - 30_000 + n * 100 + (n % 60 < 2 ? 5_750 : 0) })),
    );
    const report = run(trades, EXPERT, (rows) => {
      for (const { trades: own, cells } of rows)
        [cells.first_trade_id, cells.last_trade_id] = [own[0]!, own.at(-1)!].map((i) => String(trades[i]!.id | 0));
    });
    expect(report.totals).toMatchObject({ consistent: 0, unexplained: 0 });
    expect(rulesOf(report)).toEqual(["W12", "W6"]);
    expect(report.how.join(" ")).toContain("First and last trade ids are those of the first and last event time.");
  });
});
