/** Checks any pipeline's answers against the exact ones, each difference with its rule. */
export { auditBatchRow } from "./answers/batch-row.ts";
export type {
  AnswerOptions,
  AnswerReason,
  BatchRowReport,
  BatchRowVerdict,
  ForeignAnswers,
  TopicReader,
  TopicRecord,
  TradesReport,
  TradeVerdict,
} from "./answers/other-kinds.ts";
export { OTHER_REASONS } from "./answers/other-kinds.ts";
export { readAnswers } from "./answers/read-answers.ts";
export { auditTrades } from "./answers/trade-audit.ts";
export type { Answers, AuditRecord, AuditReport } from "./audit-types.ts";
export { recordsOfLog } from "./input/audit-record.ts";
export { fileRecords } from "./input/read-ticks.ts";
export { type TickSource, tickSource } from "./input/tick-source.ts";
export { parseTickMap } from "./input/trade-columns.ts";
