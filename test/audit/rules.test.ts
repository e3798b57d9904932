/** Each rule of the audit: one answer in which it is right, and one in which it must not be given. */
import { describe, expect, test } from "bun:test";
import type { Answers, AuditReport, WindowVerdict } from "../../scripts/audit/audit-types.ts";
import { auditWindows } from "../../scripts/audit/index.ts";
import { random } from "../support/flips.ts";
import { answersOf, recordsOf, runEngine } from "../support/foreign-engines.ts";
import { cellsOf, type EngineSettings, type ForeignWindow, MINUTE, type Trade } from "../support/foreign-rows.ts";

const START = 1_693_929_600_000_000;
const S = 1_000_000;
type Options = Partial<Parameters<typeof auditWindows>[2]>;

const EXPERT: EngineSettings = {
  numbers: "decimal",
  nulls: false,
  repeats: "first",
  late: { by: "nothing" },
  append: false,
};
const REPLACED: EngineSettings = {
  numbers: "float32",
  nulls: true,
  repeats: "all",
  late: { by: "batches", records: 20, delay: MINUTE },
  append: true,
};
const STREAMS: EngineSettings = { ...EXPERT, late: { by: "records", delay: MINUTE, scope: "product" }, append: true };

/** A trade every second for ten minutes, at prices of two places. */
function steady(minutes = 10): Trade[] {
  const next = random(7);
  return Array.from({ length: minutes * 60 }, (_, n) => ({
    id: n + 1,
    product: "BTC-USD",
    time: START + n * S + 250_000,
    price: (25_741 + Math.floor(next() * 3_000) / 100).toFixed(2),
    size: (0.0001 + Math.floor(next() * 10_000_000) / 100_000_000).toFixed(8),
    side: next() < 0.5 ? "buy" : "sell",
    partition: 0,
    offset: n,
  }));
}

/** Trades in the order of this list, with offsets in that order. */
const inOrder = (trades: readonly Trade[]) => trades.map((trade, offset) => ({ ...trade, offset }));

/** The trade of index `from` arrives only after that of index `to`. */
function delayed(trades: readonly Trade[], from: number, to: number): Trade[] {
  return inOrder([...trades.slice(0, from), ...trades.slice(from + 1, to + 1), trades[from]!, ...trades.slice(to + 1)]);
}

function audited(trades: readonly Trade[], answers: Answers, options: Options = {}): AuditReport {
  return auditWindows(recordsOf(trades), answers, { input_url: "", answers_url: "", trust: new Set(), ...options });
}

/** The engine's own rows, after a change, audited. */
function run(
  trades: readonly Trade[],
  engine: EngineSettings,
  change: (rows: ForeignWindow[]) => void = () => {},
  options: Options = {},
) {
  const { windows } = runEngine(trades, engine);
  change(windows);
  return audited(trades, answersOf(windows, engine), options);
}

const traceOf = (trades: readonly Trade[], engine: EngineSettings) => ({ trace: runEngine(trades, engine).trace });
const at = (report: AuditReport, minute: number): WindowVerdict =>
  report.windows.find(({ window_start_us }) => window_start_us === START + minute * MINUTE)!;
const rulesOf = (report: AuditReport) => [...new Set(report.windows.flatMap(({ rules }) => rules))].sort();
/** The row of one minute without some of its trades, by index in the row. */
function without(trades: readonly Trade[], engine: EngineSettings, minute: number, ...lost: number[]) {
  return (rows: ForeignWindow[]) => {
    const row = rows[minute]!;
    const keep = (_: unknown, n: number) => !lost.includes(n);
    row.cells = cellsOf(trades, { trades: row.trades.filter(keep), groups: row.groups.filter(keep) }, engine);
  };
}

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
    expect(at(run(late, REPLACED, undefined, { trust: new Set(["W2"] as const) }), 0).outcome).toBe("explained");
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

  test("not: a surplus where no record was refused", () => {
    const report = run(refused, nulls, (rows) => {
      rows[3]!.cells.trade_count = String(Number(rows[3]!.cells.trade_count) + 1);
    });
    expect(at(report, 3)).toMatchObject({ outcome: "unexplained", rules: [] });
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
    expect(report.model.truncatesToMs).toBe(true);
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

  test("not: an engine whose clock was never lost", () => {
    expect(rulesOf(run(late, STREAMS, undefined, { lateness_us: MINUTE }))).toEqual(["W2", "W4"]);
  });
});

describe("W9 several rows per window and W11 output of a batch that never committed", () => {
  test("they are counted; the last row decides, with a changed value too", () => {
    const { windows } = runEngine(steady(), EXPERT);
    const answers = answersOf(windows, EXPERT);
    const row = answers.rows[2]!;
    const changed = { ...row, cells: { ...row.cells, trade_count: "59" } };
    const good = audited(steady(), { ...answers, superseded: [changed], uncommitted: [row] });
    expect(good.totals).toMatchObject({ equal: 10, superseded_rows: 1, uncommitted_rows: 1 });
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
