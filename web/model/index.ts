/** What the page, the API and `doctor` know of the path, read from the stages' files. */
export { archivedTicks } from "./archived-ticks.ts";
export { explainText } from "./explain-text.ts";
export { problemLine } from "./health.ts";
export { AskedLog, errorText, inAnswerTime, type LogAnswer } from "./log-view.ts";
export { openSources, Sources } from "./sources.ts";
export { status } from "./status.ts";
export { windowDetail } from "./window-detail.ts";
export { parseWindowId } from "./window-id.ts";
