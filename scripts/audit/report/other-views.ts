/** The audits of the batch's one-row answers and of a table of trades as views. */
import { type AnswerReason, type BatchRowReport, OTHER_REASONS, type TradesReport } from "../answers/other-kinds.ts";
import { AUDIT_RULES, type AuditReport } from "../audit-types.ts";
import { counted, countOf, inReadingOrder, type ReportView } from "./report-view.ts";
import { ignoredNote, inputText, trustNotes } from "./window-view.ts";

interface Sides {
  input: AuditReport["input"];
  url: string;
  trusted: readonly string[];
}

/** One row per run over the whole table. */
export function batchRowView({ totals, rows, how, columns, ignored }: BatchRowReport, sides: Sides): ReportView {
  const { equal, unexplained, by_reason, uncommitted_rows } = totals;
  const reasons = by_reason.map(({ reason, rows }) => `${counted(rows)} by ${REASONS[reason]} (${reason})`);
  const uncommitted = `Not read, since no committed batch names their files (W11): ${countOf(uncommitted_rows, "rows")}.`;
  const open = rows.filter(({ outcome }) => outcome === "consistent").flatMap((row) => row.reasons);
  return {
    summary: `${countOf(totals.rows, "rows")}: ${[`${counted(equal)} equal`, ...reasons, `${counted(unexplained)} unexplained`].join(", ")}`,
    passed: unexplained === 0 && open.every((reason) => sides.trusted.includes(reason)),
    unit: "rows",
    facts: facts(sides, countOf(totals.rows, "rows"), "each of all trades up to its run"),
    how,
    notes: [
      ...(uncommitted_rows === 0 ? [] : [uncommitted]),
      ...ignoredNote(ignored),
      ...trustNotes([...new Set(open)], sides.trusted, LATER),
    ],
    equal,
    unexplained,
    rules: by_reason.map(({ reason, rows }) => {
      return { rule: reason, what: REASONS[reason], explained: rows, consistent: 0, ticks: 0 };
    }),
    columns,
    parts: inReadingOrder(rows.map((row) => ({ ...row, rules: row.reasons }))).map((row) => ({
      name: row.where,
      outcome: row.outcome,
      rules: row.rules,
      why: row.why,
      where: row.read === null ? null : `offsets ${row.read.from.offset} to ${row.read.to.offset}`,
      cells: row.differences.map((one) => ({ ...one, rules: one.reasons })),
      ticks: [],
    })),
  };
}

/** What decides whether a table is behind the log. */
const LATER = "To decide it, audit again when their consumer has read the log to its end";

const REASONS: Record<AnswerReason, string> = { ...AUDIT_RULES, ...OTHER_REASONS };

/** Trades of a table, one row each. */
export function tradesView({ totals, trades, how, columns, ignored }: TradesReport, sides: Sides): ReportView {
  const { missing, surplus, altered, consistent, unexplained, by_reason } = totals;
  const reasons = by_reason.map(({ reason, trades }) => `${counted(trades)} by ${REASONS[reason]} (${reason})`);
  return {
    summary: `${countOf(totals.expected, "trades")}: ${[`${counted(totals.equal)} equal`, ...reasons, `${counted(unexplained)} unexplained`].join(", ")}`,
    passed: unexplained === 0 && (consistent === 0 || sides.trusted.includes("behind")),
    unit: "trades",
    facts: facts(sides, countOf(totals.rows, "rows"), "a row per trade"),
    how,
    notes: [
      `${counted(missing)} missing, ${counted(surplus)} too many, ${counted(altered)} with other values.`,
      ...ignoredNote(ignored),
      ...trustNotes(consistent > 0 ? ["behind"] : [], sides.trusted, LATER),
    ],
    equal: totals.equal,
    unexplained,
    rules: by_reason.map(({ reason, trades }) => {
      const isOpen = reason === "behind";
      const counts = { explained: isOpen ? 0 : trades, consistent: isOpen ? trades : 0 };
      return { rule: reason, what: REASONS[reason], ...counts, ticks: 0 };
    }),
    columns,
    parts: trades.map(({ trade_id, product_id, what, reason, differences, where, why }) => ({
      name: product_id === null ? trade_id : `${product_id} ${trade_id}`,
      outcome: reason === null ? "unexplained" : reason === "behind" ? "consistent" : "explained",
      rules: reason === null ? [] : [reason],
      why,
      where,
      cells: differences.map((one) => ({ ...one, rules: reason === null ? [] : [reason] })),
      ticks: [],
      ...(differences.length === 0 ? { what } : {}),
    })),
  };
}

function facts({ input, url }: Sides, rows: string, what: string): ReportView["facts"] {
  return [
    { name: "ticks", text: inputText(input) },
    { name: "answers", text: `${url}: ${rows}, ${what}` },
  ];
}
