/** Rules about how values and windows are made: each is right once, and not given once. */
import { describe, expect, test } from "bun:test";
import type { AuditReport } from "../../scripts/audit/audit-types.ts";
import {
  at,
  audited,
  delayed,
  EXPERT,
  passes,
  REPLACED,
  rulesOf,
  run,
  S,
  START,
  STREAMS,
  steady,
  traceOf,
  without,
} from "../support/audit-cases.ts";
import { answersOf, runEngine } from "../support/foreign-engines.ts";
import { cellsOf, type EngineSettings, type ForeignWindow, MINUTE } from "../support/foreign-rows.ts";

test("an exact answer is equal in every window, and nothing else is said", () => {
  const report = run(steady(), EXPERT);
  expect(report.totals).toMatchObject({ windows: 10, equal: 10, unexplained: 0, by_rule: [] });
  expect(rulesOf(report)).toEqual([]);
});

describe("W1 binary floats", () => {
  test("right: 32-bit inputs, sums in 64 bits", () => {
    const report = run(steady(), { ...REPLACED, late: { by: "nothing" }, append: false });
    expect(report.model.arithmetic).toBe("float32");
    expect(rulesOf(report)).toEqual(["W1"]);
    expect(report.totals.unexplained).toBe(0);
    const cell = at(report, 3).differences.find(({ column }) => column === "total_volume")!;
    expect(cell.rules).toEqual(["W1"]);
    expect(Math.abs(Number(cell.theirs) - Number(cell.exact))).toBeLessThan(1e-5);
  });

  test("not: a float-sized change of one cell in a column of decimals", () => {
    const report = run(steady(), EXPERT, (rows) => {
      rows[4]!.cells.total_volume = String(Number(rows[4]!.cells.total_volume) + 1e-8);
    });
    expect(report.model.arithmetic).toBe("decimal");
    expect(at(report, 4)).toMatchObject({ outcome: "unexplained", rules: [] });
    expect(at(report, 4).differences).toMatchObject([{ column: "total_volume", rules: [] }]);
  });

  test("not: a lost tick of a tiny size that a float could hide", () => {
    const trades = steady().map((trade, n) => (n === 100 ? { ...trade, size: "0.00000001" } : trade));
    const engine = { ...REPLACED, late: { by: "nothing" }, append: false } as const;
    const columns = ["avg_price", "max_price", "min_price", "total_volume"] as const;
    const report = run(trades, { ...engine, columns }, without(trades, { ...engine, columns }, 1, 40));
    expect(at(report, 1).outcome).toBe("unexplained");
  });
});

describe("W6 32-bit trade ids", () => {
  const large = steady().map((trade) => ({ ...trade, id: trade.id + 3_000_000_000 }));

  test("right: first and last ids wrapped in every row", () => {
    const report = run(large, { ...EXPERT, ids: "wrapped" });
    expect(rulesOf(report)).toEqual(["W6"]);
    expect(at(report, 0).differences).toMatchObject([
      { column: "first_trade_id", theirs: "-1294967295", exact: "3000000001", rules: ["W6"] },
      { column: "last_trade_id", rules: ["W6"] },
    ]);
    expect(report.totals.unexplained).toBe(0);
  });

  test("right: wrapped when they are written, after the least and the greatest were taken", () => {
    // In minute 5, ids pass 2^31: the greatest is written as a negative number.
    const passing = steady().map((trade) => ({ ...trade, id: trade.id + 2 ** 31 - 330 }));
    const report = run(passing, EXPERT, (rows) => {
      for (const { cells } of rows)
        for (const name of ["first_trade_id", "last_trade_id"] as const) cells[name] = String(Number(cells[name]) | 0);
    });
    expect(at(report, 5)).toMatchObject({ outcome: "explained", rules: ["W6"] });
    expect(at(report, 5).differences).toMatchObject([{ column: "last_trade_id", theirs: "-2147483618" }]);
    expect(report.totals).toMatchObject({ equal: 5, unexplained: 0 });
  });

  test("right: different ids that are the same 32-bit integer count once", () => {
    const same = steady().map((trade) => (trade.id === 200 ? { ...trade, id: 100 + 2 ** 32 } : trade));
    const report = run(same, { ...EXPERT, ids: "wrapped", columns: ["trade_count", "total_volume"] });
    expect(at(report, 3)).toMatchObject({ outcome: "explained", rules: ["W6"] });
    expect(at(report, 3).ticks).toMatchObject([{ trade_id: 100 + 2 ** 32, what: "missing", rule: "W6" }]);
    expect(report.totals).toMatchObject({ equal: 9, unexplained: 0 });
  });

  test("not: wrapped in one row alone", () => {
    const report = run(large, EXPERT, (rows) => {
      rows[5]!.cells.last_trade_id = String(Number(rows[5]!.cells.last_trade_id) | 0);
    });
    expect(at(report, 5)).toMatchObject({ outcome: "unexplained", rules: [] });
  });
});

describe("W7 boundary or time zone", () => {
  test("right: all windows shifted by a constant", () => {
    const { windows } = runEngine(steady(), EXPERT);
    const report = audited(steady(), answersOf(windows, EXPERT, 330 * MINUTE));
    expect(report.totals.by_rule).toEqual([{ rule: "W7", windows: 10, ticks: 0 }]);
    expect(at(report, 0)).toMatchObject({ outcome: "explained", differences: [] });
  });

  test("only consistent: windows that begin a second late; exact is the window that their times name", () => {
    const late = steady().map((trade) => ({ ...trade, time: trade.time - S }));
    const { windows } = runEngine(late, EXPERT);
    const named = windows.slice(1);
    const answers = answersOf(named, EXPERT);
    const shape = { ...answers.shape, shift_us: S, offset_us: S };
    const report = audited(steady(), { ...answers, shape });
    expect(at(report, 1)).toMatchObject({ outcome: "consistent", rules: ["W7"], unproved: ["W7"] });
    expect(at(report, 1).ticks).toMatchObject([
      { trade_id: 61, what: "missing", rule: "W7" },
      { trade_id: 121, what: "surplus", rule: "W7" },
    ]);
    const exact = at(
      run(steady(), EXPERT, (rows) => {
        for (const row of rows) row.cells.total_volume = "0";
      }),
      1,
    ).differences.find(({ column }) => column === "total_volume")!.exact;
    expect(at(report, 1).differences.find(({ column }) => column === "total_volume")).toMatchObject({ exact });
    expect(report.how.join(" ")).toContain("begin 1s late, such as 16:00:01–16:01:01: an edge or rounding mistake");
    const own = { ...report, windows: report.windows.slice(1, 5) };
    expect([passes(own), passes(own, "W7")]).toEqual([false, true]);
  });

  test("right: first and last price by times cut to milliseconds", () => {
    // Two trades of one millisecond, the later one first in the log.
    const trades = steady();
    const first = { ...trades[0]!, time: START + 250_900 };
    const second = { ...trades[1]!, time: START + 250_100, price: "25700.01" };
    // The next window's first trade arrives fourth, and is its first price: so it is not by arrival.
    const close = delayed([first, second, ...trades.slice(2)], 60, 63);
    const report = run(close, EXPERT, (rows) => {
      rows[0]!.cells.open_price = first.price;
    });
    expect(at(report, 0)).toMatchObject({ outcome: "explained", rules: ["W7"] });
    expect(report.model.times).toBe("ms");
  });

  test("not: one window shifted alone", () => {
    const report = run(steady(), EXPERT, (rows) => {
      rows[3]!.start += 7 * S;
    });
    expect(report.windows.filter(({ outcome }) => outcome === "unexplained")).toHaveLength(2);
    expect(rulesOf(report)).toEqual([]);
  });
});

describe("W8 clock lost at a restart", () => {
  // 16:00:10 and 16:00:20 come at 16:02:25 and 16:02:40; the clock is lost between them.
  const late = delayed(delayed(steady(), 20, 160), 10, 145);
  const lostAt = late.findIndex(({ id }) => id === 21);
  const broken: EngineSettings = { ...STREAMS, late: { by: "records", delay: MINUTE, scope: "product", lostAt } };

  test("only consistent: one window needs it and nothing confirms it", () => {
    const report = run(late, broken, undefined, { lateness_us: MINUTE });
    expect(at(report, 0)).toMatchObject({ outcome: "consistent", rules: ["W8", "W2"] });
    expect(report.how.join(" ")).toContain(`lost at offset ${lostAt} of partition 0`);
    expect(report.totals.unexplained).toBe(0);
  });

  test("right: an earlier row of that window is what the whole clock makes", () => {
    const { windows } = runEngine(late, broken);
    const answers = answersOf(windows, broken);
    const earlier = answersOf(runEngine(late, STREAMS).windows, STREAMS).rows[0]!;
    const report = audited(late, { ...answers, superseded: [earlier] }, { lateness_us: MINUTE });
    expect(at(report, 0)).toMatchObject({ outcome: "explained", rules: ["W8", "W2"] });
    expect(report.totals.superseded_rows).toBe(1);
  });

  describe("with several late ticks", () => {
    // Of 16:00 and 16:01 one after the other at 16:03:40, when the clock is lost; then one of each.
    const trades = delayed(delayed(delayed(delayed(steady(), 10, 220), 70, 220), 30, 250), 90, 300);
    const at16_03 = trades.findIndex(({ id }) => id === 11);
    const lost = { ...STREAMS, late: { by: "records", delay: MINUTE, scope: "product", lostAt: at16_03 } } as const;
    const known = { lateness_us: MINUTE };
    /** Counts these late trades in the rows of an engine that dropped them. */
    const adding = (ids: number[]) => (rows: ForeignWindow[]) => {
      for (const i of ids.map((id) => trades.findIndex((trade) => trade.id === id))) {
        const row = rows.find(({ start }) => start === Math.floor(trades[i]!.time / MINUTE) * MINUTE)!;
        row.trades = [...row.trades, i];
        row.groups = [...row.groups, 0];
        row.cells = cellsOf(trades, row, STREAMS);
      }
    };
    const both = (report: AuditReport) => [0, 1].map((minute) => at(report, minute));

    test("right: two windows need one place", () => {
      expect(trades.slice(at16_03, at16_03 + 2).map(({ id }) => id)).toEqual([11, 72]);
      const report = run(trades, lost, undefined, known);
      for (const { outcome, rules } of both(report)) expect([outcome, rules]).toEqual(["explained", ["W8", "W2"]]);
      expect(report.totals).toMatchObject({ consistent: 0, unexplained: 0 });
      const forged = run(trades, lost, without(trades, STREAMS, 4, 20), known);
      expect(at(forged, 4).outcome).toBe("unexplained");
    });

    test("only consistent: late ticks that were added, each at a place of its own", () => {
      const forged = run(trades, STREAMS, adding([32, 94]), known);
      expect(both(forged).map(({ outcome }) => outcome)).toEqual(["consistent", "consistent"]);
      expect(both(run(trades, lost, adding([32]), known)).map(({ outcome }) => outcome)).not.toContain("explained");
    });
  });

  test("not: an engine whose clock was never lost", () => {
    expect(rulesOf(run(late, STREAMS, undefined, { lateness_us: MINUTE }))).toEqual(["W2", "W4"]);
  });
});

describe("W9 several rows per window and W11 output of a batch that never committed", () => {
  test("they are counted; the last row decides, and a changed earlier one is refused", () => {
    const { windows } = runEngine(steady(), EXPERT);
    const answers = answersOf(windows, EXPERT);
    const row = answers.rows[2]!;
    const changed = { ...row, cells: { ...row.cells, trade_count: "59" } };
    const good = audited(steady(), { ...answers, superseded: [row], uncommitted: [changed] });
    expect(good.totals).toMatchObject({ equal: 10, superseded_rows: 1, uncommitted_rows: 1 });
    const first = audited(steady(), { ...answers, superseded: [changed] });
    expect(at(first, 2)).toMatchObject({ outcome: "unexplained", rules: [] });
    const last = { ...answers, rows: answers.rows.with(2, changed), superseded: [row] };
    expect(at(audited(steady(), last), 2)).toMatchObject({ outcome: "unexplained", rules: [] });
  });
});

describe("W10 not read from the start", () => {
  test("right: by the trace's first offsets; ticks before them are named", () => {
    const engine = { ...REPLACED, from: 90 };
    const report = run(steady(), engine, undefined, traceOf(steady(), engine));
    expect(at(report, 0)).toMatchObject({ outcome: "explained", rules: ["W10"], where: null });
    expect(at(report, 1).rules).toEqual(["W10", "W1"]);
    expect(at(report, 1).ticks).toHaveLength(30);
    expect(report.totals.unexplained).toBe(0);
  });

  test("only consistent: found from the first windows' sums", () => {
    const report = run(steady(), { ...EXPERT, from: 90 });
    expect(at(report, 0)).toMatchObject({ outcome: "consistent", rules: ["W10"] });
    expect(at(report, 1)).toMatchObject({ outcome: "consistent", rules: ["W10"] });
    expect(report.how.join(" ")).toContain("It read from offset 90 of partition 0 on");
  });

  test("not: ticks that lack later in the log", () => {
    const report = run(steady(), EXPERT, without(steady(), EXPERT, 3, 0, 1, 2));
    expect(at(report, 3)).toMatchObject({ outcome: "unexplained", rules: [] });
  });
});

describe("W12 first and last by arrival", () => {
  const swapped = delayed(steady(), 0, 3);

  test("right: open and close are those of the first and last arrival", () => {
    const report = run(swapped, { ...EXPERT, ends: "arrival" });
    expect(at(report, 0)).toMatchObject({ outcome: "explained", rules: ["W12"] });
    expect(at(report, 0).differences.map(({ column }) => column)).toEqual(["open_price"]);
  });

  test("not: the price of any other tick", () => {
    const report = run(swapped, EXPERT, (rows) => {
      rows[6]!.cells.close_price = "25741.00";
    });
    expect(at(report, 6)).toMatchObject({ outcome: "unexplained", rules: [] });
  });
});
