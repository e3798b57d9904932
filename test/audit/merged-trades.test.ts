/** W13: an engine that takes separate trades for duplicates, by content or by ids of any product. */
import { expect, test } from "bun:test";
import { at, audited, EXPERT, inOrder, passes, run, STREAMS, steady, without } from "../support/audit-cases.ts";
import { answersOf, runEngine } from "../support/foreign-engines.ts";
import type { EngineSettings, Trade } from "../support/foreign-rows.ts";

/** Two fills of one order: the same but for their ids. `at`: of which trades, by index. */
function withFills(trades: readonly Trade[], ...places: number[]): Trade[] {
  return inOrder(
    trades.flatMap((trade, n) => (places.includes(n) ? [trade, { ...trade, id: trade.id + 10_000 }] : [trade])),
  );
}

const content = ({ product, time, price, size }: Trade) => [product, time, price, size].join(" ");
const moment = ({ product, time }: Trade) => [product, time].join(" ");
const FILLS = withFills(steady(), 100, 130, 200, 330);
const rulesAt = (report: ReturnType<typeof audited>, minute: number) => {
  const { outcome, rules, ticks } = at(report, minute);
  return { outcome, rules, ids: ticks.map(({ trade_id }) => trade_id) };
};

test.each([
  ["first", [10_101, 10_131]],
  ["last", [101, 131]],
] as const)("fills that are merged by time, price and size, the %s counts", (repeats, [a, b]) => {
  for (const engine of [EXPERT, STREAMS]) {
    const own: EngineSettings = { ...engine, repeats, same: content };
    const report = run(FILLS, own, () => {}, { lateness_us: 60_000_000 });
    expect(rulesAt(report, 1)).toEqual({ outcome: "explained", rules: ["W13"], ids: [a] });
    expect(rulesAt(report, 2)).toEqual({ outcome: "explained", rules: ["W13"], ids: [b] });
    expect(at(report, 4).outcome).toBe("equal");
    expect(report.totals.unexplained).toBe(0);
    expect(report.model).toMatchObject({ keys: "time_price_size", repeats });
    expect(report.how.join("\n")).toContain(
      `A trade with the time, price and size of another counts once, the ${repeats}.`,
    );
  }
});

test("trades of one moment that are merged by their time alone", () => {
  // The second trade of the moment has another price.
  const trades = FILLS.map((trade) => (trade.id > 10_000 ? { ...trade, price: "25750.55" } : trade));
  const report = run(trades, { ...EXPERT, same: moment });
  expect(rulesAt(report, 1)).toEqual({ outcome: "explained", rules: ["W13"], ids: [10_101] });
  expect(report.model.keys).toBe("time");
  expect(report.totals.unexplained).toBe(0);
});

test("a lost fill is unexplained where other fills were kept", () => {
  // Index 41 of minute 1 is the second fill of trade 101.
  const lost = run(FILLS, EXPERT, without(FILLS, EXPERT, 1, 41), { lateness_us: 60_000_000 });
  expect(at(lost, 1)).toMatchObject({ outcome: "unexplained", rules: [] });
  expect(at(lost, 1).hint?.text).toBe("As if 10101 were missing.");
  expect(lost.model.keys).toBe("exact");
  // Without the delay it could have been late by its own time, which nothing decides.
  expect(at(run(FILLS, EXPERT, without(FILLS, EXPERT, 1, 41)), 1).outcome).toBe("consistent");
});

test("the only fill of a log may be merged or lost: consistent, and a trade merged with another stays refused", () => {
  const trades = withFills(steady(), 100);
  const only = run(trades, { ...EXPERT, same: content });
  expect(at(only, 1)).toMatchObject({ outcome: "consistent", unproved: ["W13"] });
  expect([passes(only), passes(only, "W13")]).toEqual([false, true]);
  const two = run(FILLS, { ...EXPERT, same: content }, without(FILLS, EXPERT, 4, 7));
  expect(at(two, 4).outcome).toBe("unexplained");
  expect(at(two, 1).rules).toEqual(["W13"]);
});

test("ids that are compared across products merge trades of two products", () => {
  const other = steady().map((trade, n) => ({ ...trade, product: "ETH-USD", id: n % 60 === 9 ? trade.id : 5_000 + n }));
  const both = inOrder([...steady(), ...other].sort((a, b) => a.time - b.time));
  const engine: EngineSettings = { ...EXPERT, same: ({ id }) => String(id) };
  const report = audited(both, answersOf(runEngine(both, engine).windows, engine));
  const eth = report.windows.filter(({ product_id }) => product_id === "ETH-USD");
  expect(eth.map(({ outcome, rules }) => [outcome, ...rules].join())).toEqual(eth.map(() => "explained,W13"));
  expect(report.model.keys).toBe("id_alone");
  expect(report.windows.every(({ product_id, outcome }) => product_id !== "BTC-USD" || outcome === "equal")).toBe(true);
});
