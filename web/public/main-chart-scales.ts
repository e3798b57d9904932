/** uPlot's options of the main chart: axes of time and price, and room for volumes and the ribbon. */
import type uPlot from "uplot";
import { timeTicks, valueLabels, valueTicks } from "./chart-axis.ts";
import { axisLook, axisWidth, insideOf } from "./chart-frame.ts";
import type { Bucket } from "./main-chart-buckets.ts";
import { BAND, Labels } from "./main-chart-labels.ts";
import { PRICE_SHARE } from "./main-chart-paint.ts";
import type { View } from "./main-chart-view.ts";
import { RIBBON_HEIGHT, RIBBON_TOP } from "./ribbon.ts";

/** What the scales depend on at each drawing. */
interface Scaled {
  view(): View;
  /** Lowest and highest price in view; null without a window. */
  reach(): { low: number; high: number } | null;
  zone(): string;
  back(plot: uPlot): void;
  front(plot: uPlot): void;
}

/** Of the window: the first screen has tiles, the chart, lanes, and below them the bar of problems. */
const HEIGHT_SHARE = 0.375;
const HEIGHT = { least: 300, most: 620, narrow: 330 };
/** CSS pixels between labels. */
const TIME_SPACE = 76;
const PRICE_SPACE = 34;

export function optionsOf(scaled: Scaled): Omit<uPlot.Options, "width" | "height"> {
  let labels = new Map<number, string>();
  return {
    padding: [(plot) => (Labels.isNarrow(plot.width) ? BAND.narrow : BAND.wide), 26, 0, 0],
    scales: {
      x: { time: false, range: () => [scaled.view().from_s, scaled.view().to_s] },
      y: { range: () => priceRange(scaled.reach()) },
    },
    series: [{}, { scale: "y", paths: () => null, points: { show: false } }],
    cursor: { drag: { x: false, y: false, setScale: false }, points: { show: false } },
    axes: [
      {
        ...axisLook(),
        grid: { show: false },
        ticks: { show: false },
        gap: RIBBON_TOP + RIBBON_HEIGHT + 8,
        size: RIBBON_TOP + RIBBON_HEIGHT + 27,
        splits: (plot) => {
          const { from_s, to_s } = scaled.view();
          const most = Math.max(3, Math.floor(insideOf(plot).width / TIME_SPACE));
          const ticks = timeTicks(from_s, to_s, most, scaled.zone());
          labels = new Map(ticks.map(({ at_s, label }) => [at_s, label]));
          return ticks.map(({ at_s }) => at_s);
        },
        values: (_plot, splits) => splits.map((at_s) => labels.get(at_s) ?? ""),
      },
      {
        ...axisLook(),
        ticks: { show: false },
        size: (_plot, texts) => axisWidth([...(texts ?? []), "volume"]),
        splits: (plot) => {
          const reach = scaled.reach();
          if (reach === null) return [];
          const height = Math.max(60, insideOf(plot).height * PRICE_SHARE);
          const [low, high] = padded(reach);
          return valueTicks(low, high, height / PRICE_SPACE);
        },
        values: (_plot, splits) => valueLabels(splits),
      },
    ],
    hooks: { drawClear: [scaled.back], draw: [scaled.front] },
  };
}

/** What the crosshair finds: the middle of each bucket. */
export function dataOf(buckets: readonly Bucket[], { from_s, to_s }: View): uPlot.AlignedData {
  // Without a value uPlot would have no scale.
  if (buckets.length === 0)
    return [
      [from_s, to_s],
      [null, null],
    ];
  const xs = buckets.map((bucket) => (bucket.from_s + bucket.to_s) / 2);
  return [xs, buckets.map(({ stream, batch }) => (stream ?? batch)?.close ?? null)];
}

/** Room around the prices: also where they are all the same. */
function padded({ low, high }: { low: number; high: number }): [low: number, high: number] {
  const size = Math.max(Math.abs(low), Math.abs(high)) || 1;
  const room = Math.max((high - low) * 0.08, size * 1e-7);
  return [low - room, high + room];
}

/** Prices have the upper part of the plot. */
function priceRange(reach: { low: number; high: number } | null): [number, number] {
  if (reach === null) return [0, 1];
  const [low, high] = padded(reach);
  return [high - (high - low) / PRICE_SHARE, high];
}

/** The plot and its axes, in CSS pixels. */
export function heightOf(width: number): number {
  if (Labels.isNarrow(width)) return HEIGHT.narrow;
  return Math.round(Math.min(HEIGHT.most, Math.max(HEIGHT.least, innerHeight * HEIGHT_SHARE)));
}
