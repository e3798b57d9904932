/** An unexplained row names the one or two ticks that would make it, and stays unexplained. */
import { describe, expect, test } from "bun:test";
import type { AuditReport } from "../../scripts/audit/audit-types.ts";
import { auditPage, auditText, reportView } from "../../scripts/audit/index.ts";
import { at, delayed, EXPERT, REPLACED, run, STREAMS, steady, traceOf, without } from "../support/audit-cases.ts";
import { cellsOf, type EngineSettings, type ForeignWindow } from "../support/foreign-rows.ts";

const TRADES = steady();
const MINUTE_4 = 4;
const ENGINES = Object.entries({ EXPERT, REPLACED, STREAMS });

/** The row of minute 4 made of other trades, by their index in it. */
const remade = (engine: EngineSettings, change: (row: number[]) => number[]) => (rows: ForeignWindow[]) => {
  const row = rows[MINUTE_4]!;
  const trades = change([...row.trades]).sort((a, b) => a - b);
  const groups = trades.map((i) => row.groups[row.trades.indexOf(i)] ?? row.groups[0]!);
  row.cells = cellsOf(TRADES, { trades, groups }, engine);
};
const hinted = (engine: EngineSettings, change: (rows: ForeignWindow[]) => void, trades = TRADES) => {
  const report = run(trades, engine, change, engine === REPLACED ? traceOf(trades, engine) : {});
  const { outcome, rules, hint } = at(report, MINUTE_4);
  expect({ outcome, rules }).toEqual({ outcome: "unexplained", rules: [] });
  return hint;
};

describe.each(ENGINES)("an unexplained row of %s", (_, engine) => {
  test("names the one lost tick", () => {
    expect(hinted(engine, without(TRADES, engine, MINUTE_4, 10))).toEqual({
      text: "As if 251 were missing.",
      sets: [[{ trade_id: 251, partition: 0, offset: 250, what: "missing", rule: null }]],
      is_cut: false,
    });
  });

  test("names two lost ticks, one that was counted twice, and both at once", () => {
    const text = (change: (row: number[]) => number[]) => hinted(engine, remade(engine, change))?.text;
    expect(text((row) => row.toSpliced(33, 1).toSpliced(10, 1))).toBe("As if 251 and 274 were missing.");
    expect(text((row) => [...row, row[7]!])).toBe("As if 248 were counted twice.");
    expect(text((row) => row.with(20, row[40]!))).toBe("As if 261 were missing and 281 were counted twice.");
  });

  test("names none where a cell is wrong that ticks do not make", () => {
    const written = (cells: ForeignWindow["cells"]) => (rows: ForeignWindow[]) => {
      Object.assign(rows[MINUTE_4]!.cells, cells);
    };
    expect(hinted(engine, written({ trade_count: "59" }))).toBeUndefined();
    expect(hinted(engine, written({ min_price: "25700.00" }))).toBeUndefined();
    expect(
      hinted(
        engine,
        remade(engine, (row) => row.slice(3)),
      ),
    ).toBeUndefined();
  });
});

test("ticks that make the same row are counted, and the first of them are named", () => {
  const trades = TRADES.map((trade, n) =>
    n >= 250 && n < 262 ? { ...trade, price: "25750.00", size: "0.50000000", side: "buy" as const } : trade,
  );
  const lost = (rows: ForeignWindow[]) => {
    const row = rows[MINUTE_4]!;
    const own = row.trades.toSpliced(15, 1);
    row.cells = cellsOf(trades, { trades: own, groups: own.map(() => row.groups[0]!) }, EXPERT);
  };
  const hint = hinted(EXPERT, lost, trades);
  expect(hint?.sets.length).toBe(12);
  expect(hint?.text).toBe("As if one of 12 ticks were missing: 251, 252, 253, 254, 255, …");
});

test("a tick that the engine dropped as late and the row has is named as such", () => {
  // Trade 241 arrives after minute 7: with a delay of a minute, all other rows lack such ticks.
  const late = [241, 131, 71].reduce((list, n) => {
    const i = list.findIndex(({ id }) => id === n);
    const moved = [...list.slice(0, i), ...list.slice(i + 1, i + 200), list[i]!, ...list.slice(i + 200)];
    return moved.map((trade, offset) => ({ ...trade, offset }));
  }, TRADES);
  const kept = (rows: ForeignWindow[]) => {
    const row = rows[MINUTE_4]!;
    const own = [...row.trades.slice(1), late.findIndex(({ id }) => id === 241)];
    row.cells = cellsOf(late, { trades: own, groups: own.map(() => 0) }, STREAMS);
  };
  const report = run(late, STREAMS, kept, { lateness_us: 60_000_000 });
  expect(at(report, MINUTE_4).hint?.text).toBe("As if 242 were missing and 241 were counted although late.");
});

test("without a trace, a lost tick is found beside one that came late", () => {
  // Five ticks are late by any clock per record, but their batches ran with an older watermark.
  const kept = [0, 1, 2, 3, 6].reduce((list, minute) => delayed(list, minute * 60 + 10, minute * 60 + 130), TRADES);
  const late = delayed(delayed(kept, 250, 420), 250, 420);
  expect(at(run(late, REPLACED), MINUTE_4)).toMatchObject({ outcome: "consistent", unproved: ["W2"] });
  const { outcome, hint } = at(run(late, REPLACED, without(late, REPLACED, MINUTE_4, 21)), MINUTE_4);
  expect(outcome).toBe("unexplained");
  expect(hint?.text).toBe("As if 264 were missing. Beside 2 ticks that came late.");
  const drops = { rule: "W2", what: "missing" } as const;
  expect(hint?.sets).toMatchObject([[{ trade_id: 264, rule: null }, drops, drops]]);
});

test("the last row of an answer that was read only in part names where reading ended", () => {
  const ended = (last: number, at: number, lost?: number) => (rows: ForeignWindow[]) => {
    const row = rows[last]!;
    const trades = row.trades.slice(0, at).filter((_, n) => n !== lost);
    row.cells = cellsOf(TRADES, { trades, groups: trades.map(() => 0) }, EXPERT);
    rows.length = MINUTE_4 + 1;
  };
  const hint = hinted(EXPERT, ended(MINUTE_4, 25));
  expect(hint?.text).toBe("As if reading had ended after 265, offset 264 of partition 0.");
  expect(hint?.sets[0]).toHaveLength(35);
  // Not: a later window has a row; a tick before it lacks too.
  const report = run(TRADES, EXPERT, ended(3, 25));
  expect([at(report, 3).outcome, at(report, 3).hint]).toEqual(["unexplained", undefined]);
  expect(hinted(EXPERT, ended(MINUTE_4, 25, 7))).toBeUndefined();
});

test("terminal, page and JSON show the hint, and the audit still fails", () => {
  const report = run(TRADES, EXPERT, without(TRADES, EXPERT, MINUTE_4, 10));
  const view = reportView({ kind: "windows", report }, []);
  expect(view.passed).toBe(false);
  const text = auditText(view, { all: false, colors: false });
  expect(text).toContain("as if −1: 251");
  expect(text).toMatch(/^unexplained .*As if 251 were missing\. /m);
  expect(auditPage(view, { all: false, now_us: 0 })).toContain("As if 251 were missing.");
  const json = JSON.parse(JSON.stringify(report)) as AuditReport;
  expect(at(json, MINUTE_4).hint).toEqual(at(report, MINUTE_4).hint);
});

test("a search that finds too many sets is cut, and states it", () => {
  // Of counts alone, any two ticks may lack.
  const only = run(TRADES, EXPERT, (rows) => {
    for (const row of rows) row.cells = { trade_count: row.cells.trade_count! };
    rows[MINUTE_4]!.cells.trade_count = "58";
  });
  const { is_cut, text } = at(only, MINUTE_4).hint!;
  expect(is_cut).toBe(true);
  expect(text).toStartWith("As if one of at least 100 pairs of ticks were missing: 241 and 242; 241 and 243; ");
});
