/** The batch's windows as the main chart draws them, as of the newest run's stored results. */
import { usFromIso } from "../../scripts/base/iso.ts";
import type { Bar } from "../../scripts/contract/page-events.ts";
import { type MetricResult, type Row, SAME_QUESTION } from "../../scripts/contract/results.ts";
import { type BarPart, summedBar } from "./derived-windows.ts";
import { everyUs, MINUTE_US, type Selection } from "./selection.ts";
import type { Sources } from "./sources.ts";

/** The batch's answer for a selection. */
interface BatchBars {
  /** By start. */
  bars: readonly Bar[];
  /** Windows that start before it are in the archive only, microseconds; null: none are. */
  older_before_us: number | null;
}

const NONE: BatchBars = { bars: [], older_before_us: null };

type Minute = BarPart & { window_start_us: number; vwap: string | null };

/**
 * Whether the batch's minutes are the selection's windows, or fill them: it computes tumbling minutes
 * only.
 */
export function isOfMinutes(sources: Sources, { size }: Selection): boolean {
  return size.us % MINUTE_US === 0 && everyUs(sources, size.us) === size.us;
}

/** Computed once per selection and run. */
export function batchBars(sources: Sources, selection: Selection): BatchBars {
  if (!isOfMinutes(sources, selection)) return NONE;
  const { product, size } = selection;
  return sources.metrics.once(`bars ${size.us} ${product}`, () => {
    const result = sources.metrics.get(SAME_QUESTION);
    if (result === null) return NONE;
    const older_before_us = olderBefore(result, size.us);
    const minutes = sources.metrics.once(`minutes ${product}`, () => minutesOf(result, product));
    const whole = minutes.filter(
      ({ window_start_us }) => window_start_us >= (older_before_us ?? Number.MIN_SAFE_INTEGER),
    );
    return { bars: barsOf(size.us, whole), older_before_us };
  });
}

/** Bars of a size that is whole minutes, from the minutes by start. */
function barsOf(size_us: number, minutes: readonly Minute[]): Bar[] {
  if (size_us === MINUTE_US) return minutes.map(barOf);
  const windows = Map.groupBy(minutes, ({ window_start_us }) => Math.floor(window_start_us / size_us) * size_us);
  return [...windows].map(([start_us, parts]) => summedBar(start_us, parts));
}

/** Rows of whole windows, newest first, with the metric's columns, as bars by start. */
export function barsOfRows(rows: readonly Row[]): Bar[] {
  return rows.flatMap(minuteOf).reverse().map(barOf);
}

/** A cut result may lack rows of its oldest minute, and so of the window that this is in. */
function olderBefore({ rows, truncated }: MetricResult, size_us: number): number | null {
  if (!truncated) return null;
  const oldest = rows.reduce((least, { window_start }) => {
    const start = String(window_start);
    return least === "" || start < least ? start : least;
  }, "");
  const oldest_us = usFromIso(oldest);
  return oldest_us === null ? null : (Math.floor(oldest_us / size_us) + 1) * size_us;
}

/** Newest first in the result. */
function minutesOf({ rows }: MetricResult, product: string): Minute[] {
  const own = rows.filter((row) => row.product_id === product);
  return own.flatMap(minuteOf).sort((a, b) => a.window_start_us - b.window_start_us);
}

/** [] for a row without the metric's columns: its file may have been edited. */
function minuteOf(row: Row): Minute[] {
  const { window_start, open_price, max_price, min_price, close_price, total_volume, notional, trade_count } = row;
  const texts = { open_price, max_price, min_price, close_price, total_volume };
  const window_start_us = usFromIso(String(window_start));
  if (window_start_us === null || !isDecimals(texts)) return [];
  const [vwap, sum] = [row.vwap, notional].map((value) => (isDecimal(value) ? value : null));
  return [{ ...texts, window_start_us, trade_count: Number(trade_count), vwap: vwap ?? null, notional: sum ?? null }];
}

function isDecimals<K extends string>(texts: Record<K, unknown>): texts is Record<K, string> {
  return Object.values(texts).every(isDecimal);
}

function isDecimal(value: unknown): value is string {
  return typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value);
}

function barOf(row: Minute): Bar {
  return [
    row.window_start_us / 1e6,
    Number(row.open_price),
    Number(row.max_price),
    Number(row.min_price),
    Number(row.close_price),
    Number(row.total_volume),
    row.trade_count,
    row.vwap === null ? null : Number(row.vwap),
  ];
}
