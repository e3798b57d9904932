/** The program of the page and of a metric's page: starts each of their parts. */
import { startAddress } from "./address.ts";
import { startAgeChart } from "./age-chart.ts";
import { startChoices } from "./choices.ts";
import { startEveryPage } from "./every-page.ts";
import { startFirstMinute } from "./first-minute.ts";
import { startKeys } from "./keys.ts";
import { startLanes } from "./lanes.ts";
import { startLiveFigures } from "./live-figures.ts";
import { startMainChart } from "./main-chart.ts";
import { startMetricCharts } from "./metric-chart.ts";
import { startMetricPage } from "./metric-page.ts";
import { startConnection } from "./page-connection.ts";
import { startPause } from "./pause.ts";
import { startStale } from "./stale.ts";
import { startTitle } from "./title.ts";
import { startZone } from "./zone.ts";

/** A page without a frame after this long is started as it is. */
const UNPAINTED_MS = 500;

startEveryPage();
// One file for both: each is shorter than what they would share and two remainders.
afterFirstPaint(() => {
  // The style sheet leaves out before what is below the first screen.
  document.documentElement.toggleAttribute("data-started", true);
  if (document.body.dataset.page === "metric") startMetricPage();
  else startPage();
});

/** What the server has written is seen first; a tab in the background is not painted, and starts too. */
function afterFirstPaint(start: () => void): void {
  if (document.visibilityState === "hidden") {
    start();
    return;
  }
  // Of the two the first: a tab that is hidden before its first frame has none.
  const timer = setTimeout(start, UNPAINTED_MS);
  requestAnimationFrame(() => {
    clearTimeout(timer);
    setTimeout(start);
  });
}

function startPage(): void {
  startAddress();
  startChoices();
  startKeys();
  startPause();
  startZone();
  startStale();
  startTitle();
  startLiveFigures();
  startLanes();
  startFirstMinute();
  startConnection();
  startMainChart();
  startAgeChart();
  startMetricCharts();
}
