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

startEveryPage();
// One file for both: each is shorter than what they would share and two remainders.
if (document.body.dataset.page === "metric") startMetricPage();
else startPage();

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
