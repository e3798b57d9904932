/** Checks any pipeline's answers against the exact ones, each difference with its rule. */
export type { Answers, AuditRecord, AuditReport } from "./audit-types.ts";
export { type AuditOptions, auditWindows } from "./audit-windows.ts";
export { readSparkTrace } from "./spark-trace.ts";
