/** W7 at the boundary: windows closed on the right, and times that are rounded to milliseconds. */
import { describe, expect, test } from "bun:test";
import { at, audited, EXPERT, REPLACED, run, START, STREAMS, steady, traceOf } from "../support/audit-cases.ts";
import { answersOf, runEngine } from "../support/foreign-engines.ts";
import { cellsOf, type EngineSettings, type ForeignWindow, MINUTE, type Trade } from "../support/foreign-rows.ts";

/** The first trade of these minutes is `after` µs from its boundary: the trades 61, 121, … */
const nearBoundary = (after: number, ...minutes: number[]): Trade[] =>
  steady().map((trade, n) =>
    minutes.includes(n / 60) ? { ...trade, time: Math.floor(trade.time / MINUTE) * MINUTE + after } : trade,
  );
const inMs = (time: number) => Math.floor(time / 1_000) * 1_000;
const WAYS: [edge: string, placed: (time: number) => number, after: number, from: number, to: number][] = [
  ["right", (time) => time - 1, 0, 3, 2],
  ["right_ms", (time) => inMs(time) - 1, 700, 3, 2],
  // Half a millisecond before the boundary is rounded up to it.
  ["rounded_ms", (time) => inMs(time + 500), -500, 2, 3],
];

describe.each(WAYS)("%s", (edge, placed, after, from, to) => {
  const trades = nearBoundary(after, 3);
  const id = 181;

  test.each([
    ["decimals", EXPERT],
    ["Spark's floats", REPLACED],
    ["Kafka Streams", STREAMS],
  ])("right: the tick is in the other window, and both rows are made: %s", (_, engine) => {
    const own: EngineSettings = { ...engine, placed };
    const report = run(trades, own, () => {}, engine === REPLACED ? traceOf(trades, own) : { lateness_us: MINUTE });
    expect(report.totals).toMatchObject({ unexplained: 0, consistent: 0 });
    expect(report.model.edge).toBe(edge as "right");
    expect(report.how.join("\n")).toContain("(W7)");
    const named = (minute: number) =>
      at(report, minute).ticks.map(({ trade_id, what, rule }) => [trade_id, what, rule].join(" "));
    expect([named(from), named(to)]).toEqual([[`${id} missing W7`], [`${id} surplus W7`]]);
    expect(at(report, from)).toMatchObject({ outcome: "explained", window_start_us: START + from * MINUTE });
    expect(at(report, from).rules[0]).toBe("W7");
    if (engine === EXPERT) expect(at(report, 7).outcome).toBe("equal");
  });

  test("not: the tick is in neither window, or in both", () => {
    const lost = (rows: ForeignWindow[]) => {
      for (const row of rows.filter((one) => one.trades.includes(id - 1))) {
        const own = row.trades.filter((i) => i !== id - 1);
        row.cells = cellsOf(trades, { trades: own, groups: own.map(() => 0) }, EXPERT);
      }
    };
    const options = { lateness_us: MINUTE };
    const report = run(trades, EXPERT, lost, options);
    expect(at(report, from)).toMatchObject({ outcome: "unexplained", hint: { text: `As if ${id} were missing.` } });
    expect(report).toMatchObject({ totals: { unexplained: 1 }, model: { edge: "left" } });
    const both = run(
      trades,
      EXPERT,
      (rows) => {
        const row = rows[to]!;
        const own = [...row.trades, id - 1].sort((a, b) => a - b);
        row.cells = cellsOf(trades, { trades: own, groups: own.map(() => 0) }, EXPERT);
      },
      options,
    );
    expect(at(both, to).outcome).toBe("unexplained");
  });

  test("not: one boundary is closed on the one side, another on the other", () => {
    const two = nearBoundary(after, 3, 6);
    const { windows } = runEngine(two, { ...EXPERT, placed });
    const plain = runEngine(two, EXPERT).windows;
    const mixed = windows.map((row) =>
      row.start < START + 5 * MINUTE ? row : plain.find(({ start }) => start === row.start)!,
    );
    const report = audited(two, answersOf(mixed, EXPERT), { lateness_us: MINUTE });
    expect(report.totals.unexplained).toBe(2);
  });
});

test("whole seconds: windows that begin a second late, as their ticks show, are closed on the right", () => {
  const trades = steady().map((trade) => ({ ...trade, time: trade.time - 250_000 }));
  const { windows } = runEngine(trades, { ...EXPERT, placed: (time) => time - 1 });
  const named = windows.filter(({ start }) => start >= START);
  const answers = answersOf(named, EXPERT);
  // As the search for a shift finds it.
  const shape = { ...answers.shape, shift_us: 1_000_000, offset_us: 1_000_000 };
  const report = audited(trades, { ...answers, shape }, {});
  expect(report.model.edge).toBe("right");
  expect(report.shape).toMatchObject({ shift_us: 0, offset_us: 0 });
  expect(at(report, 4)).toMatchObject({ outcome: "explained", rules: ["W7"] });
  expect(at(report, 4).ticks.map(({ trade_id, what }) => [trade_id, what])).toEqual([
    [301, "surplus"],
    [241, "missing"],
  ]);
});
