/** SQL that users write: reading it, running it in a sandbox, and what becomes of its rows. */
export { openDestination } from "./destination.ts";
export { isLimited, runLimited } from "./limited.ts";
export { logRun, Outputs } from "./output.ts";
export { type PlannedQuery, planQuery, type QueryOptions, runPlanned } from "./planned-query.ts";
export { agreementOf, type MetricOutcome, runMetric } from "./run.ts";
export { Sandbox } from "./sandbox.ts";
export { runMetricsOnSpark } from "./spark/spark-run.ts";
export { FORMATS } from "./user-query.ts";
