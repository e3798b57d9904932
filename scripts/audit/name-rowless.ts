/** The verdict of a window of the input for which they have no row. */
import { isoSecondFromUs } from "../base/iso.ts";
import type { WindowVerdict } from "./audit-types.ts";
import { absence, membersOf, ruleOf } from "./engine-model.ts";
import type { AuditWindow } from "./engine-windows.ts";
import type { Evidence, Fit } from "./fit-model.ts";
import { type Certainty, isSureWithout } from "./name-certainty.ts";
import { inOrder, type Measure, NAMED_TICKS_MAX, reasons, tickAt } from "./name-rules.ts";

/** `rowEnd_us`: the end of the last window that has a row. */
export function rowless(
  measure: Measure,
  evidence: Evidence,
  fit: Fit,
  window: AuditWindow,
  certainty: Certainty,
  { isEarly, rowEnd_us }: { isEarly: boolean; rowEnd_us: number },
): WindowVerdict {
  const { log, engine, clock } = measure;
  const base = { product_id: window.product_id, window_start_us: window.start_us, differences: [], where: null };
  const found = evidence.whyNoRow(fit, window, isEarly);
  const why = found === "open" && isClosedBy(rowEnd_us, measure, window) ? null : found;
  if (why === null)
    return {
      ...base,
      outcome: "unexplained",
      rules: [],
      ticks: [],
      why: `No row, although ${window.exact.length} of its ticks were not late and a watermark passed its end.`,
    };
  const placed = new Set(window.arrivals);
  const ruleAt = (i: number) => {
    if (why === "open") return "W4";
    if (!placed.has(i)) return "W7";
    return ruleOf(absence(log, engine, clock, i, window.end_us) ?? "late", log, i, engine);
  };
  const rules = inOrder(window.exact.map(ruleAt));
  const isSure = rules.every((rule) => isSureWithout(rule, measure, evidence, window, certainty));
  const ticks = why === "open" ? [] : window.exact.map((i) => tickAt(log, i, "missing", ruleAt(i)));
  const text =
    why === "open"
      ? `No later event closed it by ${isoSecondFromUs(window.end_us)} (W4).`
      : reasons(rules, ticks, engine);
  return {
    ...base,
    outcome: isSure ? "explained" : "consistent",
    rules,
    ticks: ticks.slice(0, NAMED_TICKS_MAX),
    why: `${isSure ? "" : "Consistent with: "}${text}`,
  };
}

/** Whether the row of a later window shows that a watermark beyond the trace's last closed this one. */
function isClosedBy(rowEnd_us: number, { log, engine, clock }: Measure, window: AuditWindow): boolean {
  if (engine.lateness.kind !== "trace" || window.end_us > rowEnd_us) return false;
  return membersOf(log, engine, clock, window).some((i) => !Number.isNaN(clock.at_us![i]!));
}
