/** The chart of one metric: loads its rows, draws them, and again when they have changed. */
import { CHART_WINDOWS_MAX } from "../../scripts/base/limits.ts";
import { state } from "./address.ts";
import { axisOf, layOut, type MetricAnswer, timeOf } from "./chart-layout.ts";
import { MetricPlot } from "./metric-plot.ts";

/** After a failure nothing is asked for this long. */
const REST_MS = 5_000;

/** One element `.chart[data-metric]`: `data-src` is where its rows are, `data-version` which they are. */
export class MetricChart {
  #plot: MetricPlot | null = null;
  #version = "";
  #retry: ReturnType<typeof setTimeout> | undefined;
  #isWanted = false;
  readonly #end = new AbortController();

  /** `hasRange`: it shows the page's range. */
  constructor(
    private readonly element: HTMLElement,
    private readonly hasRange: boolean,
  ) {}

  /** Loads the rows unless it has them; shortly after a failure when that time is over. */
  async update(): Promise<void> {
    this.#isWanted = this.#retry !== undefined;
    if (this.#isWanted) return;
    const { element } = this;
    const { version = "", product = "" } = element.dataset;
    const src = this.#src();
    if (this.#version === `${version} ${src}`) return;
    this.#version = `${version} ${src}`;
    try {
      const answer = await newestRows(src, this.#end.signal);
      // A newer version was asked for meanwhile, or the panel has gone.
      if (this.#version !== `${version} ${src}` || this.#end.signal.aborted) return;
      this.#draw(answer, product === "" ? null : product);
    } catch (error) {
      if (!this.#end.signal.aborted) this.#refuse(error);
    }
  }

  /** Where its rows are; of a fixed range only those in it. */
  #src(): string {
    const { src = "", time } = this.element.dataset;
    const { base = "" } = document.documentElement.dataset;
    const address = src.startsWith(`${base}/`) ? src : base + src;
    const { span_ms, to_ms } = state.range;
    if (!this.hasRange || time === undefined || to_ms === null || span_ms === "all") return address;
    const [from, to] = [to_ms - span_ms, to_ms].map((ms) => new Date(ms).toISOString());
    return `${address}${address.includes("?") ? "&" : "?"}from=${from}&to=${to}`;
  }

  #draw(answer: MetricAnswer & { title: string; name: string }, product: string | null): void {
    const { element } = this;
    const layout = layOut(answer, product);
    if (layout.xs.length === 0) this.#clear();
    else if (this.#plot === null || !this.#plot.show(layout)) {
      this.#clear();
      const box = element.appendChild(document.createElement("div"));
      this.#plot = new MetricPlot(
        box,
        { ...answer, hasRange: this.hasRange && element.dataset.time !== undefined },
        layout,
      );
    }
    this.#note(layout.left_out.join("; "));
  }

  /** Lists below the chart what is not drawn. */
  #note(text: string): void {
    this.element.querySelector(":scope > .more")?.remove();
    if (text === "") return;
    const line = this.element.appendChild(document.createElement("p"));
    line.className = "more";
    line.textContent = text;
  }

  #refuse(error: unknown): void {
    this.#clear();
    const why = error instanceof Error ? error.message : String(error);
    this.#note(`This chart can't be drawn: ${why.slice(0, 200)}. The rows are below.`);
    // The same rows are tried again with the next change.
    this.#version = "";
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      if (this.#isWanted) void this.update();
    }, REST_MS);
  }

  #clear(): void {
    this.#plot?.destroy();
    this.#plot = null;
    this.element.replaceChildren();
  }

  /** Its element is gone: nothing of it is left. */
  destroy(): void {
    this.#end.abort();
    clearTimeout(this.#retry);
    this.#plot?.destroy();
    this.#plot = null;
  }
}

type Answer = MetricAnswer & { title: string; name: string };

/** The newest rows when x is a time, in either order of the file; otherwise the first. */
async function newestRows(src: string, signal: AbortSignal): Promise<Answer> {
  const get = async (which: string): Promise<Answer> => {
    const answer = await fetch(`${src}${src.includes("?") ? "&" : "?"}${which}=${CHART_WINDOWS_MAX}`, { signal });
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.error?.message ?? `the server answered ${answer.status}`);
    return body;
  };
  const first = await get("limit");
  const { chart, rows, row_count } = first;
  const x = chart.x ?? "";
  if (rows.length >= row_count || !/time|day/.test(axisOf(first, x))) return first;
  const times = rows.map((row) => timeOf(row[x])).filter((time) => time !== null);
  return (times[0] ?? 0) < (times.at(-1) ?? 0) ? get("last") : first;
}
