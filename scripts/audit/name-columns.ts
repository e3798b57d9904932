/** Columns that are wrong in most rows whose others are right: judged apart, with what they may be. */
import { EXACT_STYLE } from "./arithmetic-row.ts";
import type { Answers, AuditColumn, WindowVerdict } from "./audit-types.ts";
import type { EngineLog } from "./engine-log.ts";
import type { AuditWindow } from "./engine-windows.ts";
import { isValue, RowValues, readCell } from "./fit-cells.ts";
import { columnPlaces, fitsLoosely, looseRow, looseSums } from "./fit-loose.ts";
import { exactText } from "./name-rules.ts";

const SECOND_US = 1e6;
/** Part of a column's wrong rows that another formula must make, and the fewest of them. */
const FORMULA_SHARE = 0.9;
const FORMULA_ROWS_MIN = 3;
/** Relative error of the sums of doubles in a formula. */
const RELATIVE = 1e-11;

/** Numbers of a window, in doubles, from which columns are made by mistake. */
interface Numbers {
  open: number;
  high: number;
  low: number;
  close: number;
  mean: number;
  vwap: number;
  median: number;
  /** Mean of the means of each second. */
  seconds: number;
  count: number;
  volume: number;
  notional: number;
  prices: number;
}

const FORMULAS: Partial<Record<AuditColumn, [text: string, of: (n: Numbers) => number][]>> = {
  avg_price: [
    ["(open + high + low + close) / 4", ({ open, high, low, close }) => (open + high + low + close) / 4],
    ["(high + low) / 2", ({ high, low }) => (high + low) / 2],
    ["(open + close) / 2", ({ open, close }) => (open + close) / 2],
    ["(high + low + close) / 3", ({ high, low, close }) => (high + low + close) / 3],
    ["the average weighted by size (vwap)", ({ vwap }) => vwap],
    ["the median", ({ median }) => median],
    ["the mean of the means of each second", ({ seconds }) => seconds],
    ["the last price", ({ close }) => close],
  ],
  vwap: [["the plain average", ({ mean }) => mean]],
  total_volume: [
    ["the sum of price times size (notional)", ({ notional }) => notional],
    ["the mean size", ({ volume, count }) => volume / count],
  ],
  notional: [["the average price times the volume", ({ mean, volume }) => mean * volume]],
  trade_count: [["the number of distinct prices", ({ prices }) => prices]],
  price_range: [["close minus open", ({ open, close }) => close - open]],
};

/** The columns that no row of most has right, where most rows are right in the others; none if not. */
export function wrongColumns(
  log: EngineLog,
  windows: readonly AuditWindow[],
  { rows, columns }: Answers,
): AuditColumn[] {
  const own = windows.filter(({ row, exact }) => row !== null && exact.length > 0);
  const near = { places: columnPlaces(rows), narrow: new Set<AuditColumn>() };
  const sums = own.map(({ exact }) => looseSums(log, exact));
  const share = (isOf: (name: AuditColumn) => boolean) => {
    const fitting = own.filter(({ row }, i) => {
      const cells = Object.fromEntries(Object.entries(row!.cells).filter(([name]) => isOf(name as AuditColumn)));
      return fitsLoosely(looseRow({ ...row!, cells }, near), sums[i]!, "records");
    });
    return fitting.length / own.length;
  };
  const wrong = columns.map(({ name }) => name).filter((name) => share((one) => one === name) < 0.5);
  const isMost = own.length >= FORMULA_ROWS_MIN && share((name) => !wrong.includes(name)) > 0.5;
  // Rows of other ticks are wrong in their counts, too.
  const isOfTicks = wrong.length > 1 && wrong.includes("trade_count");
  return isMost && !isOfTicks && wrong.length + 1 < columns.length ? wrong : [];
}

/** The answer without these columns. */
export function withoutColumns(answers: Answers, wrong: readonly AuditColumn[]): Answers {
  const kept = (row: Answers["rows"][number]) => ({
    ...row,
    cells: Object.fromEntries(Object.entries(row.cells).filter(([name]) => !wrong.includes(name as AuditColumn))),
  });
  return {
    ...answers,
    rows: answers.rows.map(kept),
    superseded: answers.superseded.map(kept),
    columns: answers.columns.filter(({ name }) => !wrong.includes(name)),
  };
}

/**
 * The verdicts of the other columns with these columns' cells: a row in which one is not exact is
 * unexplained. `windows` and `verdicts` are in one order; with what the columns seem to be, for `how`.
 */
export function withColumns(
  log: EngineLog,
  windows: readonly AuditWindow[],
  verdicts: readonly WindowVerdict[],
  wrong: readonly AuditColumn[],
  { columns }: Answers,
): { verdicts: WindowVerdict[]; how: string[] } {
  const texts = new Map(wrong.map((name) => [name, formulaOf(log, windows, name)]));
  const theirs = (name: AuditColumn) => columns.find((one) => one.name === name)!.theirs;
  const judged = verdicts.map((verdict, i): WindowVerdict => {
    const window = windows[i];
    if (window === undefined || window.row === null || window.exact.length === 0) return verdict;
    const exact = new RowValues(log, window.exact, EXACT_STYLE, null).decimal;
    const own = wrong.filter((name) => {
      const cell = readCell(window.row!.cells[name] ?? null);
      return !isValue(cell, exact[name], { to: "exact" }) && !isValue(cell, exact[name], { to: "double" });
    });
    if (own.length === 0) return verdict;
    const differences = own.map((name) => ({
      column: name,
      theirs: window.row!.cells[name] ?? null,
      exact: exactText(name, exact[name]),
      rules: [],
    }));
    return {
      ...verdict,
      outcome: "unexplained",
      rules: [],
      unproved: undefined,
      differences: [...differences, ...verdict.differences],
      why: `${own.map(theirs).join(", ")}: wrong in most rows${verdict.outcome === "unexplained" ? `. ${verdict.why}` : "; the other columns are right or have their rules."}`,
    };
  });
  const how = wrong.map((name) => {
    const text = texts.get(name);
    const as = text === undefined ? "no usual formula makes it" : `as if it were ${text}`;
    return `${theirs(name)} is wrong in most rows, ${as}; the other columns are judged without it.`;
  });
  return { verdicts: judged, how };
}

/** The formula that makes nearly all of the column's cells. */
function formulaOf(log: EngineLog, windows: readonly AuditWindow[], name: AuditColumn): string | undefined {
  const own = windows.filter(({ row, exact }) => row !== null && exact.length > 0);
  const places = columnPlaces(own.map(({ row }) => row!)).get(name) ?? 0;
  const numbers = own.map(({ exact }) => numbersOf(log, exact));
  return FORMULAS[name]?.find(([, of]) => {
    const made = own.filter(({ row }, i) => {
      const value = of(numbers[i]!);
      const cell = Number(row!.cells[name] ?? Number.NaN);
      return Math.abs(cell - value) <= Math.abs(value) * RELATIVE + 0.5 * 10 ** -places;
    });
    return made.length >= FORMULA_ROWS_MIN && made.length >= own.length * FORMULA_SHARE;
  })?.[0];
}

function numbersOf(log: EngineLog, members: readonly number[]): Numbers {
  const sums = looseSums(log, members);
  const inTime = [...members].sort((a, b) => log.time_us[a]! - log.time_us[b]! || log.id[a]! - log.id[b]!);
  const priceOf = (i: number | undefined) => (i === undefined ? Number.NaN : log.price[i]!);
  const prices = members.map(priceOf).sort((a, b) => a - b);
  const [half, n] = [prices.length >> 1, prices.length];
  const mean = (list: readonly number[]) => list.reduce((sum, one) => sum + one, 0) / list.length;
  const bySecond = Map.groupBy(members, (i) => Math.floor(log.time_us[i]! / SECOND_US));
  return {
    open: priceOf(inTime[0]),
    high: sums.max,
    low: sums.min,
    close: priceOf(inTime.at(-1)),
    mean: sums.price / sums.priced,
    vwap: sums.notional / sums.size,
    median: n % 2 === 1 ? prices[half]! : (prices[half - 1]! + prices[half]!) / 2,
    seconds: mean([...bySecond.values()].map((list) => mean(list.map(priceOf)))),
    count: sums.count,
    volume: sums.size,
    notional: sums.notional,
    prices: new Set(prices).size,
  };
}
