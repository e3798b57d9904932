/** The program of a page that needs nothing but what every page has. */
import { startEveryPage } from "./every-page.ts";

startEveryPage();
