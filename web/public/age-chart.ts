/** Age over time: both answers in the last five minutes, one flat line and one saw-tooth. */

import type uPlot from "uplot";
import type { ChartAnswer, StatusEvent } from "../../scripts/contract/page-events.ts";
import { state } from "./address.ts";
import { AGES_SPAN_MS, type AgeSample, AgeSamples, runsFrom } from "./age-samples.ts";
import { clockOf, decimals, valueTicks } from "./chart-axis.ts";
import { colour } from "./chart-colours.ts";
import { type ChartTable, legendOf, make } from "./chart-dom.ts";
import { axisLook, axisWidth, ChartFrame, type Field, keepIn } from "./chart-frame.ts";
import { keyOf, on } from "./page-bus.ts";
import { Redraw } from "./redraw.ts";
import { now_ms } from "./server-time.ts";
import { addressUnder } from "./site.ts";
import { write } from "./write.ts";

const HEIGHT = 190;
const NAME = "Age of both answers, last 5 minutes";
/** Above this many seconds the axis counts minutes. */
const MINUTES_FROM = 180;
const HEAD: string[] = ["At", "Stream", "Batch"];

const KEY = [
  ["stream-line", "stream"],
  ["batch-area", "batch"],
] as const;

class AgeChart {
  readonly #frame: ChartFrame;
  readonly #samples = new AgeSamples();
  #shown: readonly AgeSample[] = [];
  #now_ms = now_ms();
  readonly #clock = make("span", "chart-note");
  readonly #empty = make("div", "chart-empty");
  #isAsked = false;
  /** When the feed ended: from then on nothing has an age. */
  #ended_ms: number | null = null;
  /** Ages are those of a product, of any window size. */
  #product = state.product;
  readonly #redraw: Redraw;

  constructor(element: HTMLElement) {
    this.#frame = new ChartFrame(element, {
      name: NAME,
      file: "tidemark-age",
      height: () => HEIGHT,
      options: optionsOf(() => this.#now_ms / 1000),
      fields: (index) => this.#fields(index),
      table: () => this.#table(),
    });
    this.#frame.bar.append(legendOf(KEY), this.#clock);
    this.#frame.plot.over.append(this.#empty);
    this.#redraw = new Redraw(() => this.#draw(), this.#frame.root);
    const abort = new AbortController();
    this.#frame.atEnd(
      on("status", (status) => {
        if (status.of !== keyOf(state)) return;
        this.#samples.add(status);
        this.#ended_ms = status.ended_ms;
        void this.#fill(status, abort.signal);
        write(this.#clock, status.mode === "replay" ? "in recording time" : "");
        this.#redraw.soon();
      }),
      on("batch", ({ of, run }) => {
        if (of === keyOf(state)) this.#samples.ran(run[2], this.#now_ms + 1);
      }),
      on("state", () => this.#stated()),
      () => abort.abort(),
      () => this.#redraw.end(),
    );
    this.#draw();
  }

  #stated(): void {
    if (state.product !== this.#product) {
      this.#product = state.product;
      this.#samples.clear();
      this.#isAsked = false;
    }
    this.#draw();
  }

  /** The batch's runs before the first status, by its clock. Without an answer the line begins now. */
  async #fill(status: StatusEvent, signal: AbortSignal): Promise<void> {
    const from_ms = runsFrom(status);
    if (this.#isAsked || from_ms === null) return;
    this.#isAsked = true;
    const { product, window } = state;
    const query = new URLSearchParams({ product, window, from: new Date(from_ms).toISOString() });
    try {
      const answer = await fetch(`${addressUnder("/api/chart")}?${query}`, { signal });
      if (!answer.ok) return;
      const { runs }: ChartAnswer = await answer.json();
      if (product === this.#product) this.#samples.fill(runs);
    } catch {
      // The page is left, or the server is away: the line begins with the first status.
    }
  }

  #draw(): void {
    if (state.paused && this.#shown.length > 0) return;
    this.#shown = [...this.#samples.samples()];
    this.#now_ms = this.#shown.at(-1)?.at_ms ?? this.#now_ms;
    const isEmpty = !this.#shown.some(({ stream_ms, batch_ms }) => stream_ms !== null || batch_ms !== null);
    const ended_s = isEmpty && this.#ended_ms !== null ? this.#ended_ms / 1000 : null;
    write(
      this.#empty,
      ended_s === null ? "" : `The feed ended at ${clockOf(ended_s, state.zone, true)}: no age since then`,
    );
    const seconds = (ms: number | null) => (ms === null ? null : ms / 1000);
    const data: uPlot.AlignedData = [
      this.#shown.map(({ at_ms }) => at_ms / 1000),
      this.#shown.map(({ batch_ms }) => seconds(batch_ms)),
      this.#shown.map(({ stream_ms }) => seconds(stream_ms)),
    ];
    this.#frame.show(this.#shown.length > 0 ? data : [[this.#now_ms / 1000], [null], [null]]);
  }

  #fields(index: number | null): Field[] {
    const sample = this.#shown[index ?? this.#shown.length - 1];
    const at = sample === undefined ? "–" : index === null ? "now" : clockOf(sample.at_ms / 1000, state.zone, true);
    return [
      ["At", at],
      ["Stream", this.#age(sample?.stream_ms, index)],
      ["Batch", this.#age(sample?.batch_ms, index)],
    ];
  }

  #age(ms: number | null | undefined, index: number | null): string {
    return ms == null && index === null && this.#ended_ms !== null ? "ended" : text(ms);
  }

  #table(): ChartTable {
    const rows = this.#shown.map((_, i) => this.#fields(i).map(([, value]) => value));
    return { head: HEAD, rows: rows.reverse(), note: "" };
  }
}

function text(ms: number | null | undefined): string {
  return ms == null ? "–" : `${decimals(ms / 1000, 1)} s`;
}

function optionsOf(now_s: () => number): Omit<uPlot.Options, "width" | "height"> {
  const span_s = AGES_SPAN_MS / 1000;
  return {
    padding: [10, 26, 0, 0],
    scales: {
      x: { time: false, range: () => [now_s() - span_s, now_s()] },
      y: { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 1) * 1.1)] },
    },
    cursor: { drag: { x: false, y: false, setScale: false }, points: { size: 7 } },
    series: [
      {},
      {
        label: "batch",
        stroke: () => colour("--batch"),
        fill: () => colour("--batch", 0.15),
        width: 2,
        points: { show: false },
      },
      { label: "stream", stroke: () => colour("--stream"), width: 2.5, points: { show: false } },
    ],
    axes: [
      {
        ...axisLook(),
        grid: { show: false },
        size: 34,
        splits: () => Array.from({ length: 6 }, (_, i) => now_s() - (5 - i) * 60),
        values: (plot, splits) =>
          splits.map((_, i) => (i === 5 ? "now" : plot.width < 480 && i % 2 === 0 ? "" : `${5 - i} min ago`)),
      },
      {
        ...axisLook(),
        size: (_plot, labels) => axisWidth(labels),
        splits: (_plot, _axis, _min, max) =>
          max > MINUTES_FROM ? valueTicks(0, max / 60, 4).map((minutes) => minutes * 60) : valueTicks(0, max, 4),
        values: (_plot, splits) => {
          const isMinutes = (splits.at(-1) ?? 0) > MINUTES_FROM * 0.7;
          return splits.map((s) => (isMinutes ? `${Number((s / 60).toFixed(1))} min` : `${Number(s.toFixed(2))} s`));
        },
      },
    ],
  };
}

/** Draws into `#age-chart`, now and after the page was replaced; nothing on a page without it. */
export function startAgeChart(): void {
  keepIn("age-chart", (element) => new AgeChart(element));
}
