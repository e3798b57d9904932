/** Windows of a larger size summed exactly from the smaller ones in them, with the project's rounding. */
import { divideHalfUp, formatUnits, parseUnits } from "../../scripts/base/decimal.ts";
import { PRICE_SCALE_MAX, SIZE_SCALE_MAX } from "../../scripts/base/limits.ts";
import type { Bar } from "../../scripts/contract/page-events.ts";

const NOTIONAL_SCALE = PRICE_SCALE_MAX + SIZE_SCALE_MAX;

/** What a bar needs of a window; decimals as text. */
export interface BarPart {
  open_price: string;
  max_price: string;
  min_price: string;
  close_price: string;
  total_volume: string;
  trade_count: number;
  notional: string;
}

/** A window as a bar, from all the windows in it, by start; sums are exact until they are drawn. */
export function summedBar(start_us: number, parts: readonly BarPart[]): Bar {
  const volume = sumOf(parts, "total_volume", SIZE_SCALE_MAX);
  const notional = sumOf(parts, "notional", NOTIONAL_SCALE);
  const trades = parts.reduce((sum, { trade_count }) => sum + trade_count, 0);
  const vwap = averageByVolume(notional, volume);
  return [
    start_us / 1e6,
    Number(parts[0]!.open_price),
    // Rounding to a double keeps the order of the exact prices.
    Math.max(...parts.map(({ max_price }) => Number(max_price))),
    Math.min(...parts.map(({ min_price }) => Number(min_price))),
    Number(parts.at(-1)!.close_price),
    Number(formatUnits(volume, SIZE_SCALE_MAX)),
    trades,
    vwap === null ? null : Number(vwap),
  ];
}

/** The sum of a column's exact decimals, in units of `scale` digits. */
export function sumOf<K extends string>(parts: readonly Record<K, string>[], column: K, scale: number): bigint {
  return parts.reduce((sum, part) => sum + parseUnits(part[column], scale), 0n);
}

/** Half up to ten decimals (docs/semantics.md "Exact arithmetic"); null without volume. */
export function averageByVolume(notional: bigint, volume: bigint): string | null {
  return volume === 0n ? null : formatUnits(divideHalfUp(notional, volume), PRICE_SCALE_MAX);
}
