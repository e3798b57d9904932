/** Paths of a metric's bars and candles: each within the window that begins at its x. */
import type uPlot from "uplot";
import { type Layout, slotOf } from "./chart-layout.ts";

/** Places of the first and the last drawn x. */
type Span = [from: number, to: number];

/** Below this many pixels per bar all are one outline: each would hide its neighbours. */
const BAR_PX_MIN = 2;

/** Whether `count` bars at one x are too narrow to be distinguished. */
export function isNarrow(plot: uPlot, { step }: Layout, count: number): boolean {
  const { min, max } = plot.scales.x ?? {};
  const width = plot.over.clientWidth * (step / ((max ?? 1) - (min ?? 0)));
  return width < BAR_PX_MIN * count + 1;
}

/** Bars of one series; `place`: which one at each x, and of how many. */
export function barPaths(
  plot: uPlot,
  layout: Layout,
  { series, span: [from, to], place: [i, count] }: { series: number; span: Span; place: [number, number] },
): uPlot.Series.Paths {
  const { xs } = layout;
  const values = plot.data[series]!;
  const scale = plot.series[series]!.scale ?? "y";
  const zero = plot.valToPos(0, scale, true);
  const path = new Path2D();
  const together = isNarrow(plot, layout, count);
  for (let at = Math.max(0, from - 1); at <= Math.min(xs.length - 1, to + 1); at++) {
    const value = values[at];
    if (value == null) continue;
    const slot = slotOf(layout, xs[at]!, together ? 0 : i, together ? 1 : count);
    const [left, right] = slot.map((x) => plot.valToPos(x, "x", true)) as Span;
    const top = plot.valToPos(value, scale, true);
    path.rect(left, Math.min(top, zero), Math.max(1, right - left), Math.abs(zero - top));
  }
  return { stroke: path, fill: path };
}

/** Rising candles are filled, falling ones hollow: as in the main chart. */
export function candlePaths(plot: uPlot, layout: Layout, [from, to]: Span): uPlot.Series.Paths {
  const { xs } = layout;
  const [open, high, low, close] = plot.data.slice(1);
  const [stroke, fill] = [new Path2D(), new Path2D()];
  const y = (value: number) => plot.valToPos(value, "y", true);
  for (let at = Math.max(0, from - 1); at <= Math.min(xs.length - 1, to + 1); at++) {
    const [o, h, l, c] = [open?.[at], high?.[at], low?.[at], close?.[at]];
    if (o == null || h == null || l == null || c == null) continue;
    const [left, right] = slotOf(layout, xs[at]!, 0, 1).map((x) => plot.valToPos(x, "x", true)) as Span;
    const middle = (left + right) / 2;
    const [top, bottom] = [y(Math.max(o, c)), y(Math.min(o, c))];
    const body = [left, top, Math.max(1, right - left), Math.max(1, bottom - top)] as const;
    stroke.moveTo(middle, y(h));
    stroke.lineTo(middle, top);
    stroke.moveTo(middle, bottom);
    stroke.lineTo(middle, y(l));
    stroke.rect(...body);
    if (c >= o) fill.rect(...body);
  }
  return { stroke, fill };
}
