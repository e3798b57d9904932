/** The audit of windows as a view: summary line, notes, and the differing windows. */
import { formatDuration } from "../../base/duration.ts";
import { isoSecondFromUs } from "../../base/iso.ts";
import { AUDIT_RULES, type AuditReport, type AuditRule, type WindowVerdict } from "../audit-types.ts";
import { NAMED_TICKS_MAX, ruleName } from "../name-rules.ts";
import { counted, countOf, inReadingOrder, type ReportView, UNPROVED } from "./report-view.ts";

/** `trusted`: rules whose windows pass although they are only consistent. */
export function windowView(report: AuditReport, trusted: readonly string[]): ReportView {
  const { windows, totals, answers, input, how } = report;
  return {
    summary: summaryLine(report),
    passed: windows.every((one) => isAccepted(one, trusted)),
    unit: "windows",
    facts: [
      { name: "ticks", text: inputText(input) },
      { name: "answers", text: answersText(report) },
    ],
    how,
    notes: notes(report, trusted),
    equal: totals.equal,
    unexplained: totals.unexplained,
    rules: ruleCounts(report),
    columns: answers.columns,
    parts: inReadingOrder(windows).map((verdict) => ({
      name: windowName(report, verdict),
      outcome: verdict.outcome,
      rules: verdict.rules,
      ...(verdict.unproved === undefined ? {} : { unproved: verdict.unproved }),
      why: verdict.why,
      where: verdict.where,
      ...(verdict.where !== null && verdict.rules[0] === "W7" ? { what: "times shifted" } : {}),
      cells: verdict.differences,
      ticks: verdict.ticks,
      ...(verdict.hint === undefined ? {} : { hint: verdict.hint }),
    })),
  };
}

function isAccepted(verdict: WindowVerdict, trusted: readonly string[]): boolean {
  if (verdict.outcome === "consistent") return unprovedOf(verdict).every((rule) => trusted.includes(rule));
  return verdict.outcome !== "unexplained";
}

function unprovedOf({ rules, unproved }: WindowVerdict): AuditRule[] {
  return unproved ?? rules.filter((rule) => UNPROVED.includes(rule));
}

/** Windows of one outcome, each under its first rule (that is not proved), in the rules' order. */
function byRule({ windows }: AuditReport, outcome: "explained" | "consistent") {
  const some = windows.filter((one) => one.outcome === outcome);
  return (Object.keys(AUDIT_RULES) as AuditRule[]).flatMap((rule) => {
    const first = (one: WindowVerdict) => (outcome === "consistent" ? unprovedOf(one)[0] : null) ?? one.rules[0];
    const under = some.filter((one) => first(one) === rule);
    if (under.length === 0) return [];
    const named = some.map((one) => one.ticks.filter((tick) => tick.rule === rule).length);
    const isCut = named.some((count) => count >= NAMED_TICKS_MAX);
    return [{ rule, windows: under.length, ticks: named.reduce((sum, count) => sum + count, 0), isCut }];
  });
}

/** The rule in words; of floats, those that the engine has. */
function ruleText(rule: AuditRule, { model }: AuditReport): string {
  if (rule !== "W1" || model.arithmetic === "decimal") return ruleName(rule, model);
  return model.arithmetic === "float32" ? "32-bit floats" : "64-bit floats";
}

/** `1,440 windows: 1,391 equal, 31 by 32-bit floats (W1), …, 0 unexplained`. */
function summaryLine(report: AuditReport): string {
  const { totals } = report;
  const part = (word: string, { rule, windows, ticks, isCut }: ReturnType<typeof byRule>[number]) => {
    const named = ticks === 0 ? "" : `, ${isCut ? "at least " : ""}${countOf(ticks, "ticks")}`;
    return `${counted(windows)} ${word} ${ruleText(rule, report)} (${rule}${named})`;
  };
  const earlier = totals.superseded_rows;
  return `${countOf(totals.windows, "windows")}: ${[
    `${counted(totals.equal)} equal`,
    ...byRule(report, "explained").map((one) => part("by", one)),
    ...byRule(report, "consistent").map((one) => part("only consistent with", one)),
    `${counted(totals.unexplained)} unexplained`,
    ...(earlier === 0 ? [] : [`${countOf(earlier, "earlier rows")} (W9)`]),
  ].join(", ")}`;
}

function ruleCounts(report: AuditReport): ReportView["rules"] {
  const proved = new Map(byRule(report, "explained").map((one) => [one.rule, one]));
  const open = new Map(byRule(report, "consistent").map((one) => [one.rule, one]));
  return (Object.keys(AUDIT_RULES) as AuditRule[]).flatMap((rule) => {
    const [one, other] = [proved.get(rule), open.get(rule)];
    if (one === undefined && other === undefined) return [];
    const ticks = (one?.ticks ?? 0) + (other?.ticks ?? 0);
    const windows = { explained: one?.windows ?? 0, consistent: other?.windows ?? 0 };
    return [{ rule, what: ruleText(rule, report), ...windows, ticks }];
  });
}

/** What is not compared, and what to do about windows that are only consistent. */
function notes({ answers, windows, notes = [], advice }: AuditReport, trusted: readonly string[]): string[] {
  const rules = new Set(windows.filter(({ outcome }) => outcome === "consistent").flatMap(unprovedOf));
  return [
    ...ignoredNote(answers.ignored, "Columns not compared"),
    ...notes,
    ...trustNotes([...rules], trusted, advice),
  ];
}

export function ignoredNote(ignored: readonly string[], title = "Not compared"): string[] {
  return ignored.length === 0
    ? []
    : [`${title}: ${ignored.map((name) => name.trim() || "(a column without a name)").join(", ")}.`];
}

const ADVICE = "To decide it, give the engine's trace (--checkpoint DIR) or its delay (--lateness 1m)";

/** What to do about rules that are only consistent, and which of them were accepted. */
export function trustNotes(rules: readonly string[], trusted: readonly string[], advice = ADVICE): string[] {
  const found: string[] = [];
  const all = rules.filter((rule) => !trusted.includes(rule));
  const open = all.filter((rule) => !["W1", "W7", "W12", "W13"].includes(rule));
  if (all.includes("W7"))
    found.push("W7?: their windows hold other ticks than their times name; to accept it, --trust W7.");
  if (all.includes("W1"))
    found.push(
      "W1?: only an unknown order of adding fits, and so would an error of that size; to accept it, --trust W1.",
    );
  if (all.includes("W12"))
    found.push(
      "W12?: of several trades at one time, or of several partitions, any can be the first or last, and too few rows show it; to accept it, --trust W12.",
    );
  if (all.includes("W13"))
    found.push("W13?: only one window has such trades, and a lost one would look the same; to accept it, --trust W13.");
  if (open.length > 0)
    found.push(
      `A question mark (${open.map((rule) => `${rule}?`).join(", ")}): the rule fits, but a loss would look the same. ${advice}; to accept it, ${open.map((rule) => `--trust ${rule}`).join(" ")}.`,
    );
  const accepted = rules.filter((rule) => trusted.includes(rule));
  if (accepted.length > 0) found.push(`Accepted without a proof, by --trust: ${accepted.join(", ")}.`);
  return found;
}

/** What was read as the input. */
export function inputText({ url, records, ticks, repeated, refused, products }: AuditReport["input"]): string {
  const more = `${counted(repeated)} repeated, ${counted(refused)} not a trade`;
  return `${url}: ${countOf(records, "records")}, ${countOf(ticks, "ticks")} of ${products.join(", ")} (${more})`;
}

function answersText({ answers, shape, totals }: AuditReport): string {
  const { size_us, every_us, offset_us, hasZone, zone, shift_us } = shape;
  const read = `read as ${zone ?? `UTC ${shift_us > 0 ? "−" : "+"} ${formatDuration(Math.abs(shift_us))}`}`;
  const every = every_us === size_us ? "" : ` every ${formatDuration(every_us)}`;
  const offset = offset_us === 0 ? "" : `, beginning ${formatDuration(offset_us)} after a multiple of it`;
  const size = `windows of ${formatDuration(size_us)}${every}${offset}`;
  const { superseded_rows: earlier, repeated_rows: repeated = 0 } = totals;
  const again = repeated === 0 ? "" : ` (${countOf(repeated, "repeated rows")})`;
  const ofThem = earlier === 0 ? "" : `, ${counted(earlier)} of them earlier rows of the same windows${again}`;
  return `${answers.url}: ${countOf(answers.rows + earlier, "rows")}${ofThem}, ${size}, times ${hasZone ? "with" : "without"} a zone, ${read}`;
}

/** A window's start, after the product where there are several. */
function windowName({ input }: AuditReport, { product_id, window_start_us }: WindowVerdict): string {
  const start = isoSecondFromUs(window_start_us);
  return input.products.length === 1 ? start : `${product_id} ${start}`;
}
