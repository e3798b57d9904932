/** Paints the main chart: candles, volumes, late ticks, outages, runs and the batch's horizon. */
import type uPlot from "uplot";
import type { OutageSpan, RunMark } from "../../scripts/contract/page-events.ts";
import { colour, font } from "./chart-colours.ts";
import type { Bucket, Candle } from "./main-chart-buckets.ts";

export interface Scene {
  buckets: readonly Bucket[];
  outages: readonly OutageSpan[];
  runs: readonly RunMark[];
  horizon_s: number | null;
  /** The largest volume in view. */
  volume_max: number;
}

/** Parts of the plot's height: prices above, volumes below, a gap between. */
export const PRICE_SHARE = 0.74;
const VOLUME_SHARE = 0.18;
/** Part of a bucket's width that its candle takes, and its largest width in CSS pixels. */
const BODY = 0.68;
const BODY_MAX = 26;

/** Where things are on the canvas, in its pixels. */
interface Ground {
  context: CanvasRenderingContext2D;
  ratio: number;
  left: number;
  top: number;
  width: number;
  height: number;
  x(at_s: number): number;
  y(price: number): number;
}

export function groundOf(plot: uPlot, ratio: number): Ground {
  const { left, top, width, height } = plot.bbox;
  const { min: x0 = 0, max: x1 = 1 } = plot.scales.x!;
  const { min: y0 = 0, max: y1 = 1 } = plot.scales.y!;
  return {
    context: plot.ctx,
    ratio,
    left,
    top,
    width,
    height,
    x: (at_s) => left + ((at_s - x0) / (x1 - x0)) * width,
    y: (price) => top + ((y1 - price) / (y1 - y0)) * height,
  };
}

/** Below the candles: where no feed was, and what only the stream has. */
export function paintBack(ground: Ground, { outages, horizon_s }: Scene): void {
  const { context, left, top, width, height, ratio, x } = ground;
  within(ground, () => {
    for (const [from_s, to_s] of outages) {
      const from = x(from_s);
      const to = Math.max(x(to_s), from + 2 * ratio);
      if (to < left || from > left + width) continue;
      context.fillStyle = colour("--muted", 0.1);
      context.fillRect(from, top, to - from, height);
      hatch(ground, Math.max(from, left), Math.min(to, left + width));
    }
    if (horizon_s === null) return;
    const edge = Math.max(left, x(horizon_s));
    context.fillStyle = colour("--stream", 0.07);
    context.fillRect(edge, top, Math.max(0, left + width - edge), height);
  });
}

function hatch({ context, top, height, ratio }: Ground, from: number, to: number): void {
  context.save();
  context.beginPath();
  context.rect(from, top, to - from, height);
  context.clip();
  context.strokeStyle = colour("--muted", 0.45);
  context.lineWidth = ratio;
  context.beginPath();
  const gap = 9 * ratio;
  // On a grid of the whole chart: the hatch of two outages is one.
  for (let at = Math.floor((from - height) / gap) * gap; at < to; at += gap) {
    context.moveTo(at, top + height);
    context.lineTo(at + height, top);
  }
  context.stroke();
  context.restore();
}

export function paintFront(ground: Ground, scene: Scene): void {
  within(ground, () => {
    for (const bucket of scene.buckets) {
      paintVolume(ground, bucket, scene.volume_max);
      paintPrice(ground, bucket);
    }
    paintRuns(ground, scene.runs);
    paintHorizon(ground, scene.horizon_s);
  });
  const { context, ratio, left, top, height } = ground;
  context.fillStyle = colour("--muted");
  context.font = font(12 * ratio);
  context.textAlign = "right";
  context.textBaseline = "middle";
  const right = left - 8 * ratio;
  context.fillText("volume", right, top + height * (1 - VOLUME_SHARE / 2));
  if (scene.volume_max === 0) return;
  context.textBaseline = "top";
  context.fillText(short(scene.volume_max), right, top + height * (1 - VOLUME_SHARE));
}

/** Three digits are enough beside a bar. */
function short(volume: number): string {
  return volume.toLocaleString("en", { maximumSignificantDigits: 3 });
}

function paintPrice(ground: Ground, bucket: Bucket): void {
  const { context, ratio, y } = ground;
  const { stream, batch } = bucket;
  const [from, width] = bodyOf(ground, bucket);
  if (stream !== null) candle(ground, bucket, stream, "--stream");
  else if (batch !== null) candle(ground, bucket, batch, "--batch");
  if (stream !== null && batch?.vwap != null) {
    const at = Math.round(y(batch.vwap));
    const tick = Math.max(1, Math.round(2 * ratio));
    const reach = width < 5 * ratio ? 0 : 2 * ratio;
    context.fillStyle = colour("--panel");
    if (width >= 5 * ratio) context.fillRect(from - reach, at - tick, width + 2 * reach, 2 * tick);
    context.fillStyle = colour("--batch");
    context.fillRect(from - reach, at - Math.floor(tick / 2), width + 2 * reach, tick);
  }
  const shown = stream ?? batch;
  if (bucket.late > 0 && shown !== null) late(ground, from + width / 2, y(shown.low), bucket.late, width);
}

/** Left edge and width of a candle: from a window's start to its end, not around its start. */
function bodyOf({ x, ratio }: Ground, { from_s, to_s }: Bucket): [from: number, width: number] {
  const [left, right] = [x(from_s), x(to_s)];
  const width = Math.max(1, Math.min(BODY_MAX * ratio, Math.round((right - left) * BODY)));
  return [Math.round((left + right - width) / 2), width];
}

/** Up is filled, down is hollow, open is dashed: three signs in one colour, which names the pipeline. */
function candle(ground: Ground, bucket: Bucket, { open, high, low, close }: Candle, name: string): void {
  const { context, ratio, y } = ground;
  const [from, width] = bodyOf(ground, bucket);
  const line = Math.max(1, Math.round(1.25 * ratio));
  const middle = Math.round(from + width / 2 - line / 2);
  const top = Math.round(y(Math.max(open, close)));
  const height = Math.max(line, Math.round(y(Math.min(open, close))) - top);
  context.fillStyle = colour(name);
  context.fillRect(middle, Math.round(y(high)), line, Math.max(1, top - Math.round(y(high))));
  context.fillRect(middle, top + height, line, Math.max(1, Math.round(y(low)) - top - height));
  const isWide = width >= 3 * line;
  if (!bucket.is_open && (close >= open || !isWide || height <= 2 * line)) {
    context.globalAlpha = close >= open || isWide ? 1 : 0.55;
    context.fillRect(from, top, width, height);
    context.globalAlpha = 1;
    return;
  }
  context.fillStyle = colour("--panel");
  context.fillRect(from, top, width, height);
  context.strokeStyle = colour(name);
  context.lineWidth = line;
  context.setLineDash(bucket.is_open ? [3 * ratio, 2 * ratio] : []);
  context.strokeRect(from + line / 2, top + line / 2, Math.max(0, width - line), Math.max(0, height - line));
  context.setLineDash([]);
}

function late(
  { context, ratio, top, height }: Ground,
  middle: number,
  low: number,
  count: number,
  width: number,
): void {
  const size = Math.min(5 * ratio, Math.max(2.5 * ratio, width / 2));
  const tip = Math.min(low + 5 * ratio, top + height * PRICE_SHARE + 6 * ratio);
  context.fillStyle = colour("--fourth");
  context.beginPath();
  context.moveTo(middle, tip);
  context.lineTo(middle - size, tip + 1.6 * size);
  context.lineTo(middle + size, tip + 1.6 * size);
  context.fill();
  if (count < 2 || width < 9 * ratio) return;
  context.font = font(11 * ratio);
  context.textAlign = "center";
  context.textBaseline = "top";
  context.fillText(String(count), middle, tip + 1.6 * size + 2 * ratio);
}

function paintVolume(ground: Ground, bucket: Bucket, volume_max: number): void {
  const { context, ratio, top, height } = ground;
  const [from, width] = bodyOf(ground, bucket);
  const bottom = top + height;
  const size = (volume: number) => (volume_max > 0 ? (volume / volume_max) * height * VOLUME_SHARE : 0);
  const { stream, batch } = bucket;
  if (stream !== null) {
    const tall = Math.max(1, size(stream.volume));
    context.fillStyle = colour("--stream", bucket.is_open ? 0.25 : 0.6);
    context.fillRect(from, bottom - tall, width, tall);
  }
  if (batch === null) return;
  const tall = size(batch.volume);
  context.fillStyle = stream === null ? colour("--batch", 0.5) : colour("--batch");
  const cap = Math.max(1, Math.round(2 * ratio));
  context.fillRect(from, bottom - tall - cap, width, stream === null ? tall + cap : cap);
}

/** A notch at the top edge for each event time that a run has reached; one per few pixels. */
function paintRuns({ context, ratio, left, width, top, x }: Ground, runs: readonly RunMark[]): void {
  context.fillStyle = colour("--batch");
  let free = left;
  for (const [, , newest_s] of runs) {
    const at = Math.round(x(newest_s));
    if (at < free || at > left + width) continue;
    free = at + 4 * ratio;
    context.beginPath();
    context.moveTo(at - 3 * ratio, top);
    context.lineTo(at + 3 * ratio, top);
    context.lineTo(at, top + 6 * ratio);
    context.fill();
  }
}

function paintHorizon({ context, ratio, left, width, top, height, x }: Ground, horizon_s: number | null): void {
  if (horizon_s === null) return;
  const at = Math.round(x(horizon_s));
  if (at < left || at > left + width) return;
  context.strokeStyle = colour("--batch");
  context.lineWidth = Math.max(1, Math.round(2 * ratio));
  context.setLineDash([5 * ratio, 4 * ratio]);
  context.beginPath();
  context.moveTo(at, top);
  context.lineTo(at, top + height);
  context.stroke();
  context.setLineDash([]);
}

function within({ context, left, top, width, height }: Ground, paint: () => void): void {
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  paint();
  context.restore();
}
