/** The verdict of each window: equal, explained, only consistent, or unexplained, in one sentence. */
import { EXACT_STYLE, type Row } from "./arithmetic-row.ts";
import type { AuditColumn, AuditRule, CellDifference, Hint, WindowVerdict } from "./audit-types.ts";
import { absence, membersOf } from "./engine-model.ts";
import type { AuditWindow } from "./engine-windows.ts";
import { type Cell, RowValues, readCell } from "./fit-cells.ts";
import { type Evidence, type Fit, isUnknown } from "./fit-model.ts";
import { refutedDrops } from "./late-suffix.ts";
import { type Certainty, isUnsure, withContradictions } from "./name-certainty.ts";
import { HintSearch } from "./name-hints.ts";
import { movedTicks, type OpenRow } from "./name-neighbours.ts";
import { rowless } from "./name-rowless.ts";
import {
  differing,
  exactText,
  inOrder,
  type Measure,
  makesRow,
  nameRules,
  needsEnds,
  needsOrder,
  reasons,
  togglesOf,
  valuesOf,
} from "./name-rules.ts";

/** How answers write that there is no number. */
const NO_NUMBER = /^(nan|null|none|n\/a)$/i;

/** Rules that change a value and no member. */
const OF_VALUES: readonly AuditRule[] = ["W1", "W6", "W12"];

/** A row with all ways in which the engine can have made it. */
interface Judged {
  window: AuditWindow;
  cells: Map<AuditColumn, Cell>;
  exact: Row;
  isEqual: boolean;
  /** Sets of members that make every cell; by the suffix rule several may. */
  ways: number[][];
  /** Where it is not known what was dropped as late: what the engine would hold without lateness. */
  open: readonly number[];
}

export function judgeWindows(
  measure: Measure,
  evidence: Evidence,
  fit: Fit,
  windows: readonly AuditWindow[],
  certainty: Certainty,
): WindowVerdict[] {
  const isEarly = evidence.emitsEarly(fit);
  const rowEnd_us = windows.reduce(
    (end_us, window) => (window.row === null ? end_us : Math.max(end_us, window.end_us)),
    Number.NEGATIVE_INFINITY,
  );
  const judged = windows.filter(({ row }) => row !== null).map((window) => judgeRow(measure, evidence, fit, window));
  withoutRefuted(measure, judged);
  const byWindow = new Map(judged.map((one) => [one.window, one]));
  const hints = new HintSearch(measure);
  const rows: OpenRow[] = [];
  const open = (one: Judged) => {
    const verdict = unexplained(measure, one, hints, { evidence, fit });
    rows.push(openRow(measure, evidence, one, verdict.hint ?? null));
    return verdict;
  };
  const alone = windows.map((window) => {
    const one = byWindow.get(window);
    return one === undefined
      ? rowless(measure, evidence, fit, window, certainty, { isEarly, rowEnd_us })
      : verdictOf(measure, fit, one, certainty, open);
  });
  const moved = movedTicks(measure, windows, rows, certainty.moved_us);
  const verdicts = alone.map((verdict, i) => {
    const hint = moved.get(windows[i]!);
    return hint === undefined ? verdict : { ...verdict, hint };
  });
  const clock = certainty.isLossConfirmed ? measure.clock : (measure.unbroken ?? measure.clock);
  return withContradictions(verdicts, contradictions({ ...measure, clock }, judged));
}

function openRow(
  { log, engine, clock }: Measure,
  evidence: Evidence,
  { window, cells }: Judged,
  hint: Hint | null,
): OpenRow {
  return { window, cells, row: evidence.looseRow(window), members: membersOf(log, engine, clock, window), hint };
}

/** Exact rows that the engine would have made otherwise, by rule. */
function contradictions(measure: Measure, judged: readonly Judged[]): Map<AuditRule, number> {
  const { log, engine, clock, plans } = measure;
  const counts = new Map<AuditRule, number>();
  for (const { window, cells, isEqual } of judged) {
    if (!isEqual || window.exact.length === 0) continue;
    // What nothing shows to be late is not left out.
    const isOpen = engine.lateness.kind === "suffix" || isUnknown(clock, window);
    const members = membersOf(log, engine, isOpen ? { ...clock, at_us: null } : clock, window);
    const rules = [...togglesOf({ ...measure, unbroken: null }, window, members).keys()];
    if (rules.length === 0 || makesRow(plans, cells, valuesOf(measure, members))) continue;
    for (const rule of rules) counts.set(rule, (counts.get(rule) ?? 0) + 1);
  }
  return counts;
}

/** Whether the row is exact, or made by the engine in every digit. */
export function isMade(measure: Measure, evidence: Evidence, fit: Fit, window: AuditWindow): boolean {
  const { isEqual, ways } = judgeRow(measure, evidence, fit, window);
  return isEqual || ways.length > 0;
}

function cellsOf(measure: Pick<Measure, "plans">, window: AuditWindow): Map<AuditColumn, Cell> {
  return new Map(measure.plans.map(({ name }) => [name, readCell(window.row!.cells[name] ?? null)]));
}

function judgeRow(measure: Measure, evidence: Evidence, fit: Fit, window: AuditWindow): Judged {
  const { log, engine, clock, plans } = measure;
  const cells = cellsOf(measure, window);
  const exact = new RowValues(log, window.exact, EXACT_STYLE, null).decimal;
  const isEqual = window.exact.length === 0 ? isEmptyRow(cells, exact) : differing(plans, cells, exact).length === 0;
  const isWay = (members: number[]) => makesRow(plans, cells, valuesOf(measure, members));
  const isKept = !window.isMoved || isWay(membersOf(log, engine, clock, window));
  const judged = { window, cells, exact, isEqual: isEqual && isKept };
  if (judged.isEqual) return { ...judged, ways: [], open: [] };
  if (engine.lateness.kind !== "suffix" && !isUnknown(clock, window))
    return { ...judged, ways: [membersOf(log, engine, clock, window)].filter(isWay), open: [] };
  const open = membersOf(log, engine, { ...clock, at_us: null }, window);
  const sets = evidence.dropped(fit, window).map((dropped) => open.filter((i) => !dropped.includes(i)));
  return { ...judged, ways: sets.filter(isWay), open };
}

/** A window without ticks that counts none is right; flags are those of an empty row. */
function isEmptyRow(cells: ReadonlyMap<AuditColumn, Cell>, exact: Row): boolean {
  if (cells.get("trade_count")?.number !== 0) return false;
  return [...cells].every(
    ([name, { text, number }]) => text === null || number === 0 || NO_NUMBER.test(text) || text === exact[name],
  );
}

/** Ticks of the exact window that the engine's watermark would have dropped. */
export function lateOf({ log, engine, clock }: Measure, { exact, end_us }: AuditWindow): number[] {
  return exact.filter((i) => absence(log, engine, clock, i, end_us) === "late");
}

/** Takes away the ways whose drops contradict what other windows kept: a watermark only rises. */
function withoutRefuted({ log, engine }: Measure, judged: Judged[]): void {
  const kept = (one: Judged) => (one.isEqual ? one.window.exact : (one.ways[0] ?? []));
  const list = judged.map((one) => {
    const has = new Set(kept(one));
    const dropped = one.ways.length === 0 ? [] : one.open.filter((i) => !has.has(i));
    return { end_us: one.window.end_us, kept: kept(one), dropped };
  });
  if (judged.every(({ open }) => open.length === 0)) return;
  const refutedOf = (dropped: readonly number[], end_us: number) =>
    refutedDrops(log, engine, [...list.map((one) => ({ ...one, dropped: [] })), { end_us, kept: [], dropped }]).size >
    0;
  const refuted = refutedDrops(log, engine, list);
  for (const [at, one] of judged.entries()) {
    if (!list[at]!.dropped.some((i) => refuted.has(i))) continue;
    one.ways = one.ways.slice(1).filter((way) => {
      const has = new Set(way);
      return !refutedOf(
        one.open.filter((i) => !has.has(i)),
        one.window.end_us,
      );
    });
  }
}

/** A verdict without the window. */
type Verdict = Omit<WindowVerdict, "product_id" | "window_start_us" | "where">;

/** `open`: the verdict of a row that nothing explains. */
function verdictOf(
  measure: Measure,
  fit: Fit,
  one: Judged,
  certainty: Certainty,
  open: (one: Judged) => Verdict,
): WindowVerdict {
  const { window, cells, ways } = one;
  const kept = one.isEqual ? lateOf(measure, window).length : 0;
  const shift: AuditRule[] = certainty.shift_us === 0 ? [] : ["W7"];
  const base = {
    product_id: window.product_id,
    window_start_us: window.start_us,
    where: window.row!.where,
  };
  if (one.isEqual)
    return {
      ...base,
      outcome: shift.length === 0 ? "equal" : "explained",
      rules: shift,
      differences: [],
      ticks: [],
      why: `Equal in every column${shift.length === 0 ? "" : "; only their times are shifted"}${kept === 0 ? "" : `; ticks late by the engine's watermark, and counted: ${kept}`}.`,
    };
  const members = ways[0];
  if (members === undefined) return { ...base, ...open(one) };
  const named = nameRules(measure, window, cells, members);
  const rules = inOrder([...named.rules, ...shift]);
  if (rules.length === 0) return { ...base, ...open(one) };
  const values = valuesOf(measure, members);
  const doubtful = [
    ...(needsOrder(measure, cells, values) ? ["W1"] : []),
    ...(needsEnds(measure, cells, values) ? ["W12"] : []),
  ];
  const unsure = rules.filter((rule) => doubtful.includes(rule) || isUnsure(rule, measure, fit, window, certainty));
  const isSure = unsure.length === 0;
  return {
    ...base,
    ...named,
    rules,
    outcome: isSure ? "explained" : "consistent",
    ...(isSure ? {} : { unproved: unsure }),
    why: `${isSure ? "" : "Consistent with: "}${reasons(rules, named.ticks, measure.engine)}${ways.length > 1 ? ` One of ${ways.length} sets of ticks that fit.` : ""}`,
  };
}

/** What differs from the exact row, without a rule; and how far from the model's own row. */
function unexplained(
  measure: Measure,
  one: Judged,
  hints: HintSearch,
  { evidence, fit }: { evidence: Evidence; fit: Fit },
): Verdict {
  const { plans, log, engine, clock } = measure;
  const { window, cells, exact } = one;
  const hasNone = window.exact.length === 0;
  const members = membersOf(log, engine, clock, window);
  const values = valuesOf(measure, members);
  const wrong = plans.filter((plan) => !makesRow([plan], cells, values)).map(({ name }) => name);
  const fitting = hasNone ? [] : plans.filter(({ name }) => !wrong.includes(name));
  const fits = new Map(
    nameRules({ ...measure, plans: fitting }, window, cells, members).differences.map((one) => [one.column, one.rules]),
  );
  const differences = (hasNone ? [...plans] : differing(plans, cells, exact)).map(
    ({ name }): CellDifference => ({
      column: name,
      theirs: cells.get(name)!.text,
      exact: hasNone ? null : exactText(name, exact[name]),
      // Only how a value is written: which ticks it has, the whole row must show.
      rules: (fits.get(name) ?? []).filter((rule) => OF_VALUES.includes(rule)),
    }),
  );
  const why = hasNone
    ? "The input has no tick in this window."
    : `No rule makes this row: the engine found for the whole answer differs in ${wrong.join(", ") || "no column"}.`;
  const drops = hasNone ? [] : evidence.likelyDrops(fit, window);
  const hint = hasNone
    ? null
    : hints.hintOf(window, evidence.looseRow(window), cells, members, drops, evidence.isLastRow(window));
  return { outcome: "unexplained", rules: [], differences, ticks: [], ...(hint === null ? {} : { hint }), why };
}
