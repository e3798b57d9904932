/** What the page, the API and `doctor` know of the path, read from the stages' files. */
export { problemLine } from "./health.ts";
export { AskedLog, errorText, inAnswerTime, type LogAnswer } from "./log-view.ts";
export { Sources } from "./sources.ts";
export { status } from "./status.ts";
