/** What all charts share: size, crosshair by keys, spoken values, readout, table, picture, and an end. */
import uPlot from "uplot";
import { colour, font, forget, textWidth } from "./chart-colours.ts";
import { type ChartTable, make, tableOf } from "./chart-dom.ts";
import { download, pictureOf } from "./chart-picture.ts";
import { on } from "./page-bus.ts";
import { write } from "./write.ts";

/** A value of the readout; a chart has the same labels at every index, so the page never moves. */
export type Field = [label: string, value: string];

interface FrameOptions {
  /** What the chart is called: for screen readers, and in its picture. */
  name: string;
  /** Name of the picture's file, without `.png`. */
  file: string;
  /** The plot's height at a width, both in CSS pixels. */
  height(width: number): number;
  /** uPlot's options without size and legend. */
  options: Omit<uPlot.Options, "width" | "height" | "legend">;
  /** The readout at an index; null: at rest. */
  fields(index: number | null): Field[];
  table(): ChartTable;
  /** A key that the frame does not know; true: it was taken. */
  key?(event: KeyboardEvent): boolean;
  /** The crosshair was moved beyond the first or the last value. */
  edge?(direction: -1 | 1): void;
  /** Adds to the picture what is not on the plot's canvas; in its pixels, the plot's corner at 0, 0. */
  paint?(context: CanvasRenderingContext2D, ratio: number): void;
}

const AXIS_FONT_PX = 12;
/** Arrow keys with shift, and page keys, move by this many values. */
const KEY_LEAP = 10;

/** What the axes of all charts have. Functions, so that a new theme needs no new chart. */
export function axisLook(): Pick<uPlot.Axis, "stroke" | "grid" | "ticks" | "font"> {
  const line = { stroke: () => colour("--line"), width: 1 };
  return { stroke: () => colour("--muted"), grid: line, ticks: { ...line, size: 5 }, font: font(AXIS_FONT_PX) };
}

/** Width of a y axis: its longest label, measured, so that none is cut. */
export function axisWidth(labels: readonly (string | number | null)[] | null): number {
  const widths = (labels ?? []).map((label) => textWidth(String(label ?? ""), AXIS_FONT_PX));
  return Math.ceil(Math.max(40, 14 + Math.max(0, ...widths)));
}

/** The plot without its axes, in CSS pixels: what is asked of the page makes it lay itself out. */
export function insideOf({ bbox }: uPlot): { width: number; height: number } {
  return { width: bbox.width / uPlot.pxRatio, height: bbox.height / uPlot.pxRatio };
}

const frames = new Set<ChartFrame>();

/** Ends the charts whose elements are no longer on the page. */
function sweep(): void {
  for (const frame of frames) if (!frame.root.isConnected) frame.destroy();
}
on("parts", sweep);
/** Puts a chart into the element of an id, and again when the page's replacement has removed it. */
export function keepIn(id: string, put: (element: HTMLElement) => void): void {
  const place = () => {
    const element = document.getElementById(id);
    if (element !== null && element.querySelector(".chart-frame") === null) put(element);
  };
  on("parts", place);
  place();
}

function repaint(): void {
  forget();
  for (const { plot } of frames) plot.redraw(false);
}
on("theme", repaint);

/** One chart in `element`, whose content it replaces. New data come by `show`. */
export class ChartFrame {
  readonly root = make("div", "chart-frame");
  /** Below the plot: the chart's signs and own controls. */
  readonly bar = make("div", "chart-bar");
  /** What is focused, and has the plot. */
  readonly box = make("div", "chart-plot");
  readonly plot: uPlot;
  readonly #options: FrameOptions;
  readonly #readout = make("dl", "chart-readout");
  readonly #spoken = make("p", "chart-spoken unseen");
  readonly #table = make("div", "chart-table");
  readonly #button = make("button", "chart-button");
  readonly #sizes: ResizeObserver;
  readonly #atEnd: (() => void)[] = [];
  /** The x value on which keys have put the crosshair: new data don't move it. */
  #held_x: number | null = null;
  #shown: string[] = [];
  #frame = 0;

  constructor(element: HTMLElement, options: FrameOptions) {
    this.#options = options;
    this.#build(element);
    const hooks = options.options.hooks ?? {};
    this.plot = new uPlot(
      {
        ...options.options,
        ...this.#size(),
        legend: { show: false },
        hooks: { ...hooks, setCursor: [...(hooks.setCursor ?? []), () => this.readout()] },
      },
      undefined,
      this.box,
    );
    this.#listen(this.box, "keydown", (event) => this.#key(event as KeyboardEvent));
    this.#listen(this.plot.over, "pointermove", () => {
      this.#held_x = null;
    });
    this.#sizes = new ResizeObserver(() => {
      // Within the observer's own call a change of height would be reported as an endless loop.
      cancelAnimationFrame(this.#frame);
      this.#frame = requestAnimationFrame(() => this.resize());
    });
    this.#sizes.observe(this.box);
    frames.add(this);
  }

  #build(element: HTMLElement): void {
    const { name } = this.#options;
    const { box } = this;
    box.tabIndex = 0;
    box.setAttribute("role", "application");
    box.setAttribute("aria-roledescription", "chart");
    box.setAttribute("aria-label", `${name}. Arrow keys read the values.`);
    this.#spoken.setAttribute("aria-live", "polite");
    this.#table.hidden = true;
    this.#table.tabIndex = 0;
    this.#table.setAttribute("role", "region");
    this.#table.setAttribute("aria-label", `${name}, as a table`);
    this.#button.textContent = "Table";
    this.#button.setAttribute("aria-expanded", "false");
    this.#button.setAttribute("aria-label", `${name}: show as table`);
    this.#listen(this.#button, "click", () => this.#toggle());
    const picture = make("button", "chart-button");
    picture.textContent = "PNG";
    picture.setAttribute("aria-label", `${name}: download as PNG`);
    this.#listen(picture, "click", () => download(this.picture(), this.#options.file));
    const tools = make("div", "chart-tools");
    tools.append(this.#button, picture);
    const head = make("div", "chart-head");
    head.append(this.#readout, tools);
    this.root.append(head, box, this.bar, this.#table, this.#spoken);
    element.replaceChildren(this.root);
  }

  /** Data in place of the former: zoom and crosshair stay. What uPlot throws comes to the caller. */
  show(data: uPlot.AlignedData, resetScales = true): void {
    this.plot.batch(() => this.plot.setData(data, resetScales));
    if (this.#held_x !== null) this.#point(this.plot.valToIdx(this.#held_x));
    this.readout();
    if (!this.#table.hidden) this.#fill();
  }

  /** Writes the readout, which changes only where its text does. */
  readout(): void {
    const { idx } = this.plot.cursor;
    const isPointed = idx != null && (this.plot.cursor.left ?? -1) >= 0;
    const fields = this.#options.fields(isPointed ? idx : null);
    while (this.#readout.children.length > fields.length) this.#readout.lastElementChild!.remove();
    for (const [i, [label, value]] of fields.entries()) {
      let cell = this.#readout.children[i];
      if (cell === undefined) {
        cell = make("div");
        cell.append(make("dt"), make("dd"));
        this.#readout.append(cell);
      }
      write(cell.firstElementChild!, label);
      write(cell.lastElementChild!, value);
    }
  }

  /** Speaks a sentence to screen readers. */
  say(text: string): void {
    this.#spoken.textContent = text;
  }

  /** Puts the crosshair on a value and speaks it. */
  moveTo(index: number): void {
    const xs = this.plot.data[0];
    if (xs === undefined || xs.length === 0) return;
    const at = Math.min(xs.length - 1, Math.max(0, index));
    if (at !== index) this.#options.edge?.(index < at ? -1 : 1);
    this.#held_x = xs[at] ?? null;
    this.#point(at);
    this.say(
      this.#options
        .fields(at)
        .filter(([, value]) => value !== "–")
        .map(([label, value]) => `${label} ${value}`)
        .join(", "),
    );
  }

  /** Fits the plot to its box, if that has changed. */
  resize(): void {
    const size = this.#size();
    if (size.width !== this.plot.width || size.height !== this.plot.height) this.plot.setSize(size);
  }

  /** Calls `end` when the chart ends: for what its owner listens to. */
  atEnd(...end: (() => void)[]): void {
    this.#atEnd.push(...end);
  }

  destroy(): void {
    if (!frames.delete(this)) return;
    cancelAnimationFrame(this.#frame);
    this.#sizes.disconnect();
    for (const end of this.#atEnd) end();
    this.plot.destroy();
    this.root.remove();
  }

  #size(): { width: number; height: number } {
    const width = Math.max(200, Math.floor(this.box.clientWidth));
    return { width, height: this.#options.height(width) };
  }

  #point(index: number): void {
    const x = this.plot.data[0]?.[index];
    if (x === undefined) return;
    this.plot.setCursor({ left: this.plot.valToPos(x, "x"), top: this.plot.over.clientHeight / 3 });
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.#options.key?.(event) === true) {
      event.preventDefault();
      return;
    }
    const count = this.plot.data[0]?.length ?? 0;
    const isPointed = (this.plot.cursor.left ?? -1) >= 0 && this.plot.cursor.idx != null;
    const now = isPointed ? this.plot.cursor.idx! : count;
    const step = event.shiftKey ? KEY_LEAP : 1;
    const target: Record<string, number> = {
      ArrowLeft: now - step,
      ArrowRight: isPointed ? now + step : count - 1,
      PageUp: now - KEY_LEAP,
      PageDown: now + KEY_LEAP,
      Home: 0,
      End: count - 1,
    };
    const index = target[event.key];
    if (index !== undefined) this.moveTo(index);
    else if (event.key === "Escape") {
      this.#held_x = null;
      this.plot.setCursor({ left: -10, top: -10 });
    } else return;
    event.preventDefault();
  }

  #toggle(): void {
    this.#table.hidden = !this.#table.hidden;
    const isShown = !this.#table.hidden;
    this.#button.setAttribute("aria-expanded", String(isShown));
    this.#button.setAttribute("aria-label", `${this.#options.name}: ${isShown ? "hide the" : "show as"} table`);
    if (isShown) this.#fill();
    else this.#table.replaceChildren();
  }

  /** Writes the table again if it has changed, under the reader's eyes and scroll position. */
  #fill(): void {
    const table = this.#options.table();
    const { head, rows, note } = table;
    const lines = [head.join("\t"), ...rows.map((row) => row.join("\t")), note];
    if (lines.length === this.#shown.length && lines.every((line, i) => line === this.#shown[i])) {
      if (this.#table.firstChild !== null) return;
    }
    this.#shown = lines;
    this.#table.replaceChildren(...tableOf(table));
  }

  /** The chart as it is shown, with its name above it. */
  picture(): HTMLCanvasElement {
    return pictureOf(this.plot.ctx.canvas, this.#options.name, this.#options.paint);
  }

  #listen(target: EventTarget, name: string, take: (event: Event) => void): void {
    target.addEventListener(name, take);
    this.#atEnd.push(() => target.removeEventListener(name, take));
  }
}
