/** The main chart: candles and volumes of the stream, the batch's answer over them, and its horizon. */

import uPlot from "uplot";
import type { BatchEvent, ChartAnswer, WindowsEvent } from "../../scripts/contract/page-events.ts";
import { setState, state } from "./address.ts";
import { daysOf } from "./chart-axis.ts";
import { ChartFrame, insideOf, keepIn } from "./chart-frame.ts";
import { EventGate } from "./event-gate.ts";
import { type Bucket, bucketsOf, reachOf, stepOf } from "./main-chart-buckets.ts";
import { gestures } from "./main-chart-gestures.ts";
import { Labels, paintLabel } from "./main-chart-labels.ts";
import { Loader } from "./main-chart-load.ts";
import { Marks } from "./main-chart-marks.ts";
import { groundOf, paintBack, paintFront, type Scene } from "./main-chart-paint.ts";
import { dataOf, heightOf, optionsOf } from "./main-chart-scales.ts";
import { ChartStore } from "./main-chart-store.ts";
import { type Extent, panned, rangeOf, rowsKept, type View, viewOf, zoomedByKey } from "./main-chart-view.ts";
import { fieldsOf, noteOf, tableRows, type WordsOf, windowLink } from "./main-chart-words.ts";
import { keyOf, on } from "./page-bus.ts";
import { Redraw, STATUS_LATE_MS } from "./redraw.ts";
import { paintRibbon, Ribbon } from "./ribbon.ts";
import { now_ms } from "./server-time.ts";
import { addressUnder } from "./site.ts";
import { eachTick } from "./ticker.ts";

const PAN_KEY = 0.25;

class MainChart {
  readonly #frame: ChartFrame;
  readonly #labels: Labels;
  readonly #ribbon: Ribbon;
  readonly #store = new ChartStore();
  readonly #loader: Loader;
  #extent: Extent = { every_s: 60, first_s: null, end_s: null };
  #size_s = 60;
  #view: View = viewOf({ span_ms: 0, to_ms: null }, this.#extent, now_ms() / 1000);
  #buckets: Bucket[] = [];
  #reach: ReturnType<typeof reachOf> = null;
  readonly #marks = new Marks();
  #isDragged = false;
  readonly #redraw: Redraw;
  #selected = "";
  /** Selection and range whose view is drawn: while the page is paused it is kept. */
  #viewed = "";
  /** Shut while the page is paused, and while windows are loaded that may be older than events. */
  readonly #gate = new EventGate(
    () => state.paused || this.#loader.isBusy,
    () => this.#reload(),
  );

  constructor(element: HTMLElement) {
    this.#loader = new Loader(this.#store, {
      took: (answer) => this.#took(answer),
      noted: () => this.#note(),
    });
    this.#frame = new ChartFrame(element, {
      name: "Prices and volumes, stream and batch",
      file: "tidemark-chart",
      height: heightOf,
      options: optionsOf({
        view: () => this.#view,
        reach: () => this.#reach,
        zone: () => state.zone,
        back: (plot) => paintBack(groundOf(plot, uPlot.pxRatio), this.#scene()),
        front: (plot) => this.#front(plot),
      }),
      fields: (index) => fieldsOf(this.#bucketAt(index), this.#words()),
      table: () => tableRows(this.#buckets, this.#words()),
      key: (event) => this.#key(event),
      edge: (direction) => this.#pan(direction * PAN_KEY),
      paint: (context, ratio) => paintLabel(context, ratio, this.#horizonText(false)),
    });
    const { plot, box, root } = this.#frame;
    root.classList.add("main-chart");
    // With the price line: two figures of one window are then of one moment.
    this.#redraw = new Redraw(() => this.#draw(), root, STATUS_LATE_MS);
    this.#labels = new Labels(this.#frame);
    this.#labels.back.addEventListener("click", () => this.#follow());
    this.#ribbon = new Ribbon(() => ({
      buckets: this.#buckets,
      of: this.#words(),
      x: (at_s) => plot.valToPos(at_s, "x"),
    }));
    box.append(this.#ribbon.element);
    this.#listen();
    this.#select();
  }

  #listen(): void {
    const { plot } = this.#frame;
    plot.over.addEventListener("dblclick", () => this.#follow());
    const shown = () => this.#redraw.now();
    document.addEventListener("visibilitychange", shown);
    this.#frame.atEnd(
      on("state", () => this.#stated()),
      on("selected", () => this.#select()),
      on("status", () => this.#redraw.arrived()),
      on("windows", (event) => this.#isOurs(event.of) && this.#gate.pass(() => this.#windows(event))),
      on("batch", (event) => this.#isOurs(event.of) && this.#gate.pass(() => this.#batch(event))),
      gestures(plot.over, {
        view: () => this.#view,
        extent: () => this.#extent,
        move: (view) => {
          this.#isDragged = true;
          this.#view = view;
          this.#redraw.now();
        },
        settle: () => this.#settle(),
      }),
      eachTick(() => this.#label()),
      () => document.removeEventListener("visibilitychange", shown),
      () => this.#redraw.end(),
      () => this.#loader.stop(),
    );
  }

  /** Another product or size: everything is loaded again. */
  #select(): void {
    this.#selected = keyOf(state);
    this.#isDragged = false;
    this.#gate.clear();
    this.#marks.clear();
    this.#store.clear();
    this.#extent = { ...this.#extent, first_s: null, end_s: null };
    void this.#loader.first(state, state.range);
  }

  #took(answer: ChartAnswer): void {
    this.#size_s = answer.size_s;
    this.#marks.add(answer);
    const end_s = this.#store.coverage?.to_s === null ? this.#newestEnd() : (this.#extent.end_s ?? answer.to_s);
    this.#extent = { every_s: answer.every_s, first_s: answer.first_s, end_s };
    this.#gate.open();
    this.#redraw.now();
  }

  #newestEnd(): number | null {
    const newest = this.#store.newest();
    return newest === undefined ? this.#extent.end_s : Math.max(newest.start_s + this.#size_s, this.#extent.end_s ?? 0);
  }

  #windows({ reload, stream }: WindowsEvent): void {
    if (reload) this.#reload();
    else {
      this.#store.add({ stream, batch: [], cells: [] });
      this.#grow();
    }
  }

  #batch(event: BatchEvent): void {
    if (event.run[0] === this.#loader.run_id) return;
    const before = this.#marks.horizon_s;
    this.#marks.ran(event);
    if (event.reload) {
      this.#reload();
      return;
    }
    this.#store.add({ stream: [], batch: event.batch, cells: event.cells });
    this.#grow();
    const { horizon_s } = event;
    if (before === null || horizon_s === null || horizon_s <= before) return;
    const { plot } = this.#frame;
    this.#labels.advance(plot.valToPos(before, "x"), plot.valToPos(horizon_s, "x"));
  }

  #grow(): void {
    const [first] = this.#store.rows();
    const first_s = this.#extent.first_s ?? first?.start_s ?? null;
    this.#extent = { ...this.#extent, first_s, end_s: this.#newestEnd() };
    this.#store.bound(this.#view.to_s, this.#isDragged ? undefined : rowsKept(state.range, this.#view, this.#extent));
    this.#redraw.soon();
  }

  #reload(): void {
    void this.#loader.first(state, state.range);
  }

  #stated(): void {
    if (!this.#isOurs()) return;
    this.#isDragged = false;
    this.#gate.open();
    this.#redraw.now();
  }

  #isOurs(of = keyOf(state)): boolean {
    return of === this.#selected;
  }

  #draw(): void {
    // The windows of another selection come after its page.
    if (!this.#isOurs()) return;
    const isKept = state.paused && this.#buckets.length > 0 && this.#viewed === this.#viewOf();
    if (!this.#isDragged && !(isKept && state.range.to_ms === null))
      this.#view = viewOf(state.range, this.#extent, now_ms() / 1000);
    this.#viewed = this.#viewOf();
    const { plot } = this.#frame;
    const every_s = this.#extent.every_s;
    const { width, height } = insideOf(plot);
    const step = stepOf(this.#view, every_s, width || plot.width);
    this.#buckets = bucketsOf(this.#store.rows(), this.#view, { every_s, size_s: this.#size_s }, step);
    this.#reach = reachOf(this.#buckets);
    this.#frame.show(dataOf(this.#buckets, this.#view));
    const { left, top } = plot.over.style;
    this.#ribbon.place(Number.parseFloat(left), Number.parseFloat(top) + height, width);
    this.#labels.back.style.visibility = state.range.to_ms === null && !this.#isDragged ? "hidden" : "visible";
    this.#note();
    this.#label();
    void this.#loader.more(state, this.#view, this.#extent);
  }

  #scene(): Scene {
    const { runs, outages, horizon_s } = this.#marks;
    return { buckets: this.#buckets, runs, outages, horizon_s, volume_max: this.#reach?.volume ?? 0 };
  }

  #front(plot: uPlot): void {
    const ground = groundOf(plot, uPlot.pxRatio);
    paintFront(ground, this.#scene());
    paintRibbon(ground, this.#buckets);
  }

  #words(): WordsOf {
    return { product: state.product, window: state.window, size_s: this.#size_s, zone: state.zone };
  }

  /** At rest the newest window is read out. */
  #bucketAt(index: number | null): Bucket | null {
    return this.#buckets[index ?? this.#buckets.length - 1] ?? null;
  }

  /** The horizon's label, whose age grows. */
  #label(): void {
    const { plot } = this.#frame;
    const { width } = insideOf(plot);
    const { horizon_s } = this.#marks;
    const text = this.#horizonText(Labels.isNarrow(width));
    const isAhead = this.#marks.isBehind(this.#extent) && this.#store.newest()?.stream != null;
    this.#labels.place(width, horizon_s === null ? null : { x: plot.valToPos(horizon_s, "x"), text, isAhead });
  }

  #horizonText(isShort: boolean): string {
    return this.#marks.text(now_ms(), state.zone, isShort);
  }

  #viewOf(): string {
    return `${this.#selected} ${JSON.stringify(state.range)}`;
  }

  #note(): void {
    const { first_s, end_s, every_s } = this.#extent;
    const isKnown = this.#store.coverage !== null;
    const isCut = state.range.span_ms === "all" && first_s !== null && first_s < this.#view.from_s - every_s;
    const isEmpty = isKnown && this.#loader.note === "" && this.#buckets.length === 0;
    const empty = !isEmpty ? "" : end_s === null ? "Waiting for the first window" : "No window here";
    const days = isKnown ? daysOf(this.#view.from_s, this.#view.to_s, state.zone) : "";
    this.#labels.write(this.#loader.note || noteOf(this.#buckets, isCut), empty, days);
  }

  #key({ key }: KeyboardEvent): boolean {
    const { plot } = this.#frame;
    const { idx, left = -1 } = plot.cursor;
    if (key === "Enter") this.#open(left >= 0 && idx != null ? this.#buckets[idx] : undefined);
    else {
      const next = zoomedByKey(this.#view, key, left >= 0 ? plot.posToVal(left, "x") : null, this.#extent);
      if (next === null) return false;
      this.#view = next;
      this.#settle();
    }
    return true;
  }

  #open(bucket: Bucket | undefined): void {
    if (bucket !== undefined) location.assign(addressUnder(windowLink(bucket.worst_s, this.#words())));
  }

  #pan(share: number): void {
    this.#view = panned(this.#view, share * (this.#view.to_s - this.#view.from_s), this.#extent);
    this.#settle();
  }

  /** The view is the page's state from now on, and its address has it. */
  #settle(): void {
    this.#isDragged = false;
    setState({ range: rangeOf(this.#view, this.#extent) }, "replace");
    this.#viewed = this.#viewOf();
    this.#redraw.now();
  }

  #follow(): void {
    const { end_s } = this.#extent;
    setState({
      range: { span_ms: state.range.span_ms, to_ms: null, ...(end_s === null ? {} : { seen_ms: end_s * 1000 }) },
    });
  }
}

/** Draws into `#main-chart`, now and after the page was replaced; nothing on a page without it. */
export function startMainChart(): void {
  keepIn("main-chart", (element) => new MainChart(element));
}
