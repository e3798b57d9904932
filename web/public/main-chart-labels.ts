/** What is written over the main chart: the horizon's label, "stream only", notes, and the way back. */
import { colour, font, textWidth } from "./chart-colours.ts";
import { legendOf, make } from "./chart-dom.ts";
import type { ChartFrame } from "./chart-frame.ts";
import { write } from "./write.ts";

/** The style sheet's `--size-1`, in the page's larger type on a wall. */
const LABEL_REM = 0.8;
let label_px = 0;
addEventListener("resize", () => {
  label_px = 0;
});

function labelPx(): number {
  label_px ||= LABEL_REM * Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  return label_px;
}

const LABEL_PADDING = 5;
const LINE_PX = 16;
const BEYOND = "stream only";
/** Labels may reach beyond the plot into the space beside it. */
const BESIDE = 22;
/** The band above the plot that has the labels: one line, or two on a narrow chart. */
export const BAND = { wide: 24, narrow: 40 };
/** Below this width the labels are shorter. */
const NARROW = 560;

interface Horizon {
  /** CSS pixels from the plot's left; outside of it if it is before or after what is shown. */
  x: number;
  text: string;
  /** Whether the stream has windows beyond it. */
  isAhead: boolean;
}

/** The signs of the chart, named. */
const KEY: [name: string, text: string][] = [
  ["up", "up"],
  ["down", "down"],
  ["open", "open window"],
  ["vwap", "batch’s vwap and volume"],
  ["late", "late ticks"],
  ["run", "batch run"],
  ["outage", "no feed"],
];

export class Labels {
  readonly horizon = make("div", "horizon-label");
  readonly beyond = make("div", "beyond-label");
  readonly empty = make("div", "chart-empty");
  readonly flash = make("div", "horizon-flash");
  readonly days = make("span", "chart-days");
  readonly note = make("span", "chart-note");
  readonly back = make("button", "chart-button back-to-live");

  constructor({ bar, plot: { over } }: Pick<ChartFrame, "bar" | "plot">) {
    this.beyond.textContent = BEYOND;
    this.back.textContent = "Back to live";
    this.back.style.visibility = "hidden";
    this.note.setAttribute("role", "status");
    bar.append(this.days, legendOf(KEY));
    over.append(this.flash, this.horizon, this.beyond, this.empty, this.note, this.back);
  }

  /**
   * What the reader can't see, why nothing is drawn, and the days in view; "": nothing. Before windows
   * are known, a view would have today's days: around midnight two, which are wider and move the signs.
   */
  write(note: string, empty: string, days: string): void {
    write(this.note, note);
    write(this.empty, empty);
    write(this.days, days);
  }

  /** Both labels fit into the band above the plot: beside the edge, or below each other if it is narrow. */
  place(width: number, horizon: Horizon | null): void {
    this.horizon.hidden = horizon === null;
    if (horizon === null) {
      this.beyond.hidden = true;
      return;
    }
    const { x, text, isAhead } = horizon;
    const words = x > width ? `${text} →` : x < 0 ? `← ${text}` : text;
    write(this.horizon, words);
    const edge = Math.min(width, Math.max(0, x));
    const size = Math.ceil(textWidth(words, labelPx())) + 2 * LABEL_PADDING;
    const isBefore = edge >= size;
    const left = isBefore ? edge - size : Math.max(0, Math.min(edge, width + BESIDE - size));
    this.horizon.style.transform = `translateX(${Math.round(left)}px)`;
    const beyond_size = Math.ceil(textWidth(BEYOND, labelPx())) + 2 * LABEL_PADDING;
    const end = width + BESIDE - beyond_size;
    const isNarrow = Labels.isNarrow(width);
    const beyond_left = isNarrow ? Math.min(edge, end) : isBefore ? edge : left + size;
    this.beyond.hidden = !isAhead || x >= width || beyond_left > end;
    this.beyond.style.transform = `translate(${Math.round(beyond_left)}px, ${isNarrow ? LINE_PX : 0}px)`;
  }

  /** Shows for a moment what a run has added. */
  advance(from_x: number, to_x: number): void {
    const { style, classList } = this.flash;
    style.left = `${Math.max(0, from_x)}px`;
    style.width = `${Math.max(0, to_x - Math.max(0, from_x))}px`;
    classList.remove("now");
    // Read, so that the animation begins again.
    void this.flash.offsetWidth;
    classList.add("now");
  }

  static isNarrow(width: number): boolean {
    return width < NARROW;
  }
}

/** The horizon's label in a picture: at the right of its head, whose bottom is at 0. */
export function paintLabel(context: CanvasRenderingContext2D, ratio: number, text: string): void {
  context.font = font(labelPx() * ratio);
  context.fillStyle = colour("--batch");
  context.textAlign = "right";
  context.fillText(text, context.canvas.width - 12 * ratio, -12 * ratio);
}
