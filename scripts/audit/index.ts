/** Checks any pipeline's answers against the exact ones, each difference with its rule. */
export { auditBatchRow } from "./answers/batch-row.ts";
export type {
  AnswerOptions,
  BatchRowReport,
  ForeignAnswers,
  TopicReader,
  TopicRecord,
  TradesReport,
} from "./answers/other-kinds.ts";
export { readAnswers } from "./answers/read-answers.ts";
export { auditTrades } from "./answers/trade-audit.ts";
export type { Answers, AuditRecord, AuditReport, WindowVerdict } from "./audit-types.ts";
export { auditWindows } from "./audit-windows.ts";
export { recordsOfLog, withoutHistory } from "./input/audit-record.ts";
export { requireCommonGround } from "./input/common-ground.ts";
export { fileRecords } from "./input/read-ticks.ts";
export { tickSource } from "./input/tick-source.ts";
export { parseTickMap } from "./input/trade-columns.ts";
export { auditPage } from "./report/audit-page.ts";
export { auditText } from "./report/audit-text.ts";
export { ofProduct } from "./report/one-product.ts";
export { type Audited, inputOf, reportView } from "./report/views.ts";
export { annotated } from "./report/window-notes.ts";
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
