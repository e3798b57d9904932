/** The log between feed and jobs: open it by its URL, follow it, ask for its ends. */
export { repairLog, repairText } from "./embedded/repair.ts";
export { type LogEnds, logEnds } from "./ends.ts";
export { after, countRecords, firstOffsets, follow, type LogJob, readingAgain } from "./follow.ts";
export { withTopic } from "./kafka/topic-url.ts";
export { checkLogUrl, logName, openLog, parseLogUrl } from "./open.ts";
export { readToEnd } from "./shared/read-to-end.ts";
export { wholeLog } from "./whole-log.ts";
