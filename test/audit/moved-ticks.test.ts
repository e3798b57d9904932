/** A tick in the wrong window: by a rule that fits all rows, or a lead that names both rows. */
import { describe, expect, test } from "bun:test";
import { AUDIT_COLUMNS } from "../../scripts/audit/audit-types.ts";
import {
  at,
  audited,
  delayed,
  EXPERT,
  REPLACED,
  run,
  START,
  STREAMS,
  steady,
  traceOf,
} from "../support/audit-cases.ts";
import { answersOf, runEngine } from "../support/foreign-engines.ts";
import { cellsOf, type EngineSettings, type ForeignWindow, MINUTE, type Trade } from "../support/foreign-rows.ts";

const TRADES = steady();
/** Of ten ratios it is not clear whether they are doubles. */
const columns = AUDIT_COLUMNS.filter((name) => name !== "buy_sell_ratio");
const ENGINES = Object.entries({ EXPERT, REPLACED, STREAMS: { ...STREAMS, columns } });
/** Ids of the trades of a minute; a trade's index is one less. */
const FIRST_OF_5 = 301;

/** The rows of some minutes of other trades, by index. */
const remade = (
  engine: EngineSettings,
  change: (minute: number, trades: number[]) => number[],
  ...minutes: number[]
) => {
  return (rows: ForeignWindow[]) => {
    for (const minute of minutes) {
      const row = rows[minute]!;
      const own = change(minute, [...row.trades]).sort((a, b) => a - b);
      const groups = own.map((i) => row.groups[row.trades.indexOf(i)] ?? row.groups.at(i < row.trades[0]! ? 0 : -1)!);
      row.cells = cellsOf(TRADES, { trades: own, groups }, engine);
    }
  };
};
const hintsOf = (engine: EngineSettings, change: (rows: ForeignWindow[]) => void, ...minutes: number[]) => {
  const report = run(TRADES, engine, change, engine === REPLACED ? traceOf(TRADES, engine) : { lateness_us: MINUTE });
  expect(minutes.map((minute) => at(report, minute).outcome)).toEqual(minutes.map(() => "unexplained"));
  expect(report.totals.unexplained).toBe(minutes.length);
  return minutes.map((minute) => at(report, minute).hint?.text);
};

describe.each(ENGINES)("two unexplained rows of %s", (_, engine) => {
  test("one tick in the next window, or in the one before", () => {
    const tick = 279;
    const next = remade(engine, (minute, own) => (minute === 4 ? own.filter((i) => i !== tick) : [...own, tick]), 4, 5);
    const text = "As if 280 were counted in 16:05 instead of 16:04.";
    expect(hintsOf(engine, next, 4, 5)).toEqual([text, text]);
    const before = remade(
      engine,
      (minute, own) => (minute === 4 ? own.filter((i) => i !== tick) : [...own, tick]),
      3,
      4,
    );
    const other = "As if 280 were counted in 16:03 instead of 16:04.";
    expect(hintsOf(engine, before, 3, 4)).toEqual([other, other]);
  });

  test("not: the tick is in neither row, or in both, or another tick is the surplus", () => {
    const [lost, extra] = [279, 250];
    const gone = remade(engine, (_minute, own) => own.filter((i) => i !== lost), 4);
    expect(hintsOf(engine, gone, 4)).toEqual(["As if 280 were missing."]);
    const both = remade(engine, (_minute, own) => [...own, lost], 5);
    expect(hintsOf(engine, both, 5)).toEqual([undefined]);
    const other = remade(
      engine,
      (minute, own) => (minute === 4 ? own.filter((i) => i !== lost) : [...own, extra]),
      4,
      5,
    );
    expect(hintsOf(engine, other, 4, 5)).toEqual(["As if 280 were missing.", undefined]);
    // The same with a wrong digit in the second row.
    const wrong = (rows: ForeignWindow[]) => {
      remade(engine, (minute, own) => (minute === 4 ? own.filter((i) => i !== lost) : [...own, lost]), 4, 5)(rows);
      rows[5]!.cells.max_price = "25799.99";
    };
    expect(hintsOf(engine, wrong, 4, 5)).toEqual(["As if 280 were missing.", undefined]);
  });
});

test("many ticks across several boundaries, some later, some earlier", () => {
  // Three of minute 3 count in minute 4, and the first four of minute 5 as well.
  const change = (minute: number, own: number[]) => {
    if (minute === 3) return own.slice(0, -3);
    if (minute === 4) return [237, 238, 239, ...own, 300, 301, 302, 303];
    return own.slice(4);
  };
  expect(hintsOf(EXPERT, remade(EXPERT, change, 3, 4, 5), 3, 4, 5)).toEqual([
    "As if 3 ticks (238, 239, 240) were counted in 16:04 instead of 16:03.",
    "As if 3 ticks (238, 239, 240) were counted in 16:04 instead of 16:03, and 4 ticks (301, 302, 303, 304) were counted in 16:04 instead of 16:05.",
    `As if 4 ticks (${FIRST_OF_5}, 302, 303, 304) were counted in 16:04 instead of 16:05.`,
  ]);
  // The last row does not have them: the chain proves nothing.
  const broken = (minute: number, own: number[]) => (minute === 5 ? own.slice(5) : change(minute, own));
  expect(hintsOf(EXPERT, remade(EXPERT, broken, 3, 4, 5), 3, 4, 5)).toEqual([undefined, undefined, undefined]);
});

describe("all rows by arrival", () => {
  /** Ten ticks of five minutes arrive two to four minutes late. */
  const LATE = [10, 70, 71, 130, 190, 191, 192, 250, 310, 311].reduce(
    (list, id) =>
      delayed(
        list,
        list.findIndex((one) => one.id === id),
        Math.min(599, id + 150),
      ),
    TRADES,
  );
  const arrivals = (trades: readonly Trade[]) => {
    let greatest = 0;
    const placed = trades.map(({ time }): [number, number] => {
      greatest = Math.max(greatest, time);
      return [time, greatest];
    });
    return new Map(placed);
  };
  const placedBy = (times: ReadonlyMap<number, number>, engine: EngineSettings): EngineSettings => ({
    ...engine,
    placed: (time) => times.get(time)!,
    late: { by: "nothing" },
    append: false,
  });

  test.each([
    ["decimals", EXPERT],
    ["32-bit floats", { ...EXPERT, numbers: "float32" as const }],
  ])("right: a late tick counts in the window that is open when it arrives: %s", (_, engine) => {
    const own = placedBy(arrivals(LATE), engine);
    const report = audited(LATE, answersOf(runEngine(LATE, own).windows, own));
    expect(report).toMatchObject({ totals: { unexplained: 0, consistent: 0 }, model: { edge: "open" } });
    expect(report.how.join("\n")).toContain("the window that is open when it arrives");
    const named = (minute: number) => at(report, minute).ticks.map(({ trade_id, what }) => `${trade_id} ${what}`);
    expect(named(0)).toEqual(["10 missing"]);
    expect(named(2).sort()).toEqual(["10 surplus", "130 missing"]);
  });

  test("right: each counts in the window of its append time", () => {
    const times = new Map(LATE.map(({ time, offset }) => [time, START + offset * 1_000_000 + 500_000]));
    const own = placedBy(times, EXPERT);
    const records = LATE.map(({ offset }) => START + offset * 1_000_000 + 500_000);
    const report = audited(LATE, answersOf(runEngine(LATE, own).windows, own), {}, records);
    expect(report).toMatchObject({ totals: { unexplained: 0, consistent: 0 }, model: { edge: "appended" } });
  });

  test("not: one late tick is in the window of its own time, another is lost", () => {
    const own = placedBy(arrivals(LATE), EXPERT);
    const { windows } = runEngine(LATE, own);
    const exact = runEngine(LATE, EXPERT).windows;
    // Minute 4 as if tick 250 had been put where it belongs.
    const mixed = windows.map((row) => (row.start === START + 4 * MINUTE ? exact[4]! : row));
    expect(at(audited(LATE, answersOf(mixed, EXPERT)), 4).outcome).toBe("unexplained");
    const lost = windows.map((row) => {
      if (row.start !== START + 2 * MINUTE) return row;
      const trades = row.trades.filter((i) => LATE[i]!.id !== 10);
      return { ...row, cells: cellsOf(LATE, { trades, groups: trades.map(() => 0) }, EXPERT) };
    });
    const report = audited(LATE, answersOf(lost, EXPERT));
    // It was late, too: without a trace nothing can decide.
    expect(at(report, 2)).toMatchObject({ outcome: "consistent", unproved: ["W2"] });
    expect(at(audited(LATE, answersOf(lost, EXPERT), { lateness_us: 5 * MINUTE }), 2)).toMatchObject({
      outcome: "unexplained",
      hint: { text: "As if 10 were missing." },
    });
  });
});
