/** The part of an audit that is about one product; the whole log was needed to find the engine. */
import { AUDIT_RULES, type AuditReport, type AuditRule, type WindowVerdict } from "../audit-types.ts";

/** Rows that name no product stay. */
export function ofProduct(report: AuditReport, product: string): AuditReport {
  const windows = report.windows.filter(({ product_id }) => product_id === product || product_id === "");
  const count = (outcome: WindowVerdict["outcome"]) => windows.filter((one) => one.outcome === outcome).length;
  const explained = windows.filter(({ outcome }) => outcome === "explained");
  const by_rule = (Object.keys(AUDIT_RULES) as AuditRule[])
    .map((rule) => ({
      rule,
      windows: explained.filter(({ rules }) => rules[0] === rule).length,
      ticks: explained.flatMap(({ ticks }) => ticks.filter((tick) => tick.rule === rule)).length,
    }))
    .filter((one) => one.windows + one.ticks > 0);
  const { superseded_rows, uncommitted_rows } = report.totals;
  const totals = {
    windows: windows.length,
    equal: count("equal"),
    consistent: count("consistent"),
    unexplained: count("unexplained"),
    by_rule,
    superseded_rows,
    uncommitted_rows,
  };
  return { ...report, windows, totals };
}
