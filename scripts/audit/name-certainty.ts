/** What decides between "explained" and "consistent with", rule by rule. */
import type { AuditRule, WindowVerdict } from "./audit-types.ts";
import type { Edge } from "./engine-edges.ts";
import type { AuditWindow } from "./engine-windows.ts";
import { type Evidence, type Fit, isUnknown, SUPPORT_MIN } from "./fit-model.ts";
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
  /** By the windows' edges a tick goes from one row to another: a single one can lack it otherwise. */
  isEdgeConfirmed: boolean;
  /** Added to their times (W7); 0: none. */
  shift_us: number;
  /** How far their starts are from those that are shown. */
  moved_us: number;
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
  if (rule === "W7") return !certainty.isEdgeConfirmed;
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

/** Whether some tick that these edges move is missing in one row and a surplus in another. */
export function isEdgeConfirmed(edge: Edge, windows: readonly AuditWindow[], { failing }: Fit): boolean {
  if (edge === "left") return true;
  const lost = new Set<number>();
  const found = new Set<number>();
  for (const window of windows) {
    if (!window.isMoved || window.row === null || failing.includes(window)) continue;
    const [placed, exact] = [new Set(window.arrivals), new Set(window.exact)];
    for (const i of exact.difference(placed)) lost.add(i);
    for (const i of placed.difference(exact)) found.add(i);
  }
  return !lost.isDisjointFrom(found);
}

/**
 * Rows that a rule explains are only consistent with it if exact rows contradict it: of a window that
 * the same engine would have made otherwise. A rule needs SUPPORT_MIN rows for each of those.
 */
export function withContradictions(
  verdicts: readonly WindowVerdict[],
  contradicting: ReadonlyMap<AuditRule, number>,
): WindowVerdict[] {
  const isOf = (rule: AuditRule) => (one: WindowVerdict) => one.outcome !== "unexplained" && one.rules.includes(rule);
  const doubtful = [...contradicting].filter(
    ([rule, count]) => verdicts.filter(isOf(rule)).length < count * SUPPORT_MIN,
  );
  return verdicts.map((one) => {
    const doubts = doubtful.filter(([rule]) => isOf(rule)(one));
    if (doubts.length === 0) return one;
    const counts = doubts.map(([rule, count]) => ` Exact rows that ${rule} would have changed: ${count}.`);
    return {
      ...one,
      outcome: "consistent",
      unproved: [...new Set([...(one.unproved ?? []), ...doubts.map(([rule]) => rule)])],
      why: `${one.outcome === "explained" ? "Consistent with: " : ""}${one.why}${counts.join("")}`,
    };
  });
}
