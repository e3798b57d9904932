/** The charts of metrics: each is drawn when it is in view. */
import { MetricChart } from "./metric-chart.ts";
import { on } from "./page-bus.ts";

const charts = new Map<Element, MetricChart>();

/** A range that is dragged changes many times per second: rows are loaded when it rests. */
const RANGE_REST_MS = 500;

/** Draws what is in view, and what comes into view later; `hasRange`: the page's range of time. */
export function startMetricCharts({ hasRange = true } = {}): void {
  const seen = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) if (isIntersecting) update(target as HTMLElement, hasRange);
    },
    { rootMargin: "200px" },
  );
  const scan = () => {
    for (const [element, chart] of charts) {
      if (element.isConnected) continue;
      chart.destroy();
      charts.delete(element);
    }
    // What is observed again reports whether it is in view: a panel may have newer rows.
    seen.disconnect();
    for (const element of document.querySelectorAll(".chart[data-metric]")) seen.observe(element);
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  on("state", () => {
    clearTimeout(timer);
    timer = setTimeout(scan, RANGE_REST_MS);
  });
  on("parts", (ids) => {
    // All of them, one panel, or the whole page.
    if (ids.some((id) => id === "metrics" || id.startsWith("metric-") || id === "main")) scan();
  });
  scan();
}

function update(element: HTMLElement, hasRange: boolean): void {
  const chart = charts.get(element) ?? new MetricChart(element, hasRange);
  charts.set(element, chart);
  void chart.update();
}
