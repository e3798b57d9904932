/** Checks any pipeline's answers against the exact ones, each difference with its rule. */
export type { Answers, AuditRecord, AuditReport } from "./audit-types.ts";
