/** Rules about the ticks that are in a window: each is right once, and not given once. */
import { describe, expect, test } from "bun:test";
import {
  at,
  delayed,
  EXPERT,
  inOrder,
  passes,
  REPLACED,
  run,
  S,
  STREAMS,
  steady,
  traceOf,
  without,
} from "../support/audit-cases.ts";
import { cellsOf, type EngineSettings, type ForeignWindow, MINUTE } from "../support/foreign-rows.ts";

describe("W2 dropped as late", () => {
  // The trade of 16:00:10 arrives after one of 16:02:20: later than a watermark of a minute allows.
  const late = delayed(steady(), 10, 140);

  test("right: by a clock per record whose delay is known; the tick is named", () => {
    const report = run(late, STREAMS, undefined, { lateness_us: MINUTE });
    expect(at(report, 0)).toMatchObject({ outcome: "explained", rules: ["W2"] });
    expect(at(report, 0).ticks).toEqual([{ trade_id: 11, partition: 0, offset: 140, what: "missing", rule: "W2" }]);
    expect(report.totals).toMatchObject({ unexplained: 0, consistent: 0 });
  });

  test("right: by Spark's checkpoint, although the next batch's watermark would drop more", () => {
    const report = run(late, REPLACED, undefined, traceOf(late, REPLACED));
    expect(at(report, 0).rules).toEqual(["W2", "W1"]);
    expect(report.totals).toMatchObject({ unexplained: 0, consistent: 0 });
  });

  test("right: rows late by their own time, as Spark's deduplication drops them", () => {
    const engine: EngineSettings = {
      ...EXPERT,
      append: true,
      late: { by: "batches", records: 20, delay: 10 * S, rows: true },
    };
    // Its window is open still; its time is behind the watermark.
    const behind = delayed(steady(), 5, 55);
    const report = run(behind, engine, undefined, traceOf(behind, engine));
    expect(at(report, 0)).toMatchObject({ outcome: "explained", rules: ["W2"] });
    expect(at(report, 0).ticks.map(({ trade_id }) => trade_id)).toEqual([6]);
  });

  test("only consistent: the same without a trace; --trust W2 accepts it", () => {
    const report = run(late, REPLACED);
    expect(at(report, 0)).toMatchObject({ outcome: "consistent", rules: ["W2", "W1"] });
    expect(at(report, 0).ticks.map(({ trade_id }) => trade_id)).toEqual([11]);
    const own = { ...report, windows: [at(report, 0)] };
    expect([passes(own), passes(own, "W2")]).toEqual([false, true]);
  });

  describe("by a delay that is found from the rows", () => {
    const TEN: EngineSettings = { ...STREAMS, late: { by: "records", delay: 10 * S, scope: "product" } };
    /** A tick of each of these minutes arrives 13 seconds after its window's end. */
    const lateIn = (minutes: number[]) =>
      minutes.reduce((trades, minute) => delayed(trades, minute * 60 + 50, minute * 60 + 73), steady());
    const outcomesOf = (minutes: number[], engine: EngineSettings) => {
      const report = run(lateIn(minutes), engine);
      expect(report.totals.unexplained).toBe(0);
      return minutes.map((minute) => at(report, minute).outcome);
    };

    test("right: three windows lack what it drops", () => {
      expect(outcomesOf([0, 3, 5], TEN)).toEqual(["explained", "explained", "explained"]);
    });

    test("only consistent: two windows do, or windows have rows that the delay leaves open", () => {
      expect(outcomesOf([0, 3], TEN)).toEqual(["consistent", "consistent"]);
      expect(outcomesOf([0, 3], { ...TEN, append: false })).toEqual(["consistent", "consistent"]);
      expect(outcomesOf([0, 3, 5], { ...TEN, append: false })).toEqual(["consistent", "consistent", "consistent"]);
    });
  });

  test("not: a lost tick that no watermark could have dropped", () => {
    const report = run(steady(), REPLACED, without(steady(), REPLACED, 2, 59));
    expect(at(report, 2)).toMatchObject({ outcome: "unexplained", rules: [] });
  });

  test("not: a lost tick in the middle of its window, with a tick kept after it", () => {
    const report = run(late, REPLACED, without(late, REPLACED, 2, 7));
    expect(at(report, 2).outcome).toBe("unexplained");
  });

  test("not: a drop that another window refutes, since a watermark only rises", () => {
    // A tick of 16:00 was kept after the lost one of 16:01: no watermark had passed 16:01's end before.
    const trades = delayed(delayed(steady(), 70, 140), 10, 160);
    const slow = { ...REPLACED, late: { by: "batches", records: 20, delay: 5 * MINUTE } } as const;
    const report = run(trades, slow, without(trades, slow, 1, 59));
    expect(at(report, 1).outcome).toBe("unexplained");
  });
});

describe("W3 duplicates counted", () => {
  const repeated = inOrder(steady().flatMap((trade, n) => (n % 50 === 3 ? [trade, trade] : [trade])));

  test("right: the surplus is exactly the repeated ids", () => {
    const report = run(repeated, { ...EXPERT, repeats: "all" });
    expect(report.model.repeats).toBe("all");
    expect(at(report, 0)).toMatchObject({ outcome: "explained", rules: ["W3"] });
    expect(at(report, 0).ticks).toMatchObject([
      { trade_id: 4, what: "surplus", offset: 4 },
      { trade_id: 54, what: "surplus", offset: 55 },
    ]);
    expect(report.totals.unexplained).toBe(0);
  });

  test("not: another tick counted twice, of the same price and size", () => {
    const same = repeated.map((trade) => ({ ...trade, price: "25741.02", size: "0.01000000", side: "buy" as const }));
    const report = run(same, EXPERT, (rows) => {
      const row = rows[4]!;
      row.cells = cellsOf(same, { trades: [...row.trades, row.trades[0]!], groups: [...row.groups, 0] }, EXPERT);
    });
    expect(report.model.repeats).toBe("first");
    expect(at(report, 4)).toMatchObject({ outcome: "unexplained", rules: [] });
  });

  test("a repeated id with another content is named as a conflict, with what counts", () => {
    const trades = repeated.map((trade, n) => (n === 4 ? { ...trade, price: "25750.99" } : trade));
    const conflict = { trade_id: 4, is_conflict: true, rule: "W3" };
    const all = at(run(trades, { ...EXPERT, repeats: "all" }), 0);
    expect(all.ticks).toMatchObject([{ ...conflict, what: "surplus", offset: 4 }, { trade_id: 54 }]);
    expect(all.ticks[1]).not.toHaveProperty("is_conflict");
    expect(all.why).toEndWith("the first is exact, theirs counts each: 4.");
    const report = run(trades, { ...EXPERT, repeats: "last" });
    const last = at(report, 0);
    expect(last.outcome).toBe("explained");
    expect(last.ticks).toMatchObject([
      { ...conflict, what: "missing", offset: 3 },
      { ...conflict, what: "surplus", offset: 4 },
    ]);
    expect(last.why).toBe(
      "the last of a repeated id counted (W3); 2 ticks. Conflicts, not duplicates: one id with several contents, the first is exact, theirs counts the last: 4.",
    );
    expect(report.totals).toMatchObject({ equal: 9, unexplained: 0 });
    // An engine that counts the first is exact, so nothing is named.
    expect(run(trades, EXPERT).totals.equal).toBe(10);
  });

  test("not: an engine that drops repeats is not blamed for them", () => {
    expect(run(repeated, EXPERT).totals.equal).toBe(10);
  });
});

describe("W4 window never emitted", () => {
  test("right: the last windows that no event closed", () => {
    const report = run(steady(), STREAMS, undefined, { lateness_us: MINUTE });
    expect([8, 9].map((minute) => at(report, minute))).toMatchObject([
      { outcome: "explained", rules: ["W4"], where: null },
      { outcome: "explained", rules: ["W4"], where: null },
    ]);
    const traced = run(steady(), REPLACED, undefined, traceOf(steady(), REPLACED));
    expect(at(traced, 9)).toMatchObject({ outcome: "explained", rules: ["W4"] });
  });

  test("only consistent: when the delay is not known", () => {
    expect(at(run(steady(), STREAMS), 9)).toMatchObject({ outcome: "consistent", rules: ["W4"] });
  });

  test("not: a window in the middle, and the last one that a watermark closed", () => {
    const drop = (minute: number) => (rows: ForeignWindow[]) => void rows.splice(minute, 1);
    expect(at(run(steady(), STREAMS, drop(4), { lateness_us: MINUTE }), 4)).toMatchObject({
      outcome: "unexplained",
      rules: [],
    });
    expect(at(run(steady(), REPLACED, drop(7), traceOf(steady(), REPLACED)), 7).outcome).toBe("unexplained");
  });

  test("not: when rows of later, open windows are there", () => {
    const report = run(steady(), { ...STREAMS, append: false }, (rows) => void rows.splice(8, 1), {
      lateness_us: MINUTE,
    });
    expect(at(report, 8).outcome).toBe("unexplained");
  });
});

describe("W5 malformed input became null", () => {
  const refused = inOrder(
    steady().flatMap((trade, n) =>
      n % 90 === 30 ? [trade, { ...trade, id: 9_000 + n, price: "abc", isRefused: true }] : [trade],
    ),
  );
  const nulls: EngineSettings = {
    ...REPLACED,
    numbers: "float64",
    repeats: "first",
    late: { by: "nothing" },
    append: false,
  };

  test("right: a null price counts in count(*) and in the volume, not in the average", () => {
    const report = run(refused, nulls);
    expect(report.model.malformed).toBe("nulls");
    expect(at(report, 2).rules).toEqual(["W5", "W1"]);
    const rules = Object.fromEntries(at(report, 2).differences.map((one) => [one.column, one.rules]));
    expect(rules.trade_count).toEqual(["W5"]);
    expect(rules.avg_price?.includes("W5") ?? false).toBe(false);
    expect(at(report, 2).ticks).toMatchObject([{ trade_id: 9_120, what: "surplus", rule: "W5" }]);
  });

  test("right: a negative size that is added became no null", () => {
    const negative = refused.map((trade) =>
      trade.isRefused ? { ...trade, price: "25742.00", size: "-1.00000000" } : trade,
    );
    const report = run(negative, nulls);
    expect(report.model.malformed).toBe("readable");
    expect(at(report, 2)).toMatchObject({ outcome: "explained", rules: ["W5", "W1"] });
    expect(at(report, 2).why).toStartWith("malformed input counted (W5)");
    expect(at(run(refused, nulls), 2).why).toStartWith("malformed input became null (W5)");
  });

  test("only consistent: one of two broken records was not counted, as a late one would not be", () => {
    const report = run(refused, nulls, (rows) => {
      const row = rows[5]!;
      const lost = row.trades.findIndex((i) => refused[i]!.isRefused);
      const keep = (_: unknown, n: number) => n !== lost;
      row.cells = cellsOf(refused, { trades: row.trades.filter(keep), groups: row.groups.filter(keep) }, nulls);
    });
    expect(["consistent", "unexplained"]).toContain(at(report, 5).outcome);
  });

  test("not: a surplus where no record was refused", () => {
    const report = run(refused, nulls, (rows) => {
      rows[3]!.cells.trade_count = String(Number(rows[3]!.cells.trade_count) + 1);
    });
    expect(at(report, 3)).toMatchObject({ outcome: "unexplained", rules: [] });
  });
});
