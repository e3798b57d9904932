/** One window's exact sums: safe integers, moved to bigints before a digit could be lost. */

import { divideHalfUp, formatDecimal, formatUnits, POW10, parseUnits, pow10 } from "../base/decimal.ts";
import { isoFromUs } from "../base/iso.ts";
import { PRICE_SCALE_MAX, SIZE_SCALE_MAX } from "../base/limits.ts";
import { buySellRatio, sentiment, THRESHOLDS } from "../contract/thresholds.ts";
import type { Mantissa, Position, Tick } from "../contract/tick.ts";
import type { WindowRow } from "../contract/window.ts";

const NOTIONAL_SCALE = PRICE_SCALE_MAX + SIZE_SCALE_MAX;
const VOLATILITY_UNITS = parseUnits(THRESHOLDS.volatility_range, PRICE_SCALE_MAX);
const SPIKE_UNITS = parseUnits(THRESHOLDS.volume_spike, SIZE_SCALE_MAX);

/** One window's state. `*_sum` have the window's scales, `wide_*` the archive's (10, 8, 18). */
export interface Window {
  product_id: string;
  size_us: number;
  start_us: number;
  count: number;
  buys: number;
  price_scale: number;
  size_scale: number;
  price_sum: number;
  volume_sum: number;
  notional_sum: number;
  wide_price: bigint;
  wide_volume: bigint;
  wide_notional: bigint;
  min: Mantissa;
  min_scale: number;
  max: Mantissa;
  max_scale: number;
  open: Mantissa;
  open_scale: number;
  open_time_us: number;
  open_trade_id: number;
  close: Mantissa;
  close_scale: number;
  close_time_us: number;
  close_trade_id: number;
  first_trade_id: number;
  last_trade_id: number;
  after_trade_id: number;
  missing: number;
  skewed: number;
  revision: number;
  final: 0 | 1 | 2;
  closed_partition: number | null;
  closed_offset: number | null;
  received_us: number;
  unissued: number;
  opened_partition: number | null;
  opened_offset: number | null;
}

/** A window without ticks; its certificate counts from after `after_trade_id`. */
export function emptyWindow(product_id: string, size_us: number, start_us: number, after_trade_id: number): Window {
  return {
    product_id,
    size_us,
    start_us,
    count: 0,
    buys: 0,
    price_scale: 0,
    size_scale: 0,
    price_sum: 0,
    volume_sum: 0,
    notional_sum: 0,
    wide_price: 0n,
    wide_volume: 0n,
    wide_notional: 0n,
    min: 0,
    min_scale: 0,
    max: 0,
    max_scale: 0,
    open: 0,
    open_scale: 0,
    open_time_us: Number.MAX_SAFE_INTEGER,
    open_trade_id: 0,
    close: 0,
    close_scale: 0,
    close_time_us: Number.MIN_SAFE_INTEGER,
    close_trade_id: 0,
    first_trade_id: Number.MAX_SAFE_INTEGER,
    last_trade_id: -1,
    after_trade_id,
    missing: 0,
    skewed: 0,
    revision: 0,
    final: 0,
    closed_partition: null,
    closed_offset: null,
    received_us: 0,
    unissued: 0,
    opened_partition: null,
    opened_offset: null,
  };
}

/** Adds one tick, which is in the log at `at`. */
export function addTick(w: Window, tick: Tick, at: Position): void {
  const { price_mantissa: price, price_scale, size_mantissa: size, size_scale, time_us, trade_id } = tick;
  addSums(w, price, price_scale, size, size_scale);
  if (w.count === 0 || compare(price, price_scale, w.min, w.min_scale) < 0) {
    w.min = price;
    w.min_scale = price_scale;
  }
  if (w.count === 0 || compare(price, price_scale, w.max, w.max_scale) > 0) {
    w.max = price;
    w.max_scale = price_scale;
  }
  if (time_us < w.open_time_us || (time_us === w.open_time_us && trade_id < w.open_trade_id)) {
    w.open = price;
    w.open_scale = price_scale;
    w.open_time_us = time_us;
    w.open_trade_id = trade_id;
  }
  if (time_us > w.close_time_us || (time_us === w.close_time_us && trade_id > w.close_trade_id)) {
    w.close = price;
    w.close_scale = price_scale;
    w.close_time_us = time_us;
    w.close_trade_id = trade_id;
  }
  if (w.count === 0) {
    w.opened_partition = at.partition;
    w.opened_offset = at.offset;
  }
  w.count++;
  if (tick.side === "buy") w.buys++;
  if (trade_id < w.first_trade_id) w.first_trade_id = trade_id;
  if (trade_id > w.last_trade_id) w.last_trade_id = trade_id;
  if (at.appended_us > w.received_us) w.received_us = at.appended_us;
}

function addSums(w: Window, price: Mantissa, price_scale: number, size: Mantissa, size_scale: number): void {
  if (price_scale > w.price_scale || size_scale > w.size_scale) {
    widen(w);
    w.price_scale = Math.max(w.price_scale, price_scale);
    w.size_scale = Math.max(w.size_scale, size_scale);
  }
  if (typeof price === "bigint" || typeof size === "bigint") {
    addWide(w, price, price_scale, size, size_scale);
    return;
  }
  const p = price_scale === w.price_scale ? price : price * POW10[w.price_scale - price_scale]!;
  const s = size_scale === w.size_scale ? size : size * POW10[w.size_scale - size_scale]!;
  const product = p * s;
  if (p > Number.MAX_SAFE_INTEGER || s > Number.MAX_SAFE_INTEGER || product > Number.MAX_SAFE_INTEGER) {
    addWide(w, price, price_scale, size, size_scale);
    return;
  }
  if (
    w.price_sum + p > Number.MAX_SAFE_INTEGER ||
    w.volume_sum + s > Number.MAX_SAFE_INTEGER ||
    w.notional_sum + product > Number.MAX_SAFE_INTEGER
  ) {
    widen(w);
  }
  w.price_sum += p;
  w.volume_sum += s;
  w.notional_sum += product;
}

/** Moves the number sums into the bigint ones. */
function widen(w: Window): void {
  w.wide_price += BigInt(w.price_sum) * pow10(PRICE_SCALE_MAX - w.price_scale);
  w.wide_volume += BigInt(w.volume_sum) * pow10(SIZE_SCALE_MAX - w.size_scale);
  w.wide_notional += BigInt(w.notional_sum) * pow10(NOTIONAL_SCALE - w.price_scale - w.size_scale);
  w.price_sum = 0;
  w.volume_sum = 0;
  w.notional_sum = 0;
}

function addWide(w: Window, price: Mantissa, price_scale: number, size: Mantissa, size_scale: number): void {
  const p = BigInt(price) * pow10(PRICE_SCALE_MAX - price_scale);
  const s = BigInt(size) * pow10(SIZE_SCALE_MAX - size_scale);
  w.wide_price += p;
  w.wide_volume += s;
  w.wide_notional += p * s;
}

/** Compares a / 10^as with b / 10^bs exactly: negative, zero or positive. */
function compare(a: Mantissa, as: number, b: Mantissa, bs: number): number {
  if (typeof a === "number" && typeof b === "number") {
    if (as === bs) return a - b;
    const x = as < bs ? a * POW10[bs - as]! : a;
    const y = bs < as ? b * POW10[as - bs]! : b;
    if (x <= Number.MAX_SAFE_INTEGER && y <= Number.MAX_SAFE_INTEGER) return x - y;
  }
  const [wideX, wideY] = [BigInt(a) * pow10(PRICE_SCALE_MAX - as), BigInt(b) * pow10(PRICE_SCALE_MAX - bs)];
  return wideX < wideY ? -1 : wideX > wideY ? 1 : 0;
}

/**
 * The window as a row, with the columns of contract/window-columns.ts. avg_price and vwap are rounded
 * half up to ten decimals, as in the batch's SQL (docs/semantics.md "Exact arithmetic").
 */
export function toRow(w: Window): WindowRow {
  widen(w);
  const end_us = w.start_us + w.size_us;
  const min = BigInt(w.min) * pow10(PRICE_SCALE_MAX - w.min_scale);
  const max = BigInt(w.max) * pow10(PRICE_SCALE_MAX - w.max_scale);
  const sells = w.count - w.buys;
  return {
    product_id: w.product_id,
    size_us: w.size_us,
    window_start_us: w.start_us,
    window_end_us: end_us,
    window_start: isoFromUs(w.start_us),
    window_end: isoFromUs(end_us),
    avg_price: formatUnits(divideHalfUp(w.wide_price, BigInt(w.count)), PRICE_SCALE_MAX),
    max_price: formatUnits(max, PRICE_SCALE_MAX),
    min_price: formatUnits(min, PRICE_SCALE_MAX),
    price_range: formatUnits(max - min, PRICE_SCALE_MAX),
    volatility_flag: max - min > VOLATILITY_UNITS ? "High" : "Normal",
    total_volume: formatUnits(w.wide_volume, SIZE_SCALE_MAX),
    trade_count: w.count,
    buy_sell_ratio: buySellRatio(w.buys, sells),
    market_sentiment: sentiment(w.buys, sells),
    volume_spike: w.wide_volume > SPIKE_UNITS ? "Spike" : "Normal",
    buy_count: w.buys,
    sell_count: sells,
    open_price: formatDecimal(w.open, w.open_scale),
    close_price: formatDecimal(w.close, w.close_scale),
    price_sum: formatUnits(w.wide_price, PRICE_SCALE_MAX),
    notional: formatUnits(w.wide_notional, NOTIONAL_SCALE),
    vwap: w.wide_volume === 0n ? null : formatUnits(divideHalfUp(w.wide_notional, w.wide_volume), PRICE_SCALE_MAX),
    first_trade_id: w.first_trade_id,
    last_trade_id: w.last_trade_id,
    missing: w.missing,
    final: w.final,
    open_time_us: w.open_time_us,
    open_trade_id: w.open_trade_id,
    close_time_us: w.close_time_us,
    close_trade_id: w.close_trade_id,
    after_trade_id: w.after_trade_id,
    skewed: w.skewed,
    closed_partition: w.closed_partition,
    closed_offset: w.closed_offset,
    received_us: w.received_us,
    unissued: w.unissued,
    opened_partition: w.opened_partition,
    opened_offset: w.opened_offset,
  };
}

/** The state behind a row: `fromRow(toRow(w))` continues as `w`. `revision`: 0 for `windows`. */
export function fromRow(row: WindowRow, revision: number): Window {
  const min = fraction(row.min_price);
  const max = fraction(row.max_price);
  const open = fraction(row.open_price);
  const close = fraction(row.close_price);
  return {
    ...emptyWindow(row.product_id, row.size_us, row.window_start_us, row.after_trade_id),
    count: row.trade_count,
    buys: row.buy_count,
    wide_price: parseUnits(row.price_sum, PRICE_SCALE_MAX),
    wide_volume: parseUnits(row.total_volume, SIZE_SCALE_MAX),
    wide_notional: parseUnits(row.notional, NOTIONAL_SCALE),
    min: min.mantissa,
    min_scale: min.scale,
    max: max.mantissa,
    max_scale: max.scale,
    open: open.mantissa,
    open_scale: open.scale,
    open_time_us: row.open_time_us,
    open_trade_id: row.open_trade_id,
    close: close.mantissa,
    close_scale: close.scale,
    close_time_us: row.close_time_us,
    close_trade_id: row.close_trade_id,
    first_trade_id: row.first_trade_id,
    last_trade_id: row.last_trade_id,
    missing: row.missing,
    skewed: row.skewed,
    revision,
    final: row.final,
    closed_partition: row.closed_partition,
    closed_offset: row.closed_offset,
    received_us: row.received_us,
    unissued: row.unissued,
    opened_partition: row.opened_partition,
    opened_offset: row.opened_offset,
  };
}

/** A price's canonical text as mantissa and scale, as the parser returned them. */
export function fraction(text: string): { mantissa: Mantissa; scale: number } {
  const point = text.indexOf(".");
  const digits = point < 0 ? text : text.slice(0, point) + text.slice(point + 1);
  const mantissa = Number(digits);
  const scale = point < 0 ? 0 : text.length - point - 1;
  return { mantissa: Number.isSafeInteger(mantissa) ? mantissa : BigInt(digits), scale };
}
