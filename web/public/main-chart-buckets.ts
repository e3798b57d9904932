/** Windows summed to what a few pixels can show: candles, volumes, late ticks and outcomes. */
import type { Bar, Outcome } from "../../scripts/contract/page-events.ts";
import { indexAt, isOpen, outcomeOf, type Row } from "./main-chart-store.ts";
import type { View } from "./main-chart-view.ts";

/** One pipeline's windows of a bucket, as one candle. */
export interface Candle {
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  trades: number;
  vwap: number | null;
}

export interface Bucket {
  from_s: number;
  to_s: number;
  /** How many windows it has, and the start of the first and of the one that its outcome is of. */
  windows: number;
  first_s: number;
  worst_s: number;
  /** How many windows each pipeline has: one that lacks some of the other's has no candle. */
  has: { stream: number; batch: number };
  stream: Candle | null;
  batch: Candle | null;
  late: number;
  is_open: boolean;
  outcome: Outcome;
  /** Windows by outcome. */
  outcomes: Partial<Record<Outcome, number>>;
}

/** A candle, its wick and a gap. */
const PIXELS_MIN = 4;
/** Windows per bucket: with windows of a second, a minute or an hour these are times that people use. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
/** A bucket shows the first of these that one of its windows has. */
const WORST: Outcome[] = ["unexplained", "explained", "unread", "history", "pending", "open", "equal"];

/** Windows per bucket, so that each bucket has at least PIXELS_MIN. */
export function stepOf({ from_s, to_s }: View, every_s: number, width_px: number): number {
  const pixels = (width_px * every_s) / (to_s - from_s);
  return STEPS.find((step) => step * pixels >= PIXELS_MIN) ?? Math.ceil(PIXELS_MIN / pixels);
}

/** The view's windows in buckets of `step`, on a grid that does not move with the view. */
export function bucketsOf(rows: readonly Row[], view: View, sizes: { every_s: number; size_s: number }, step: number) {
  const width = sizes.every_s * step;
  const found: Bucket[] = [];
  let bucket: Bucket | undefined;
  for (let i = indexAt(rows, Math.floor(view.from_s / width) * width); i < rows.length; i++) {
    const row = rows[i]!;
    if (row.start_s >= view.to_s) break;
    const from_s = step === 1 ? row.start_s : Math.floor(row.start_s / width) * width;
    if (bucket === undefined || bucket.from_s !== from_s) {
      // Windows that hop would hide each other: each is drawn up to the next one's start.
      bucket = emptyBucket(from_s, from_s + (step === 1 ? Math.min(sizes.size_s, sizes.every_s) : width), row);
      found.push(bucket);
    }
    take(bucket, row);
  }
  for (const one of found) keepComparable(one);
  return found;
}

function emptyBucket(from_s: number, to_s: number, row: Row): Bucket {
  return {
    from_s,
    to_s,
    windows: 0,
    first_s: row.start_s,
    worst_s: row.start_s,
    has: { stream: 0, batch: 0 },
    stream: null,
    batch: null,
    late: 0,
    is_open: false,
    outcome: "equal",
    outcomes: {},
  };
}

function take(bucket: Bucket, row: Row): void {
  const outcome = outcomeOf(row);
  if (bucket.windows === 0 || WORST.indexOf(outcome) < WORST.indexOf(bucket.outcome)) {
    bucket.outcome = outcome;
    bucket.worst_s = row.start_s;
  }
  bucket.outcomes[outcome] = (bucket.outcomes[outcome] ?? 0) + 1;
  bucket.windows++;
  bucket.is_open ||= isOpen(row);
  bucket.late += Math.max(row.stream?.[9] ?? 0, row.cell?.[2] ?? 0);
  if (row.stream !== null) bucket.has.stream++;
  if (row.batch !== null) bucket.has.batch++;
  bucket.stream = sum(bucket.stream, row.stream);
  bucket.batch = sum(bucket.batch, row.batch);
}

/** Two sums are compared only if they are of the same windows. */
function keepComparable(bucket: Bucket): void {
  const { has, windows } = bucket;
  if (bucket.stream === null || bucket.batch === null) return;
  if (has.batch < windows) bucket.batch = null;
  else if (has.stream < windows) bucket.stream = null;
}

/** A candle with the next window added. Doubles: exact sums are in tables and exports. */
function sum(candle: Candle | null, bar: Bar | readonly [...Bar, number, number] | null): Candle | null {
  if (bar === null) return candle;
  const [, open, high, low, close, volume, trades, vwap] = bar;
  if (candle === null) return { open, high, low, close, volume, trades, vwap };
  const both = candle.volume + volume;
  const paid = (candle.vwap ?? 0) * candle.volume + (vwap ?? 0) * volume;
  candle.high = Math.max(candle.high, high);
  candle.low = Math.min(candle.low, low);
  candle.close = close;
  candle.vwap = both > 0 ? paid / both : (candle.vwap ?? vwap);
  candle.volume = both;
  candle.trades += trades;
  return candle;
}

/** The lowest and the highest price to be drawn, and the largest volume; null without a window. */
export function reachOf(buckets: readonly Bucket[]): { low: number; high: number; volume: number } | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  let volume = 0;
  for (const { stream, batch } of buckets)
    for (const candle of [stream, batch]) {
      if (candle === null) continue;
      low = Math.min(low, candle.low);
      high = Math.max(high, candle.high);
      volume = Math.max(volume, candle.volume);
    }
  return low > high ? null : { low, high, volume };
}
