/* Listens to /events, shows when the connection is lost, and takes keys. */
(() => {
  const live = document.getElementById("live");
  const connection = document.getElementById("connection");
  const lost = (isLost) => {
    connection.hidden = !isLost;
  };

  live.addEventListener("windows", (event) => window.tidemarkCharts.windows(JSON.parse(event.detail.data)));
  live.addEventListener("batch", (event) => window.tidemarkCharts.batch(JSON.parse(event.detail.data)));
  document.addEventListener("htmx:sse:after:message", () => window.tidemarkCharts.metrics());
  document.addEventListener("htmx:sse:after:connection", () => lost(false));
  document.addEventListener("htmx:sse:error", () => lost(true));
  document.addEventListener("htmx:sse:before:connection", (event) => lost(event.detail.connection.attempt > 0));

  /* htmx 4.0.1 retries a stream that broke off, but not one that never began. */
  const again = () => {
    lost(true);
    setTimeout(() => window.htmx.trigger(live, "retry"), 1_000);
  };
  document.addEventListener("htmx:error", again);
  document.addEventListener("htmx:response:error", again);

  const THEMES = ["system", "light", "dark"];
  function nextTheme() {
    const { dataset } = document.documentElement;
    dataset.theme = THEMES[(THEMES.indexOf(dataset.theme) + 1) % THEMES.length];
    localStorage.setItem("tidemark-theme", dataset.theme);
    window.tidemarkCharts.repaint();
  }
  document.getElementById("theme").addEventListener("click", nextTheme);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.tidemarkCharts.repaint());
  document.addEventListener("keydown", (event) => {
    if (
      event.key === "t" &&
      !event.ctrlKey &&
      !event.metaKey &&
      !event.altKey &&
      !/INPUT|TEXTAREA|SELECT/.test(event.target.tagName)
    )
      nextTheme();
  });

  window.tidemarkCharts.metrics();
})();
