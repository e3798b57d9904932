/** SQL that users write: reading it, running it in a sandbox, and what becomes of its rows. */
export { openDestination } from "./destination.ts";
export { isLimited, runLimited } from "./limited.ts";
export { logRun, Outputs } from "./output.ts";
export { agreementOf, answer, type MetricOutcome, withPlace } from "./run.ts";
export { Sandbox } from "./sandbox.ts";
export { answerOnSpark } from "./spark/spark-run.ts";
export { FORMATS, type Format, runQuery } from "./user-query.ts";
