/** What decides between "explained" and "consistent with", rule by rule. */
import type { AuditRule } from "./audit-types.ts";
import type { AuditWindow } from "./engine-windows.ts";
import { type Evidence, type Fit, isUnknown } from "./fit-model.ts";
import type { Measure } from "./name-rules.ts";

/** What decides between "explained" and "consistent with". */
export interface Certainty {
  hasTrace: boolean;
  /** Its watermarks follow from the log. */
  isTraceProven: boolean;
  hasDelay: boolean;
  /** Windows whose late ticks no other window confirms. */
  alone: ReadonlySet<AuditWindow>;
  /** Lost clocks are confirmed by several windows. */
  isLossConfirmed: boolean;
  /** Trades are merged in several windows: a single one can be a lost tick. */
  isMergeConfirmed: boolean;
  /** Added to their times (W7); 0: none. */
  shift_us: number;
}

/** Whether nothing proves this rule of a row. */
export function isUnsure(
  rule: AuditRule,
  { engine, clock }: Measure,
  fit: Fit,
  window: AuditWindow,
  certainty: Certainty,
) {
  if (rule === "W10") return !certainty.hasTrace;
  if (rule === "W8") return !certainty.isLossConfirmed;
  if (rule === "W13") return !certainty.isMergeConfirmed;
  if (rule !== "W2") return false;
  if (engine.lateness.kind === "suffix" || isUnknown(clock, window)) return true;
  if (engine.lateness.kind === "trace") return !certainty.isTraceProven;
  return fit.engine.lateness.kind === "each_record" && !certainty.hasDelay && certainty.alone.has(window);
}

/** Whether this rule of a window without a row is proved. */
export function isSureWithout(
  rule: AuditRule,
  measure: Measure,
  evidence: Evidence,
  window: AuditWindow,
  certainty: Certainty,
) {
  const { engine, clock } = measure;
  if (engine.lateness.kind === "trace") {
    if (isUnknown(clock, window)) return false;
    const isOpen = rule === "W4" && window.end_us <= clock.possible_us(window.product);
    return rule === "W2" || rule === "W4" ? certainty.isTraceProven && !isOpen : true;
  }
  if (rule === "W10") return certainty.hasTrace;
  if (rule === "W2")
    return engine.lateness.kind === "each_record" && (certainty.hasDelay || !certainty.alone.has(window));
  if (rule !== "W4") return true;
  if (engine.lateness.kind === "each_record") return certainty.hasDelay;
  return certainty.hasDelay && window.end_us > evidence.last_us - (evidence.settings.lateness_us ?? 0);
}
