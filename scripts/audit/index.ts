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
export { type AuditOptions, auditWindows } from "./audit-windows.ts";
export { readSparkTrace } from "./spark-trace.ts";
export {
  type ExchangeTrades,
  type IdRange,
  judgeMinute,
  type MinuteVerdict,
  type StreamMinute,
} from "./witness-minute.ts";
export type { MinuteNumbers, WitnessTrade } from "./witness-numbers.ts";
export { type WitnessReport, witnessJson, witnessText, witnessTotals } from "./witness-report.ts";
