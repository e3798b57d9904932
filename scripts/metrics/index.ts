/** SQL that users write: reading it, running it in a sandbox, and what becomes of its rows. */
export { openDestination } from "./destination.ts";
export { isLimited, runLimited } from "./limited.ts";
export { logRun, Outputs } from "./output.ts";
<<<<<<< HEAD
export { agreementOf, answer, type MetricOutcome, withPlace } from "./run.ts";
=======
export { type PlannedQuery, planQuery, type QueryOptions, runPlanned } from "./planned-query.ts";
export { type Agreement, agreementOf, answer, type MetricResult, withPlace } from "./run.ts";
>>>>>>> 657faa7 (WIP commands)
export { Sandbox } from "./sandbox.ts";
export { answerOnSpark } from "./spark/spark-run.ts";
export { FORMATS } from "./user-query.ts";
