/** The page's program: starts each of its parts. */
import { startAddress } from "./address.ts";
import { startChoices } from "./choices.ts";
import { startEveryPage } from "./every-page.ts";
import { startKeys } from "./keys.ts";
import { startConnection } from "./page-connection.ts";

startEveryPage();
startAddress();
startChoices();
startKeys();
startConnection();
