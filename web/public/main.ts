/** The page's program: starts each of its parts. */
import { startAddress } from "./address.ts";
import { startAgeChart } from "./age-chart.ts";
import { startChoices } from "./choices.ts";
import { startEveryPage } from "./every-page.ts";
import { startKeys } from "./keys.ts";
import { startLanes } from "./lanes.ts";
import { startLiveFigures } from "./live-figures.ts";
import { startMainChart } from "./main-chart.ts";
import { startConnection } from "./page-connection.ts";
import { startPause } from "./pause.ts";
import { startStale } from "./stale.ts";
import { startTitle } from "./title.ts";
import { startZone } from "./zone.ts";

startEveryPage();
startAddress();
startChoices();
startKeys();
startPause();
startZone();
startStale();
startTitle();
startLiveFigures();
startLanes();
startConnection();
startMainChart(document.getElementById("main-chart"));
startAgeChart(document.getElementById("age-chart"));
