/** Rows as foreign engines write them, for the audit's tests: no arithmetic is shared with it. */
import { AUDIT_COLUMNS, type AuditColumn } from "../../scripts/audit/audit-types.ts";

/** A record of the input as these engines read it: texts, as they came. */
export interface Trade {
  id: number;
  product: string;
  /** µs; a window is [start, start + size). */
  time: number;
  price: string;
  size: string;
  side: "buy" | "sell";
  partition: number;
  offset: number;
  /** Not a tick by Tidemark's rules. */
  isRefused?: boolean;
}

export interface EngineSettings {
  numbers: "decimal" | "float64" | "float32";
  /** Rows with nulls for what is refused. */
  nulls: boolean;
  repeats: "first" | "all" | "last";
  late:
    | { by: "nothing" }
    /** Spark: micro-batches of a number of records; `rows`: late by their own time (deduplication). */
    | { by: "batches"; records: number; delay: number; rows?: boolean }
    | { by: "records"; delay: number; scope: "product" | "partition"; lostAt?: number };
  /** Only windows that a watermark closed have rows. */
  append: boolean;
  /** Records before it are not read. */
  from?: number;
  ids?: "wrapped";
  /** Totals and averages in 32 bits as well, plain or compensated as pandas' groups are. */
  totals?: "plain" | "kahan";
  /** The time whose window a trade is in, if not its own. */
  placed?: (time: number) => number;
  /** What makes a trade a repeat, if not product and id. */
  same?: (trade: Trade) => string;
  ends?: "arrival";
  columns?: readonly AuditColumn[];
}

export const MINUTE = 60_000_000;
export type Cells = Partial<Record<AuditColumn, string | null>>;
export interface ForeignWindow {
  product: string;
  start: number;
  cells: Cells;
  /** Of which trades it is, by index into the input, and the batch and partition of each. */
  trades: number[];
  groups: number[];
}

const isNumber = (text: string) => /^-?\d+(\.\d+)?$/.test(text);

/** The row that the engine writes of these trades. */
export function cellsOf(
  input: readonly Trade[],
  { trades: members, groups }: Pick<ForeignWindow, "trades" | "groups">,
  settings: EngineSettings,
): Cells {
  const trades = members.map((i) => input[i]!);
  const buys = trades.filter(({ side }) => side === "buy").length;
  const sells = trades.filter(({ side }) => side === "sell").length;
  const ids = trades.map(({ id }) => (settings.ids === "wrapped" ? id | 0 : id));
  const priced = trades.filter(({ price }) => isNumber(price));
  const byTime = settings.ends === "arrival" ? priced : priced.toSorted((a, b) => a.time - b.time || a.id - b.id);
  const all: Cells = {
    trade_count: String(trades.length),
    buy_count: String(buys),
    sell_count: String(sells),
    first_trade_id: String(Math.min(...ids)),
    last_trade_id: String(Math.max(...ids)),
    buy_sell_ratio: String(buys / (sells + 0.00001)),
    market_sentiment: buys > sells * 1.2 ? "Bullish" : sells > buys * 1.2 ? "Bearish" : "Neutral",
    ...(settings.numbers === "decimal" ? decimalCells(trades, byTime) : floatCells(trades, byTime, groups, settings)),
  };
  const { columns = AUDIT_COLUMNS } = settings;
  return Object.fromEntries(columns.filter((name) => name in all).map((name) => [name, all[name]!]));
}

/** Prices of two places and sizes of eight, as bigints of cents and 10^-8. */
function decimalCells(trades: Trade[], byTime: Trade[]): Cells {
  const units = (text: string, places: number) => {
    const [whole, fraction = ""] = text.split(".");
    return BigInt(whole! + fraction.padEnd(places, "0"));
  };
  const text = (value: bigint, places: number) => {
    const digits = String(value < 0n ? -value : value).padStart(places + 1, "0");
    return `${value < 0n ? "-" : ""}${digits.slice(0, -places)}.${digits.slice(-places)}`;
  };
  const cents = byTime.map(({ price }) => units(price, 2));
  const sum = cents.reduce((a, b) => a + b, 0n);
  const sorted = cents.toSorted((a, b) => Number(a - b));
  const [low, high] = [sorted[0]!, sorted.at(-1)!];
  const volume = trades.reduce((a, { size }) => a + units(size, 8), 0n);
  const notional = byTime.reduce((a, { price, size }) => a + units(price, 2) * units(size, 8), 0n);
  // Half up at six places, as Spark's avg of DECIMAL(p, 2).
  const n = BigInt(cents.length);
  const average = (sum * 10_000n * 2n + n) / (2n * n);
  return {
    avg_price: text(average, 6),
    max_price: text(high, 2),
    min_price: text(low, 2),
    price_range: text(high - low, 2),
    price_sum: text(sum, 2),
    total_volume: text(volume, 8),
    notional: text(notional, 10),
    open_price: byTime[0]!.price,
    close_price: byTime.at(-1)!.price,
    volatility_flag: high - low > 5_000n ? "High" : "Normal",
    volume_spike: volume > 10_000_000_000n ? "Spike" : "Normal",
  };
}

function floatCells(
  trades: Trade[],
  byTime: Trade[],
  groups: number[],
  { numbers, late, totals }: EngineSettings,
): Cells {
  const cast = (text: string) => (numbers === "float32" ? Math.fround(Number(text)) : Number(text));
  const shown = (value: number, narrow = numbers === "float32") => (narrow ? shortest(value) : String(value));
  const prices = byTime.map(({ price }) => cast(price));
  const [low, high] = [Math.min(...prices), Math.max(...prices)];
  const range = numbers === "float32" ? Math.fround(high - low) : high - low;
  const sum = (values: number[]) => {
    if (totals !== undefined) return total32(values, totals);
    if (late.by !== "batches") return values.reduce((a, b) => (Number.isNaN(b) ? a : a + b), 0);
    const partials = new Map<number, number>();
    for (const [at, value] of values.entries())
      if (!Number.isNaN(value)) partials.set(groups[at]!, (partials.get(groups[at]!) ?? 0) + value);
    const byBatch = Map.groupBy([...partials], ([group]) => Math.floor(group / 16));
    let state = 0;
    for (const [, parts] of [...byBatch].sort(([a], [b]) => a - b))
      state += parts.toSorted(([a], [b]) => a - b).reduce((a, [, b]) => a + b, 0);
    return state;
  };
  const numbersOf = (field: "price" | "size") =>
    trades.map((one) => (isNumber(one[field]) ? cast(one[field]) : Number.NaN));
  const total = sum(numbersOf("price"));
  const volume = sum(numbersOf("size"));
  const whole = (value: number) => (totals === undefined ? String(value) : shortest(Math.fround(value)));
  return {
    avg_price: whole(total / prices.length),
    max_price: shown(high),
    min_price: shown(low),
    price_range: shown(range),
    price_sum: whole(total),
    total_volume: whole(volume),
    open_price: shown(prices[0]!),
    close_price: shown(prices.at(-1)!),
    volatility_flag: range > 50 ? "High" : "Normal",
    volume_spike: volume > 100 ? "Spike" : "Normal",
  };
}

/** A total in cells of 32 bits; `carry` stays 0 in a plain one. */
function total32(values: number[], totals: "plain" | "kahan"): number {
  const [TOTAL, CARRY, PART, NEXT] = [0, 1, 2, 3];
  const cells = new Float32Array(4);
  for (const value of values.filter((one) => !Number.isNaN(one))) {
    cells[PART] = value - cells[CARRY]!;
    cells[NEXT] = cells[TOTAL]! + cells[PART]!;
    cells[CARRY] = cells[NEXT]! - cells[TOTAL]!;
    cells[CARRY] = totals === "plain" ? 0 : cells[CARRY]! - cells[PART]!;
    cells[TOTAL] = cells[NEXT]!;
  }
  return cells[TOTAL]!;
}

/** The shortest text that is this 32-bit float, as Java writes it. */
function shortest(value: number): string {
  for (let digits = 1; digits < 10; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === value) return text;
  }
  return String(value);
}
