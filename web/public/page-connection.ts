/** Listens to /events, and shows when the connection is lost. */
import { emit } from "./page-bus.ts";

declare global {
  interface Window {
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
  document.addEventListener("htmx:sse:after:message", () => emit("parts", []));
  document.addEventListener("htmx:sse:after:connection", () => lost(false));
  document.addEventListener("htmx:sse:error", () => lost(true));

  // htmx 4.0.1 retries a stream that broke off, but not one that never began.
  const again = () => {
    lost(true);
    setTimeout(() => window.htmx.trigger(live, "retry"), 1_000);
  };
  document.addEventListener("htmx:error", again);
  document.addEventListener("htmx:response:error", again);
}
