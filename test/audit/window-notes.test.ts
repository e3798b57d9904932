/** What an audit adds for people: where the log ends, and what advice remains. */
import { expect, test } from "bun:test";
import type { AuditReport } from "../../scripts/audit/audit-types.ts";
import { annotated, auditText, reportView } from "../../scripts/audit/index.ts";
import { at, audited, EXPERT, REPLACED, STREAMS, steady } from "../support/audit-cases.ts";
import { answersOf, recordsOf, runEngine } from "../support/foreign-engines.ts";
import { MINUTE } from "../support/foreign-rows.ts";

const textOf = (report: AuditReport) =>
  auditText(reportView({ kind: "windows", report }, []), { all: false, colors: false });

test("a row that has more than the log, where the log ends, is of answers that are newer", () => {
  const trades = steady();
  const answers = answersOf(runEngine(trades, EXPERT).windows, EXPERT);
  const cut = trades.slice(0, 8 * 60 + 20);
  const report = annotated(audited(cut, answers), { records: recordsOf(cut), answers, history: 0 });
  expect(at(report, 8).why).toStartWith("The log ends inside this window, at id 500; theirs has ");
  expect(at(report, 9).why).toBe(
    "The log ends before this window, at 2023-09-05T16:08:19Z: the answers are newer than the log.",
  );
  expect([at(report, 8).outcome, at(report, 9).outcome]).toEqual(["unexplained", "unexplained"]);
});

test("advice that was followed is not given again", () => {
  const trades = steady();
  const answers = answersOf(runEngine(trades, STREAMS).windows, STREAMS);
  const report: AuditReport = { ...audited(trades, answers), how: [] };
  const open = report.windows.with(1, { ...report.windows[1]!, outcome: "consistent", rules: ["W2"] });
  const suffix: AuditReport = { ...report, windows: open, model: { ...report.model, lateness: { kind: "suffix" } } };
  const given = { records: recordsOf(trades), answers, history: 0 };
  expect(textOf(annotated(suffix, given))).toContain("give the engine's trace (--checkpoint DIR) or its delay");
  expect(textOf(annotated(suffix, { ...given, lateness_us: MINUTE }))).toContain(
    "--lateness 1m does not fit record by record; Spark moves its watermark per batch: give --checkpoint DIR; to accept",
  );
  const { trace } = runEngine(trades, REPLACED);
  const late = { ...trace, batches: trace.batches.slice(3) };
  expect(textOf(annotated(suffix, { ...given, trace: late }))).toContain(
    `The trace begins at batch ${late.batches[0]!.batch}: windows before it can't be decided; to accept it, --trust W2`,
  );
});
