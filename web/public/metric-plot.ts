/** One metric's plot: lines, bars or candles of a layout, in the frame that all charts share. */
import uPlot from "uplot";
import { state } from "./address.ts";
import { colour } from "./chart-colours.ts";
import type { ChartTable } from "./chart-dom.ts";
import { axisLook, axisWidth, ChartFrame, type Field } from "./chart-frame.ts";
import { clockOf, labelsOf, nameLabels, unitOf } from "./chart-labels.ts";
import { alone, type Layout, type Line, rangeOf, spread, within } from "./chart-layout.ts";
import { barPaths, candlePaths, isNarrow } from "./metric-paint.ts";
import { on } from "./page-bus.ts";

const HEIGHT = 220;
/** The batch computes metrics: its colour is the first; the stream's blue is not among them. */
const PALETTE = ["--batch", "--third", "--fourth", "--fifth", "--muted"];
/** Points are drawn while there are fewer than this. */
const POINTS_BELOW = 40;
const TABLE_ROWS_MAX = 720;
/** Place of the close among a candle's lines; volume comes after it. */
const CLOSE = 3;

export class MetricPlot {
  readonly #frame: ChartFrame;
  #layout: Layout;
  /** Values are divided by it: of prices or lines, and of a candle's volume. */
  #units: number[] = [];
  #zoomed = false;
  readonly #hasRange: boolean;

  /** Draws into `box`. `hasRange`: it shows the page's range. Throws what uPlot throws. */
  constructor(
    box: HTMLElement,
    { title, name, hasRange }: { title: string; name: string; hasRange: boolean },
    layout: Layout,
  ) {
    this.#layout = layout;
    this.#hasRange = hasRange;
    this.#frame = new ChartFrame(box, {
      name: title,
      file: `tidemark_${name}`,
      height: () => HEIGHT,
      options: this.#options(),
      fields: (index) => this.#fields(index),
      table: () => this.#table(),
      key: (event) => this.#key(event),
    });
    this.#legend();
    this.#data(true);
    this.#frame.atEnd(on("state", () => this.#moved()));
  }

  /** Newer rows; false: they need other lines or another axis, and so another plot. */
  show(layout: Layout): boolean {
    if (shapeOf(layout) !== shapeOf(this.#layout)) return false;
    this.#layout = layout;
    this.#data(false);
    return true;
  }

  destroy(): void {
    this.#frame.destroy();
  }

  /** Zoom stays; otherwise the whole range is shown. */
  #data(isFirst: boolean): void {
    const { xs, lines } = this.#layout;
    this.#units = lines.map((line) => unitOf(largestOf(this.#alike(line))));
    const columns = lines.map(({ values }, i) =>
      xs.map((x) => {
        const value = values.get(x);
        return value == null ? value : value / this.#units[i]!;
      }),
    );
    this.#frame.show([xs, ...columns], isFirst);
    const { min, max } = this.#frame.plot.scales.x ?? {};
    const isKept = this.#zoomed && min != null && max != null;
    this.#range(isKept ? [min, max] : this.#shown());
  }

  /** Lines with one scale have one unit: all but a candle's volume. */
  #alike(line: Line): Line[] {
    const { kind, lines } = this.#layout;
    if (kind !== "candle") return lines;
    const place = lines.indexOf(line);
    return place > CLOSE ? [line] : lines.slice(0, CLOSE + 1);
  }

  /** At once, so that the caller gets what uPlot throws. */
  #range([min, max]: [number, number]): void {
    const { plot } = this.#frame;
    plot.batch(() => plot.setScale("x", { min, max }));
  }

  #whole(): void {
    this.#zoomed = false;
    this.#range(this.#shown());
  }

  /** What is shown while nobody has zoomed. */
  #shown(): [number, number] {
    const { span_ms, to_ms } = state.range;
    if (!this.#hasRange || span_ms === "all") return rangeOf(this.#layout);
    return within(this.#layout, { span_s: span_ms / 1_000, to_s: to_ms === null ? null : to_ms / 1_000 });
  }

  /** The page shows another span of time, or times of another zone. */
  #moved(): void {
    if (!this.#zoomed) this.#range(this.#shown());
    this.#frame.plot.redraw(false, true);
    this.#frame.readout();
  }

  #key(event: KeyboardEvent): boolean {
    if (event.key !== "0" || !this.#zoomed) return false;
    this.#whole();
    return true;
  }

  #options(): Omit<uPlot.Options, "width" | "height" | "legend"> {
    const { kind, axis } = this.#layout;
    const isTime = axis === "time" || axis === "day";
    return {
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), axis === "day" ? "Etc/UTC" : state.zone),
      fmtDate: (template) => uPlot.fmtDate(european(template)),
      scales: {
        x: { time: isTime },
        y: { range: (_plot, min, max) => this.#roomFor(spread(min, max, kind === "bar")) },
        // The lower quarter.
        volume: { range: (_plot, _min, max) => [0, (max || 1) * 4] },
      },
      axes: [
        { ...axisLook(), grid: { show: false }, ...this.#xValues() },
        {
          ...axisLook(),
          size: (_plot, labels) => axisWidth(labels),
          values: (_plot, splits) => labelsOf(splits, this.#units[0]),
        },
      ],
      cursor: {
        points: { size: 7 },
        bind: {
          dblclick: () => () => {
            this.#whole();
            return null;
          },
        },
      },
      series: [{}, ...this.#layout.lines.map((_, i) => this.#series(i))],
      hooks: {
        setSelect: [
          (plot) => {
            if (plot.select.width > 0) this.#zoomed = true;
          },
        ],
      },
    };
  }

  /** Candles leave the lower quarter to their volume. */
  #roomFor([low, high]: [number, number]): [number, number] {
    const isBeside = this.#layout.kind === "candle" && this.#layout.lines.length > CLOSE + 1;
    return isBeside ? [low - (high - low) / 3, high] : [low, high];
  }

  #xValues(): Pick<uPlot.Axis, "values"> {
    const { axis } = this.#layout;
    if (axis === "clock") return { values: (_plot, splits) => splits.map(clockOf) };
    if (axis !== "name") return {};
    return {
      values: (plot, splits) => {
        const { min = 0, max = 1 } = plot.scales.x ?? {};
        const width = plot.over?.clientWidth || plot.width - 70;
        const left = plot.over?.offsetLeft ?? 0;
        const beside: [number, number] = [left, Math.max(0, plot.width - left - width)];
        return nameLabels(splits, this.#layout.names ?? [], { min: min ?? 0, max: max ?? 1, width, beside });
      },
    };
  }

  #series(i: number): uPlot.Series {
    const { kind, lines } = this.#layout;
    const name = PALETTE[i % PALETTE.length]!;
    const common = { label: lines[i]!.label, width: 1, points: { show: false } };
    if (kind === "candle") {
      const isVolume = i > CLOSE;
      return {
        ...common,
        scale: isVolume ? "volume" : "y",
        stroke: () => colour(isVolume ? "--muted" : PALETTE[0]!, isVolume ? 0.4 : 1),
        fill: () => colour(isVolume ? "--muted" : PALETTE[0]!, isVolume ? 0.4 : 1),
        paths: isVolume
          ? (plot, series, from, to) => barPaths(plot, this.#layout, { series, span: [from, to], place: [0, 1] })
          : (plot, _series, from, to) => (i === CLOSE ? candlePaths(plot, this.#layout, [from, to]) : null),
      };
    }
    if (kind === "bar")
      return {
        ...common,
        stroke: () => colour(name),
        fill: (plot) => colour(name, isNarrow(plot, this.#layout, lines.length) ? 0.3 : 1),
        paths: (plot, series, from, to) =>
          barPaths(plot, this.#layout, { series, span: [from, to], place: [i, lines.length] }),
      };
    const dash = i >= PALETTE.length ? { dash: [6, 4] } : {};
    return { ...common, ...dash, width: 2, stroke: () => colour(name), points: this.#points() };
  }

  /** Where there are too many for all of them, values without a neighbour: no line would lead to them. */
  #points(): uPlot.Series.Points {
    const isFew = () => this.#layout.xs.length < POINTS_BELOW;
    return { show: isFew, size: 5, filter: (plot, i) => (isFew() ? null : alone(plot.data[i]!)) };
  }

  /** Which colour is which line; how a candle is read. */
  #legend(): void {
    const { kind, lines } = this.#layout;
    const keys = kind === "candle" ? ["filled: rises, hollow: falls"] : lines.map(({ label }) => label);
    for (const [i, label] of keys.entries()) {
      const key = document.createElement("span");
      key.className = `metric-key colour-${i % PALETTE.length}${i >= PALETTE.length ? " dashed" : ""}`;
      key.textContent = label;
      this.#frame.bar.append(key);
    }
  }

  #fields(index: number | null): Field[] {
    const { lines, xs } = this.#layout;
    const x = index === null ? undefined : xs[index];
    const value = (line: Line) => (x === undefined ? "–" : textAt(line, x));
    return [["at", x === undefined ? "–" : this.#xText(x)], ...lines.map((line): Field => [line.label, value(line)])];
  }

  #xText(x: number): string {
    const { axis, names } = this.#layout;
    if (axis === "name") return names?.[x] ?? "–";
    if (axis === "clock") return clockOf(x);
    const { step } = this.#layout;
    const fraction = step < 1 ? ".{fff}" : "";
    const template =
      axis === "day" ? "{YYYY}-{MM}-{DD}" : `{YYYY}-{MM}-{DD} {HH}:{mm}${step < 60 ? ":{ss}" : ""}${fraction}`;
    return uPlot.fmtDate(template)(uPlot.tzDate(new Date(x * 1000), axis === "day" ? "Etc/UTC" : state.zone));
  }

  #table(): ChartTable {
    const { lines, xs } = this.#layout;
    const rows = xs.slice(-TABLE_ROWS_MAX).map((x) => [this.#xText(x), ...lines.map((line) => textAt(line, x))]);
    return { head: ["at", ...lines.map(({ label }) => label)], rows, note: this.#layout.left_out.join("; ") };
  }
}

/** Two layouts of one shape differ in their values only. */
function shapeOf({ kind, axis, lines }: Layout): string {
  return JSON.stringify([kind, axis, lines.map(({ label }) => label)]);
}

function textAt({ texts }: Line, x: number): string {
  return texts.get(x) ?? "–";
}

function largestOf(lines: readonly Line[]): number {
  let largest = 0;
  for (const { values } of lines)
    for (const value of values.values()) largest = Math.max(largest, Math.abs(value ?? 0));
  return largest;
}

/** uPlot's American templates in the order of ISO 8601, with 24 hours. */
function european(template: string): string {
  return template
    .replace("{M}/{D}/{YY}", "{YYYY}-{MM}-{DD}")
    .replace("{M}/{D}", "{MM}-{DD}")
    .replace("{h}:{mm}{aa}", "{HH}:{mm}")
    .replace("{h}:{mm}:{ss}{aa}", "{HH}:{mm}:{ss}")
    .replace("{h}{aa}", "{HH}:00");
}
