/** Checks any pipeline's answers against the exact ones, each difference with its rule. */
export type { Answers, AuditRecord, AuditReport } from "./audit-types.ts";
export {
  type ExchangeTrades,
  type IdRange,
  judgeMinute,
  type MinuteVerdict,
  type StreamMinute,
} from "./witness-minute.ts";
export type { MinuteNumbers, WitnessTrade } from "./witness-numbers.ts";
export { type WitnessReport, witnessJson, witnessText, witnessTotals } from "./witness-report.ts";
