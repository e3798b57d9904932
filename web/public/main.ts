/** The program of the page and of a metric's page: starts each of their parts. */
import { startAddress } from "./address.ts";
import { startAgeChart } from "./age-chart.ts";
import { chooseRange, startChoices } from "./choices.ts";
import { startEveryPage } from "./every-page.ts";
import { startFirstMinute } from "./first-minute.ts";
import type { Key } from "./keys-choice.ts";
import { startLanes } from "./lanes.ts";
import { startLiveFigures } from "./live-figures.ts";
import { startMainChart } from "./main-chart.ts";
import { startMetricCharts } from "./metric-charts.ts";
import { startMetricPage } from "./metric-page.ts";
import { startConnection } from "./page-connection.ts";
import { startPause, togglePause } from "./pause.ts";
import { startStale } from "./stale.ts";
import { startTitle } from "./title.ts";
import { startZone } from "./zone.ts";

/** A page without a frame after this long is started as it is. */
const UNPAINTED_MS = 500;

/** What charts take when they have the focus. */
const CHART_KEYS: Key[] = [
  ["← →", "in a chart: read its values one by one"],
  ["Home End PgUp PgDn", "in a chart: first, last, ten back, ten on"],
  ["Esc", "in a chart: read no value"],
  ["0", "in a metric's chart: all of it after a zoom"],
];
const PAGE_KEYS: Key[] = [
  ["p", "stop the page where it is, and resume", togglePause],
  ["1 2 3 4", "last 15 minutes, hour, 6 hours, all", (key) => chooseRange(Number(key))],
  ...CHART_KEYS,
  ["+ −", "in the main chart: zoom"],
  ["↵", "in the main chart: open the window's page"],
];

// One file for both: each is shorter than what they would share and two remainders.
const isMetric = document.body.dataset.page === "metric";
afterFirstPaint(() => {
  // The style sheet leaves out before what is below the first screen.
  document.documentElement.toggleAttribute("data-started", true);
  if (isMetric) {
    startEveryPage(CHART_KEYS);
    startMetricPage();
  } else startPage();
});

/** What the server has written is seen first; a tab in the background is not painted, and starts too. */
function afterFirstPaint(start: () => void): void {
  if (document.visibilityState === "hidden") {
    start();
    return;
  }
  let isStarted = false;
  const once = () => {
    if (!isStarted) start();
    isStarted = true;
  };
  // Of the two the first: a tab that is hidden before its first frame has none.
  setTimeout(once, UNPAINTED_MS);
  requestAnimationFrame(() => setTimeout(once));
}

function startPage(): void {
  startEveryPage(PAGE_KEYS);
  startAddress();
  startChoices();
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
