/** The chosen theme, set before the first paint. Without a choice it is the system's. */
import { storedTheme } from "./theme-choice.ts";

document.documentElement.dataset.theme = storedTheme();
