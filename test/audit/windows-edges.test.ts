/** Edges of the audit's core: products, hopping and rounded windows, short traces, empty inputs. */
import { expect, test } from "bun:test";
import type { Answers } from "../../scripts/audit/audit-types.ts";
import { auditWindows } from "../../scripts/audit/index.ts";
import { random } from "../support/flips.ts";
import { answersOf, recordsOf, runEngine } from "../support/foreign-engines.ts";
import { type EngineSettings, MINUTE, type Trade } from "../support/foreign-rows.ts";

const START = 1_693_929_600_000_000;
const EXPERT: EngineSettings = {
  numbers: "decimal",
  nulls: false,
  repeats: "first",
  late: { by: "nothing" },
  append: false,
};
const OPTIONS = { input_url: "", answers_url: "" };

function trades(count: number, products = ["BTC-USD"], partitions = 1): Trade[] {
  const next = random(23);
  const offsets = Array.from({ length: partitions }, () => 0);
  return Array.from({ length: count }, (_, n) => {
    const partition = n % partitions;
    return {
      id: n + 1,
      product: products[n % products.length]!,
      time: START + n * 1_000_000 + 100_000,
      price: (25_741 + Math.floor(next() * 3_000) / 100).toFixed(2),
      size: (0.0001 + Math.floor(next() * 10_000) / 10_000).toFixed(8),
      side: next() < 0.5 ? ("buy" as const) : ("sell" as const),
      partition,
      offset: offsets[partition]!++,
    };
  });
}

const anonymous = (answers: Answers): Answers => ({
  ...answers,
  rows: answers.rows.map((row) => ({ ...row, product_id: null })),
});

test("rows that name products are compared with theirs; an unknown product is unexplained", () => {
  const input = trades(600, ["BTC-USD", "ETH-USD"]);
  const answers = answersOf(runEngine(input, EXPERT).windows, EXPERT);
  const report = auditWindows(recordsOf(input), answers, OPTIONS);
  expect(report.totals).toMatchObject({ windows: 20, equal: 20 });
  expect(report.input.products).toEqual(["BTC-USD", "ETH-USD"]);
  const other = { ...answers, rows: answers.rows.map((row) => ({ ...row, product_id: "SOL-USD" })) };
  const strange = auditWindows(recordsOf(input), other, OPTIONS);
  expect(strange.windows.filter(({ why }) => why === "The input has no product SOL-USD.")).toHaveLength(20);
  expect(strange.totals).toMatchObject({ equal: 0, unexplained: 20 });
});

test("rows without a product are of the input's only one, of the given one, or of all together", () => {
  const one = trades(300);
  const rows = answersOf(runEngine(one, EXPERT).windows, EXPERT);
  const report = auditWindows(recordsOf(one), anonymous(rows), OPTIONS);
  expect(report.totals).toMatchObject({ windows: 5, equal: 5 });
  expect(report.windows[0]!.product_id).toBe("BTC-USD");
  const two = trades(600, ["BTC-USD", "ETH-USD"]);
  const ether = runEngine(
    two.filter(({ product }) => product === "ETH-USD"),
    EXPERT,
  ).windows;
  const given = auditWindows(recordsOf(two), anonymous(answersOf(ether, EXPERT)), { ...OPTIONS, product: "ETH-USD" });
  expect(given.totals).toMatchObject({ windows: 10, equal: 10 });
  const mixed = two.map((trade) => ({ ...trade, product: "any" }));
  const all = auditWindows(recordsOf(two), anonymous(answersOf(runEngine(mixed, EXPERT).windows, EXPERT)), OPTIONS);
  expect(all.totals).toMatchObject({ windows: 10, equal: 10 });
});

test("hopping windows: a tick is in each, and one that lacks in one of them is found there alone", () => {
  const input = trades(240);
  const shape = { size_us: 2 * MINUTE, every_us: MINUTE, offset_us: 0, shift_us: 0, zone: "UTC", hasZone: true };
  const starts = [-1, 0, 1, 2, 3].map((minute) => START + minute * MINUTE);
  const countOf = (start: number) => input.filter(({ time }) => time >= start && time < start + 2 * MINUTE).length;
  const rows = starts.map((start, n) => ({
    window_start_us: start,
    window_end_us: start + 2 * MINUTE,
    product_id: "BTC-USD",
    cells: { trade_count: String(countOf(start) - (n === 2 ? 1 : 0)) },
    where: `row ${n}`,
  }));
  const answers: Answers = {
    rows,
    columns: [{ name: "trade_count", theirs: "n", type: "integer" }],
    ignored: [],
    superseded: [],
    uncommitted: [],
    shape,
  };
  const report = auditWindows(recordsOf(input), answers, OPTIONS);
  expect(report.windows.map(({ outcome }) => outcome)).toEqual(["equal", "equal", "unexplained", "equal", "equal"]);
});

test("averages and volumes that a person rounded are equal; one that is rounded wrong is not", () => {
  const input = trades(900);
  const rows = runEngine(input, EXPERT).windows.map((row) => {
    const { avg_price, total_volume, trade_count } = row.cells;
    const places = (text: string, n: number) => {
      const units = BigInt(text.replace(".", "")) + 5n * 10n ** BigInt(text.split(".")[1]!.length - n - 1);
      const digits = String(units / 10n ** BigInt(text.split(".")[1]!.length - n)).padStart(n + 1, "0");
      return `${digits.slice(0, -n)}.${digits.slice(-n)}`;
    };
    return { ...row, cells: { trade_count, avg_price: places(avg_price!, 2), total_volume: places(total_volume!, 3) } };
  });
  const untyped = (list: typeof rows) => answersOf(list, { ...EXPERT, numbers: "float64" });
  expect(auditWindows(recordsOf(input), untyped(rows), OPTIONS).totals).toMatchObject({ windows: 15, equal: 15 });
  const average = (Number(rows[3]!.cells.avg_price) + 0.01).toFixed(2);
  const changed = rows.with(3, { ...rows[3]!, cells: { ...rows[3]!.cells, avg_price: average } });
  const wrong = auditWindows(recordsOf(input), untyped(changed), OPTIONS);
  expect(wrong.totals).toMatchObject({ equal: 14, unexplained: 1 });
});

test("a trace that lost its first batches decides what it covers, and leaves the rest open", () => {
  const input = trades(1_200);
  const late = [...input.slice(0, 10), ...input.slice(11, 150), input[10]!, ...input.slice(150, 700)];
  const later = [...late.filter(({ id }) => id !== 605), ...input.slice(700, 770), input[604]!, ...input.slice(770)];
  const ordered = later.map((trade, offset) => ({ ...trade, offset }));
  const engine: EngineSettings = { ...EXPERT, append: true, late: { by: "batches", records: 20, delay: MINUTE } };
  const { windows, trace } = runEngine(ordered, engine);
  const short = { ...trace, batches: trace.batches.slice(20) };
  const report = auditWindows(recordsOf(ordered), answersOf(windows, engine), { ...OPTIONS, trace: short });
  expect(report.totals.unexplained).toBe(0);
  const late_ones = report.windows.filter(({ rules }) => rules.includes("W2"));
  expect(late_ones.map(({ outcome, ticks }) => [outcome, ticks[0]!.trade_id])).toEqual([
    ["consistent", 11],
    ["explained", 605],
  ]);
});

test("several partitions: dropped ticks are a tail of each", () => {
  const input = trades(600, ["BTC-USD"], 2);
  const late = [...input.slice(0, 10), ...input.slice(11, 150), input[10]!, ...input.slice(150)];
  const offsets = [0, 0];
  const ordered = late.map((trade) => ({ ...trade, offset: offsets[trade.partition]!++ }));
  const engine: EngineSettings = { ...EXPERT, append: true, late: { by: "batches", records: 20, delay: MINUTE } };
  const { windows } = runEngine(ordered, engine);
  const report = auditWindows(recordsOf(ordered), answersOf(windows, engine), OPTIONS);
  expect(report.windows[0]).toMatchObject({
    outcome: "consistent",
    rules: ["W2"],
    ticks: [{ trade_id: 11, partition: 0 }],
  });
});

test("a window without ticks that counts none is right, and an answer without rows lacks every window", () => {
  const input = trades(120);
  const answers = answersOf(runEngine(input, EXPERT).windows, EXPERT);
  const none = Object.fromEntries(answers.columns.map(({ name }) => [name, name.endsWith("_count") ? "0" : null]));
  const empty = { ...answers.rows[0]!, window_start_us: START + 9 * MINUTE, window_end_us: null, cells: none };
  const filled = auditWindows(recordsOf(input), { ...answers, rows: [...answers.rows, empty] }, OPTIONS);
  expect(filled.totals).toMatchObject({ windows: 3, equal: 3 });
  const lacking = auditWindows(recordsOf(input), { ...answers, rows: [] }, OPTIONS);
  expect(lacking.totals.equal).toBe(0);
  expect(lacking.windows.every(({ outcome }) => outcome === "unexplained" || outcome === "consistent")).toBe(true);
  const nothing = auditWindows([], { ...answers, rows: [] }, OPTIONS);
  expect(nothing.totals.windows).toBe(0);
  expect(auditWindows([], answers, OPTIONS).totals.unexplained).toBe(2);
});

test("windows that overlap too much for memory are refused with a sentence", () => {
  const input = trades(100);
  const answers = answersOf([], EXPERT);
  const shape = { ...answers.shape, size_us: 600_000 * MINUTE };
  expect(() => auditWindows(recordsOf(input), { ...answers, shape }, OPTIONS)).toThrow(/places in memory/);
});
