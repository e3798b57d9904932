/** Windows of a larger size, summed exactly from the smaller ones in them, with the project's rounding. */
import { divideHalfUp, formatUnits, parseUnits } from "../../scripts/base/decimal.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import { PRICE_SCALE_MAX, SIZE_SCALE_MAX } from "../../scripts/base/limits.ts";
import type { Bar } from "../../scripts/contract/page-events.ts";
import { buySellRatio, sentiment, THRESHOLDS } from "../../scripts/contract/thresholds.ts";
import type { StoredWindow } from "../../scripts/contract/window-columns.ts";

const NOTIONAL_SCALE = PRICE_SCALE_MAX + SIZE_SCALE_MAX;
const VOLATILITY_UNITS = parseUnits(THRESHOLDS.volatility_range, PRICE_SCALE_MAX);
const SPIKE_UNITS = parseUnits(THRESHOLDS.volume_spike, SIZE_SCALE_MAX);

/** A stored window with its last revision's late ticks and the ids that are missing or unissued still. */
export type FoundWindow = StoredWindow & { late: number; missing_still: number; unissued_still: number };

/** What a bar needs of a window: exact sums as text, prices as text or rounded to be drawn. */
export interface BarPart {
  open_price: string | number;
  max_price: string | number;
  min_price: string | number;
  close_price: string | number;
  total_volume: string;
  trade_count: number;
  /** Null beyond 10^20, in the batch only. */
  notional: string | null;
}

/** A window as a bar, from all the windows in it, by start; sums are exact until they are drawn. */
export function summedBar(start_us: number, parts: readonly BarPart[]): Bar {
  const volume = sumOf(parts, "total_volume", SIZE_SCALE_MAX);
  const notionals = parts.flatMap(({ notional }) => (notional === null ? [] : [{ notional }]));
  const isKnown = notionals.length === parts.length;
  const vwap = isKnown ? averageByVolume(sumOf(notionals, "notional", NOTIONAL_SCALE), volume) : null;
  return [
    start_us / 1e6,
    Number(parts[0]!.open_price),
    // Rounding to a double keeps the order of the exact prices.
    Math.max(...parts.map(({ max_price }) => Number(max_price))),
    Math.min(...parts.map(({ min_price }) => Number(min_price))),
    Number(parts.at(-1)!.close_price),
    Number(formatUnits(volume, SIZE_SCALE_MAX)),
    parts.reduce((sum, { trade_count }) => sum + trade_count, 0),
    vwap === null ? null : Number(vwap),
  ];
}

/** Open, closed or flushed: closed once the stream has closed all that ends by the window's end. */
export function summedState(parts: readonly { final: number }[], end_us: number, closed_us: number): 0 | 1 | 2 {
  if (end_us > closed_us || parts.some(({ final }) => final === 0)) return 0;
  return parts.some(({ final }) => final === 2) ? 2 : 1;
}

const COUNTS = [
  ...(["trade_count", "buy_count", "sell_count", "skewed", "late"] as const),
  ...(["missing", "missing_still", "unissued", "unissued_still"] as const),
] as const;

/** A window as the stream would store it, from all the windows in it, by start. */
export function summedWindow(
  parts: readonly FoundWindow[],
  { start_us, size_us, closed_us }: { start_us: number; size_us: number; closed_us: number },
): FoundWindow {
  const [first, last] = [parts[0]!, parts.at(-1)!];
  const end_us = start_us + size_us;
  const total = (column: (typeof COUNTS)[number]) => parts.reduce((sum, part) => sum + part[column], 0);
  const max = exactly(parts.map(({ max_price }) => max_price)).at(-1)!;
  const min = exactly(parts.map(({ min_price }) => min_price))[0]!;
  const price = sumOf(parts, "price_sum", PRICE_SCALE_MAX);
  const volume = sumOf(parts, "total_volume", SIZE_SCALE_MAX);
  const notional = sumOf(parts, "notional", NOTIONAL_SCALE);
  const [trades, buys, sells] = [total("trade_count"), total("buy_count"), total("sell_count")];
  return {
    ...last,
    size_us,
    window_start_us: start_us,
    window_end_us: end_us,
    window_start: isoFromUs(start_us),
    window_end: isoFromUs(end_us),
    avg_price: formatUnits(divideHalfUp(price, BigInt(trades)), PRICE_SCALE_MAX),
    max_price: formatUnits(max, PRICE_SCALE_MAX),
    min_price: formatUnits(min, PRICE_SCALE_MAX),
    price_range: formatUnits(max - min, PRICE_SCALE_MAX),
    volatility_flag: max - min > VOLATILITY_UNITS ? "High" : "Normal",
    total_volume: formatUnits(volume, SIZE_SCALE_MAX),
    trade_count: trades,
    buy_sell_ratio: buySellRatio(buys, sells),
    market_sentiment: sentiment(buys, sells),
    volume_spike: volume > SPIKE_UNITS ? "Spike" : "Normal",
    buy_count: buys,
    sell_count: sells,
    open_price: first.open_price,
    price_sum: formatUnits(price, PRICE_SCALE_MAX),
    notional: formatUnits(notional, NOTIONAL_SCALE),
    vwap: averageByVolume(notional, volume),
    first_trade_id: Math.min(...parts.map((part) => part.first_trade_id)),
    last_trade_id: Math.max(...parts.map((part) => part.last_trade_id)),
    missing: total("missing"),
    missing_still: total("missing_still"),
    unissued: total("unissued"),
    unissued_still: total("unissued_still"),
    skewed: total("skewed"),
    late: total("late"),
    final: summedState(parts, end_us, closed_us),
    updated_at: Math.max(...parts.map((part) => part.updated_at)),
    change_id: Math.max(...parts.map((part) => part.change_id)),
  };
}

/** Prices in units of ten digits, from the lowest. */
function exactly(prices: readonly string[]): bigint[] {
  return prices.map((price) => parseUnits(price, PRICE_SCALE_MAX)).sort((a, b) => (a < b ? -1 : 1));
}

/** The sum of a column's exact decimals, in units of `scale` digits. */
function sumOf<K extends string>(parts: readonly Record<K, string>[], column: K, scale: number): bigint {
  return parts.reduce((sum, part) => sum + parseUnits(part[column], scale), 0n);
}

/** Half up to ten decimals (docs/semantics.md "Exact arithmetic"); null without volume. */
function averageByVolume(notional: bigint, volume: bigint): string | null {
  return volume === 0n ? null : formatUnits(divideHalfUp(notional, volume), PRICE_SCALE_MAX);
}
