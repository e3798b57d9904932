/* The page's charts: the stream's windows, the batch's runs and the metrics, drawn by uPlot. */
(() => {
  /** Windows that a chart holds, as the server bounds what it sends. */
  const CHART_WINDOWS_MAX = Number(document.getElementById("live").dataset.chartWindows);
  const HEIGHT = 220;
  const { roomFor, unitOf, labelsOf, widthOf, timeOf, clockOf, isTimes, lay, alone, spread } = window.tidemarkLayout;
  const charts = new Map();

  /* A canvas has no light-dark(): the style sheet's colour as the browser resolves it for this theme. */
  const probe = document.createElement("span");
  probe.hidden = true;
  document.documentElement.append(probe);
  const colour = (name) => () => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const PALETTE = ["--stream", "--batch", "--third", "--fourth", "--fifth"];

  /** One chart in its element; a zoom stays while data comes, a double click ends it. */
  class Chart {
    constructor(element, series, options = {}) {
      this.element = element;
      this.zoomed = false;
      this.bars = series.some((s) => s.bars !== undefined);
      this.plot = new uPlot(this.options(series, options), [[], ...series.map(() => [])], element);
      new ResizeObserver(() => this.plot.setSize(this.size())).observe(element);
    }

    size() {
      return { width: Math.max(200, this.element.clientWidth), height: HEIGHT };
    }

    options(series, { sync, log, ordinal, isClock, unit = 1, times = true }) {
      const axis = {
        stroke: colour("--muted"),
        grid: { stroke: colour("--line"), width: 1 },
        ticks: { stroke: colour("--line"), width: 1 },
      };
      const x = { ...axis, grid: { show: false } };
      if (ordinal) {
        x.values = (plot, splits) => roomFor(plot, splits, ordinal);
      } else if (isClock) x.values = (_plot, splits) => splits.map(clockOf);
      else if (!times) x.values = (_plot, splits) => splits.map((value) => (Number.isInteger(value) ? value : ""));
      const number = (_plot, value) =>
        value == null
          ? "–"
          : unit === 1
            ? value.toLocaleString("en", { maximumSignificantDigits: 17 })
            : String(Number((value * unit).toPrecision(15)));
      const xValue = times ? "{YYYY}-{MM}-{DD} {HH}:{mm}" : number;
      return {
        ...this.size(),
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        fmtDate: (template) =>
          uPlot.fmtDate(
            template
              .replace("{M}/{D}/{YY}", "{YYYY}-{MM}-{DD}")
              .replace("{M}/{D}", "{MM}-{DD}")
              .replace("{h}:{mm}{aa}", "{HH}:{mm}")
              .replace("{h}:{mm}:{ss}{aa}", "{HH}:{mm}:{ss}")
              .replace("{h}{aa}", "{HH}:00"),
          ),
        scales: {
          x: { time: times && !ordinal },
          y: log ? { distr: 3 } : { range: (_plot, min, max) => spread(min, max, this.bars) },
        },
        axes: [x, { ...axis, size: widthOf, values: (_plot, splits) => labelsOf(splits, unit) }],
        cursor: sync ? { sync: { key: sync }, points: { size: 7 } } : { points: { size: 7 } },
        legend: { live: true },
        series: [
          {
            value: ordinal
              ? (_plot, i) => ordinal[i] ?? "–"
              : isClock
                ? (_plot, at) => (at == null ? "–" : clockOf(at))
                : xValue,
          },
          ...series.map((s) => seriesOf(s, number)),
        ],
        hooks: {
          setSelect: [
            (plot) => {
              this.zoomed = plot.select.width > 0;
            },
          ],
          ready: [
            (plot) =>
              plot.over.addEventListener("dblclick", () => {
                this.zoomed = false;
              }),
          ],
        },
      };
    }

    show(data) {
      // Within a batch uPlot draws at once, so the caller gets what it throws.
      this.plot.batch(() => this.plot.setData(this.bars ? roomy(data) : data, !this.zoomed));
      if (this.zoomed) this.plot.redraw();
      const [x, more] = data[0];
      // Around a single place uPlot shows years.
      if (x !== undefined && more === undefined && !this.zoomed) this.plot.setScale("x", { min: x - 1, max: x + 1 });
    }
  }

  function seriesOf({ label, colour: name, dash, bars, points }, value) {
    const series = { label, stroke: colour(name), width: 2, value, points: pointsOf(points === true) };
    if (dash) series.dash = [6, 5];
    if (bars !== undefined) {
      series.paths = uPlot.paths.bars({ size: [bars === 0 ? 0.7 : 0.42, 40], align: bars });
      series.fill = colour(name);
      series.width = 0;
      series.points = { show: false };
    }
    return series;
  }

  /** Where there are too many for all of them, values without a neighbour: no line would lead to them. */
  function pointsOf(show) {
    return { show, size: 5, filter: (plot, i) => (show ? null : alone(plot.data[i])) };
  }

  /** The first and the last bar would be cut in half at the edges. */
  function roomy([xs, ...columns]) {
    if (xs.length < 2) return [xs, ...columns];
    const step = Math.min(...xs.slice(1).map((x, i) => x - xs[i]));
    return [[xs[0] - step, ...xs, xs.at(-1) + step], ...columns.map((column) => [null, ...column, null])];
  }

  function chart(id, series, options) {
    const element = document.getElementById(`chart-${id}`);
    if (!element) return null;
    if (!charts.has(id)) charts.set(id, new Chart(element, series, options));
    return charts.get(id);
  }

  function summary(id, text) {
    const element = document.getElementById(`summary-${id}`);
    if (element) element.textContent = text;
  }

  /** start → [start, average price, trades, volume, final], as the stream said last. */
  let rows = new Map();
  let batch = { average: null, minutes: [], runs: [], stream_p50_ms: null };

  function drawWindows() {
    const sorted = [...rows.values()].sort((a, b) => a[0] - b[0]);
    const starts = sorted.map((row) => row[0]);
    const minutes = new Map(batch.minutes.map((row) => [row[0], row]));
    const price = [
      { label: "stream, per window", colour: "--stream", points: sorted.length < 80 },
      { label: "batch, all stored", colour: "--batch", dash: true },
    ];
    chart("price", price, { sync: "windows" })?.show([
      starts,
      sorted.map((row) => row[1]),
      starts.map(() => batch.average),
    ]);
    const both = [
      { label: "stream", colour: "--stream", bars: -1 },
      { label: "batch", colour: "--batch", bars: 1 },
    ];
    for (const [id, ours, theirs] of [
      ["trades", 2, 1],
      ["volume", 3, 2],
    ]) {
      const counted = starts.map((start) => minutes.get(start)?.[theirs] ?? null);
      chart(id, both, { sync: "windows" })?.show([starts, sorted.map((row) => row[ours]), counted]);
    }
    summarize(sorted, minutes);
  }

  function summarize(sorted, minutes) {
    if (sorted.length === 0) return;
    const time = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 16);
    const span = `${sorted.length} windows, ${time(sorted[0][0])} to ${time(sorted.at(-1)[0])} UTC`;
    const number = (value) => value.toLocaleString("en", { maximumFractionDigits: 2 });
    const prices = sorted.map((row) => row[1]);
    const average = batch.average === null ? "" : `; the batch's average is ${number(batch.average)}`;
    summary("price", `${span}: ${number(Math.min(...prices))} to ${number(Math.max(...prices))}${average}.`);
    const total = (index) => sorted.reduce((sum, row) => sum + row[index], 0);
    const shared = sorted.filter((row) => minutes.has(row[0])).length;
    summary("trades", `${span}: ${number(total(2))} trades; ${shared} of the windows are in the batch.`);
    summary("volume", `${span}: volume ${number(total(3))}.`);
  }

  function drawRuns() {
    const series = [
      { label: "batch, whole run (s)", colour: "--batch", points: true },
      { label: "stream, median (s)", colour: "--stream", dash: true },
    ];
    const p50 = batch.stream_p50_ms === null ? null : Math.max(batch.stream_p50_ms / 1000, 1e-5);
    chart("times", series, { log: true, times: false })?.show([
      batch.runs.map((run) => run[0]),
      batch.runs.map((run) => run[1]),
      batch.runs.map(() => p50),
    ]);
    const last = batch.runs.at(-1);
    const median = p50 === null ? "" : `; the stream's median is ${(p50 * 1000).toFixed(2)} ms`;
    if (last) summary("times", `Run ${last[0]} took ${last[1].toFixed(2)} s${median}. Logarithmic scale.`);
  }

  /* Metric files: x is a time or a name, y one or more columns, series splits the rows; what is left
     out is listed below the chart. */
  const drawn = new Map();

  async function drawMetric(element) {
    const { metric, version } = element.dataset;
    if (drawn.get(element) === version) return;
    drawn.set(element, version);
    try {
      const answer = await newestRows(metric);
      if (answer !== null) drawRows(element, answer);
    } catch (error) {
      element.replaceChildren();
      note(element, `This chart can't be drawn: ${String(error?.message ?? error).slice(0, 200)}. The rows are below.`);
    }
  }

  function note(element, text) {
    const line = document.createElement("p");
    line.className = "more";
    line.textContent = text;
    element.append(line);
  }

  function drawRows(element, answer) {
    const { chart: spec } = answer;
    const { xs, lines, ordinal, isClock, left_out } = lay(answer);
    const unit = unitOf(Math.max(0, ...lines.flatMap(({ values }) => [...values.values()].map(Math.abs))));
    // More than two would hide each other.
    const isBars = spec.type === "bar" && lines.length < 3;
    const series = lines.map(({ label }, i) => ({
      label,
      colour: PALETTE[i % PALETTE.length],
      points: xs.length < 40,
      bars: isBars ? (lines.length === 1 ? 0 : i === 0 ? -1 : 1) : undefined,
    }));
    element.replaceChildren();
    if (xs.length > 0)
      new Chart(element, series, { ordinal, isClock, unit }).show([
        xs,
        ...lines.map(({ values }) => xs.map((x) => (values.get(x) == null ? values.get(x) : values.get(x) / unit))),
      ]);
    if (left_out.length > 0) note(element, left_out.join("; "));
  }

  /** The newest rows when x is a time, in either order of the file; otherwise the first. */
  async function newestRows(metric) {
    const get = async (which) => {
      const answer = await fetch(`/api/metrics/${metric}?${which}=${CHART_WINDOWS_MAX}`);
      return answer.ok ? answer.json() : null;
    };
    const first = await get("limit");
    if (first === null || first.rows.length === first.row_count) return first;
    const { chart, rows: found } = first;
    const xs = found.map((row) => row[chart.x]).filter((x) => timeOf(x) !== null);
    return isTimes(first, chart.x) && timeOf(xs[0]) < timeOf(xs.at(-1)) ? get("last") : first;
  }

  const seen = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) if (isIntersecting) void drawMetric(target);
    },
    { rootMargin: "200px" },
  );

  window.tidemarkCharts = {
    windows({ snapshot, rows: changed }) {
      if (snapshot) rows = new Map();
      for (const row of changed) rows.set(row[0], row);
      const old = [...rows.keys()].sort((a, b) => a - b).slice(0, -CHART_WINDOWS_MAX);
      for (const start of old) rows.delete(start);
      drawWindows();
    },
    batch(answer) {
      batch = answer;
      drawWindows();
      drawRuns();
    },
    /** Metric panels that came, went or have newer rows. */
    metrics() {
      seen.disconnect();
      for (const element of document.querySelectorAll(".chart[data-metric]")) seen.observe(element);
    },
    /** What a chart shows, in seconds since 1970. */
    range(id) {
      const { min, max } = charts.get(id).plot.scales.x;
      return [min, max];
    },
    repaint() {
      for (const { plot } of charts.values()) plot.redraw(false);
      drawn.clear();
      this.metrics();
    },
  };
})();
