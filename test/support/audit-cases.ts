/** A steady feed, three engines, and their rows audited after a change: for the tests of the rules. */
import type { Answers, AuditReport, AuditRule, WindowVerdict } from "../../scripts/audit/audit-types.ts";
import { auditWindows, reportView } from "../../scripts/audit/index.ts";
import { random } from "./flips.ts";
import { answersOf, recordsOf, runEngine } from "./foreign-engines.ts";
import { cellsOf, type EngineSettings, type ForeignWindow, MINUTE, type Trade } from "./foreign-rows.ts";

export const START = 1_693_929_600_000_000;
export const S = 1_000_000;
type Options = Partial<Parameters<typeof auditWindows>[2]>;

export const EXPERT: EngineSettings = {
  numbers: "decimal",
  nulls: false,
  repeats: "first",
  late: { by: "nothing" },
  append: false,
};
export const REPLACED: EngineSettings = {
  numbers: "float32",
  nulls: true,
  repeats: "all",
  late: { by: "batches", records: 20, delay: MINUTE },
  append: true,
};
export const STREAMS: EngineSettings = {
  ...EXPERT,
  late: { by: "records", delay: MINUTE, scope: "product" },
  append: true,
};

/** A trade every second for ten minutes, at prices of two places. */
export function steady(minutes = 10): Trade[] {
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
export const inOrder = (trades: readonly Trade[]) => trades.map((trade, offset) => ({ ...trade, offset }));

/** The trade of index `from` arrives only after that of index `to`. */
export function delayed(trades: readonly Trade[], from: number, to: number): Trade[] {
  return inOrder([...trades.slice(0, from), ...trades.slice(from + 1, to + 1), trades[from]!, ...trades.slice(to + 1)]);
}

/** `appended_us`: of each record, if not one time for all. */
export function audited(
  trades: readonly Trade[],
  answers: Answers,
  options: Options = {},
  appended_us: readonly number[] = [],
): AuditReport {
  const records = recordsOf(trades).map((record, i) => ({
    ...record,
    appended_us: appended_us[i] ?? record.appended_us,
  }));
  return auditWindows(records, answers, { input_url: "", answers_url: "", ...options });
}

/** The engine's own rows, after a change, audited. */
export function run(
  trades: readonly Trade[],
  engine: EngineSettings,
  change: (rows: ForeignWindow[]) => void = () => {},
  options: Options = {},
) {
  const { windows } = runEngine(trades, engine);
  change(windows);
  return audited(trades, answersOf(windows, engine), options);
}

export const traceOf = (trades: readonly Trade[], engine: EngineSettings) => ({
  trace: runEngine(trades, engine).trace,
});
export const at = (report: AuditReport, minute: number): WindowVerdict =>
  report.windows.find(({ window_start_us }) => window_start_us === START + minute * MINUTE)!;
/** Whether the command would end with 0, with `--trust` of these rules. */
export const passes = (report: AuditReport, ...trusted: AuditRule[]) =>
  reportView({ kind: "windows", report }, trusted).passed;
export const rulesOf = (report: AuditReport) => [...new Set(report.windows.flatMap(({ rules }) => rules))].sort();
/** The row of one minute without some of its trades, by index in the row. */
export function without(trades: readonly Trade[], engine: EngineSettings, minute: number, ...lost: number[]) {
  return (rows: ForeignWindow[]) => {
    const row = rows[minute]!;
    const keep = (_: unknown, n: number) => !lost.includes(n);
    row.cells = cellsOf(trades, { trades: row.trades.filter(keep), groups: row.groups.filter(keep) }, engine);
  };
}
