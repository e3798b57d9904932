/** Rules that exact rows contradict, or that only one edge shows, are not proved. */
import { describe, expect, test } from "bun:test";
import type { AuditRule } from "../../scripts/audit/audit-types.ts";
import {
  at,
  delayed,
  EXPERT,
  inOrder,
  passes,
  REPLACED,
  run,
  START,
  STREAMS,
  steady,
  traceOf,
} from "../support/audit-cases.ts";
import { cellsOf, type EngineSettings, type ForeignWindow, MINUTE, type Trade } from "../support/foreign-rows.ts";

const BASE = steady();
/** Trades of four minutes, one of each: the forged one is of minute 2. */
const PLACES = [130, 250, 370, 430];
const LATENESS = { lateness_us: MINUTE };

/** Rows with other trades: the given ones are taken out, or added where they belong. */
function changed(trades: readonly Trade[], engine: EngineSettings, ...places: number[]) {
  return (rows: ForeignWindow[]) => {
    for (const row of rows) {
      const isOwn = (i: number) => trades[i]!.time >= row.start && trades[i]!.time < row.start + MINUTE;
      const own = [...new Set(row.trades).symmetricDifference(new Set(places.filter(isOwn)))].sort((a, b) => a - b);
      row.cells = cellsOf(trades, { trades: own, groups: own.map(() => row.groups[0]!) }, engine);
    }
  };
}

/** How many of these rows, of four that the rule would change, were changed, and what the audit finds. */
function cases(rule: AuditRule, trades: readonly Trade[], engine: EngineSettings, places: readonly number[]) {
  const of = (count: number) => run(trades, engine, changed(trades, engine, ...places.slice(0, count)), LATENESS);
  const [two, three, four] = [of(2), of(3), of(4)];
  expect(two.totals).toMatchObject({ consistent: 2, unexplained: 0 });
  expect(at(two, 2)).toMatchObject({ outcome: "consistent", unproved: [rule] });
  expect(at(two, 2).why).toEndWith(` Exact rows that ${rule} would have changed: 2.`);
  expect(passes(two)).toBe(false);
  expect(passes(two, rule)).toBe(true);
  for (const report of [three, four]) expect(passes(report)).toBe(true);
}

describe.each(Object.entries({ EXPERT, STREAMS }))("%s: two of four rows are exact", (_, engine) => {
  test("although the others count a trade twice", () => {
    const twice = inOrder(BASE.flatMap((trade, n) => (PLACES.includes(n) ? [trade, trade] : [trade])));
    const second = PLACES.map((n) => twice.findLastIndex(({ id }) => id === n + 1));
    cases("W3", twice, engine, second);
  });

  test("although the others merge two trades", () => {
    const twins = BASE.map((trade, n) => (PLACES.includes(n) ? { ...BASE[n - 1]!, id: n + 1, offset: n } : trade));
    cases("W13", twins, engine, PLACES);
  });

  test("although the others count what is not a trade", () => {
    const refused = inOrder(
      BASE.flatMap((one, n) =>
        PLACES.includes(n) ? [one, { ...one, id: 10_000 + n, size: "-1", isRefused: true }] : [one],
      ),
    );
    const bad = PLACES.map((n) => refused.findIndex(({ id }) => id === 10_000 + n));
    cases("W5", refused, engine, bad);
  });
});

test("two ticks are late, one row lacks its own and one has it: neither lateness nor a lost clock is proved", () => {
  const trades = delayed(delayed(BASE, 130, 350), 210, 430);
  const lost = trades.findIndex(({ id }) => id === 131);
  const report = run(trades, EXPERT, changed(trades, EXPERT, lost), LATENESS);
  expect(at(report, 2)).toMatchObject({ outcome: "consistent", unproved: ["W2"] });
});

describe("a tick at an edge that goes to no row is not proved to be moved", () => {
  test("before the first window", () => {
    const trades = BASE.map((one, n) => (n === 0 ? { ...one, time: START } : one));
    const report = run(trades, REPLACED, changed(trades, REPLACED, 0), traceOf(trades, REPLACED));
    expect(at(report, 0)).toMatchObject({ outcome: "consistent", unproved: ["W7"] });
  });

  test("after the last window", () => {
    const trades = BASE.map((one, n) => (n === 599 ? { ...one, time: START + 10 * MINUTE - 300 } : one));
    const report = run(trades, EXPERT, changed(trades, EXPERT, 599), LATENESS);
    expect(at(report, 9)).toMatchObject({ outcome: "consistent", unproved: ["W7"] });
  });
});
