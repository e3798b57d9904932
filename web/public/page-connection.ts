/** Listens to /events, and shows when the connection is lost. */
import { on } from "./page-bus.ts";

interface Charts {
  windows(data: unknown): void;
  batch(data: unknown): void;
  metrics(): void;
  repaint(): void;
}
declare global {
  interface Window {
    tidemarkCharts: Charts;
    htmx: { trigger(element: Element, name: string): void };
  }
}

export function startConnection(): void {
  const live = document.getElementById("live");
  const connection = document.getElementById("connection");
  if (live === null || connection === null) return;
  const lost = (isLost: boolean) => {
    connection.hidden = !isLost;
  };
  const dataOf = (event: Event) => JSON.parse((event as CustomEvent<{ data: string }>).detail.data);
  live.addEventListener("windows", (event) => window.tidemarkCharts.windows(dataOf(event)));
  live.addEventListener("batch", (event) => window.tidemarkCharts.batch(dataOf(event)));
  document.addEventListener("htmx:sse:after:message", () => window.tidemarkCharts.metrics());
  document.addEventListener("htmx:sse:after:connection", () => lost(false));
  document.addEventListener("htmx:sse:error", () => lost(true));

  // htmx 4.0.1 retries a stream that broke off, but not one that never began.
  const again = () => {
    lost(true);
    setTimeout(() => window.htmx.trigger(live, "retry"), 1_000);
  };
  document.addEventListener("htmx:error", again);
  document.addEventListener("htmx:response:error", again);
  on("theme", () => window.tidemarkCharts.repaint());
  window.tidemarkCharts.metrics();
}
