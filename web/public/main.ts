/** The page's program: starts each of its parts. */
import { startAddress } from "./address.ts";
import { startAgeChart } from "./age-chart.ts";
import { startChoices } from "./choices.ts";
import { startEveryPage } from "./every-page.ts";
import { startKeys } from "./keys.ts";
import { startMainChart } from "./main-chart.ts";
import { startMetricCharts } from "./metric-chart.ts";
import { startConnection } from "./page-connection.ts";

startEveryPage();
startAddress();
startChoices();
startKeys();
startConnection();
startMainChart(document.getElementById("main-chart"));
startAgeChart(document.getElementById("age-chart"));
startMetricCharts();
