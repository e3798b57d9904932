/** Forged answers of a replaced pipeline on the recorded hour's kind of input: each is refused. */
import { expect, test } from "bun:test";
import type { AuditReport } from "../../scripts/audit/audit-types.ts";
import { auditWindows } from "../../scripts/audit/index.ts";
import { random } from "../support/flips.ts";
import { answersOf, recordsOf, runEngine } from "../support/foreign-engines.ts";
import { cellsOf, type EngineSettings, type ForeignWindow, MINUTE, type Trade } from "../support/foreign-rows.ts";

const START = 1_693_929_600_000_000;
const ENGINE: EngineSettings = {
  numbers: "float32",
  nulls: true,
  repeats: "all",
  late: { by: "batches", records: 40, delay: MINUTE },
  append: true,
};
/** 25 minutes of a trade per second, some late, some twice; the price often stays the same. */
const TRADES = input();
const { windows: WINDOWS, trace: TRACE } = runEngine(TRADES, ENGINE);

function input(): Trade[] {
  const next = random(11);
  const arrivals: { trade: Omit<Trade, "offset">; at: number }[] = [];
  let cents = 2_574_102;
  for (let n = 0; n < 25 * 60; n++) {
    if (next() < 0.3) cents += Math.floor(next() * 401) - 200;
    const time = START + n * 1_000_000 + Math.floor(next() * 900_000);
    const trade = {
      id: n + 1,
      product: "BTC-USD",
      time,
      price: (cents / 100).toFixed(2),
      size: (0.001 + Math.floor(next() * 1_000) / 10_000).toFixed(8),
      side: next() < 0.5 ? ("buy" as const) : ("sell" as const),
      partition: 0,
    };
    const delay = next() < 0.01 ? 70_000_000 + next() * 130_000_000 : next() < 0.15 ? next() * 3_000_000 : 0;
    arrivals.push({ trade, at: time + delay });
    // The repetition of n 700 comes when its window has closed.
    if (n % 97 === 5) arrivals.push({ trade, at: time + (n === 685 ? 200_000_000 : 1_000_000) });
  }
  return arrivals.sort((a, b) => a.at - b.at).map(({ trade }, offset) => ({ ...trade, offset }));
}

type Forge = (rows: ForeignWindow[]) => void;
const remade = (row: ForeignWindow, trades: number[]) => {
  const groups = trades.map((i) => row.groups[row.trades.indexOf(i)] ?? row.groups[0]!);
  row.cells = cellsOf(TRADES, { trades, groups }, ENGINE);
};

function audited(forge: Forge, isTraced: boolean): AuditReport {
  const rows = WINDOWS.map((row) => ({ ...row, cells: { ...row.cells } }));
  forge(rows);
  return auditWindows(recordsOf(TRADES), answersOf(rows, ENGINE), {
    input_url: "",
    answers_url: "",
    ...(isTraced ? { trace: TRACE } : {}),
  });
}

const outcomesOf = (report: AuditReport, minute: number) =>
  report.windows
    .filter(({ window_start_us }) => window_start_us === START + minute * MINUTE)
    .map(({ outcome }) => outcome);

/** The row of this minute, which has no late tick, no repetition. */
const PLAIN = 9;
const plain = (rows: ForeignWindow[]) => rows.find(({ start }) => start === START + PLAIN * MINUTE)!;

/**
 * Each: what it does, and the outcome of its window without a trace; with one it is always refused.
 * Without one the order of summing is unknown, so that last bits of a float tell nothing.
 */
const FORGERIES: [name: string, forge: Forge, untraced: "unexplained" | "explained"][] = [
  [
    "a lost tick whose neighbours have its price",
    (rows) => {
      const row = plain(rows);
      const at = row.trades.findIndex((i, n) => n > 10 && TRADES[i]!.price === TRADES[row.trades[n - 1]!]!.price);
      remade(row, row.trades.toSpliced(at, 1));
    },
    "unexplained",
  ],
  [
    "two errors that cancel in the count",
    (rows) => remade(plain(rows), plain(rows).trades.with(20, plain(rows).trades[40]!)),
    "unexplained",
  ],
  [
    "a changed minimum that count and sums hide",
    (rows) => {
      const { cells } = plain(rows);
      cells.min_price = (Number(cells.min_price) + 0.01).toFixed(2);
    },
    "unexplained",
  ],
  [
    "a volume that differs in its last bits",
    (rows) => {
      const { cells } = plain(rows);
      cells.total_volume = String(Number(cells.total_volume) * (1 + 2 ** -50));
    },
    "explained",
  ],
  [
    "the exact decimal in one column of a row of floats, with another tick lost",
    (rows) => {
      const row = plain(rows);
      const volume = row.trades.reduce((sum, i) => sum + BigInt(TRADES[i]!.size.replace(".", "")), 0n);
      row.cells.total_volume = `0.${String(volume)}`.replace(/^0\.(\d+)(\d{8})$/, "$1.$2");
      row.cells.trade_count = String(row.trades.length - 1);
    },
    "unexplained",
  ],
  [
    "a flag whose text was changed",
    (rows) => void Object.assign(plain(rows).cells, { volume_spike: "Spike" }),
    "unexplained",
  ],
  [
    "two rows swapped",
    (rows) => {
      const [a, b] = [plain(rows), rows.find(({ start }) => start === START + 12 * MINUTE)!];
      [a.cells, b.cells] = [b.cells, a.cells];
    },
    "unexplained",
  ],
  ["a missing window in the middle", (rows) => void rows.splice(rows.indexOf(plain(rows)), 1), "unexplained"],
  [
    "a lost last tick that could not have been late",
    (rows) => remade(plain(rows), plain(rows).trades.slice(0, -1)),
    "unexplained",
  ],
];

for (const [name, forge, untraced] of FORGERIES)
  test(`${name}: refused with Spark's checkpoint${untraced === "unexplained" ? ", and without" : ""}`, () => {
    expect(outcomesOf(audited(forge, true), PLAIN)).toEqual(["unexplained"]);
    expect(outcomesOf(audited(forge, false), PLAIN)).toEqual([untraced]);
  });

test("the engine's own rows are all explained with the checkpoint, and without it only late ticks are open", () => {
  const own = audited(() => {}, true);
  expect(own.totals).toMatchObject({ consistent: 0, unexplained: 0 });
  expect(own.totals.by_rule.map(({ rule }) => rule)).toEqual(["W2", "W3", "W4", "W1"]);
  const untraced = audited(() => {}, false);
  expect(untraced.totals.unexplained).toBe(0);
  for (const { outcome, rules } of untraced.windows)
    expect(outcome === "consistent").toBe(rules.includes("W2") || rules.includes("W4"));
});

test("a lost last arrival that came late enough: the checkpoint decides, without it both look the same", () => {
  const late = WINDOWS.find(
    ({ trades, start }) =>
      TRADES[trades.at(-1)!]!.offset > TRADES.findIndex((t) => t.time > start + MINUTE) && trades.length > 55,
  )!;
  const forge: Forge = (rows) => {
    const row = rows.find(({ start }) => start === late.start)!;
    remade(row, row.trades.slice(0, -1));
  };
  const minute = (late.start - START) / MINUTE;
  expect(outcomesOf(audited(forge, true), minute)).toEqual(["unexplained"]);
  expect(["consistent", "unexplained"]).toContain(outcomesOf(audited(forge, false), minute)[0]!);
});

test("a duplicate that was also late is not counted as one, and a row that counts it is refused", () => {
  const minute = Math.floor(685 / 60);
  const own = audited(() => {}, true).windows.find(
    ({ window_start_us }) => window_start_us === START + minute * MINUTE,
  )!;
  expect(own.ticks.some(({ trade_id, what }) => trade_id === 686 && what === "surplus")).toBe(false);
  const forge: Forge = (rows) => {
    const row = rows.find(({ start }) => start === START + minute * MINUTE)!;
    remade(row, [...row.trades, TRADES.findLastIndex(({ id }) => id === 686)]);
  };
  for (const isTraced of [true, false]) expect(outcomesOf(audited(forge, isTraced), minute)).toEqual(["unexplained"]);
});

test("a row of a window without ticks, and a window shifted alone", () => {
  const empty = audited((rows) => void rows.push({ ...plain(rows), start: START + 90 * MINUTE }), true);
  expect(outcomesOf(empty, 90)).toEqual(["unexplained"]);
  const shifted = audited((rows) => void Object.assign(plain(rows), { start: plain(rows).start + 1_000_000 }), true);
  expect(shifted.totals.unexplained).toBe(2);
});
