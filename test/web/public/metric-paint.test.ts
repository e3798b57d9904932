/** The paths of a metric's candles. */
import { afterEach, expect, test } from "bun:test";
import type uPlot from "uplot";
import { candlePaths } from "../../../web/public/metric-paint.ts";

/** The browser's, of which only the rectangles count here. */
class Rectangles {
  readonly tops: number[] = [];
  moveTo(): void {}
  lineTo(): void {}
  rect(_left: number, top: number): void {
    this.tops.push(top);
  }
}
const original = globalThis.Path2D;
afterEach(() => {
  globalThis.Path2D = original;
});

test("candles that rise or stay are filled and those that fall hollow, as in the main chart", () => {
  globalThis.Path2D = Rectangles as unknown as typeof Path2D;
  const data = [
    [0, 60, 120],
    [10, 20, 30],
    [15, 25, 35],
    [5, 15, 25],
    [12, 18, 30],
  ];
  const plot = { data, valToPos: (value: number) => -value } as unknown as uPlot;
  const layout = { xs: data[0], step: 60 } as unknown as Parameters<typeof candlePaths>[1];
  const { stroke, fill } = candlePaths(plot, layout, [0, 2]) as unknown as Record<"stroke" | "fill", Rectangles>;
  expect(stroke.tops).toEqual([-12, -20, -30]);
  expect(fill.tops).toEqual([-12, -30]);
});
