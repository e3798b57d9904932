/** The rules of one row, each named because leaving it out breaks the fit. */
import { pow10 } from "../base/decimal.ts";
import { plural } from "../base/printable.ts";
import { quotientText } from "./arithmetic-decimal.ts";
import type { RowStyle } from "./arithmetic-ends.ts";
import { EXACT_STYLE, type Row, type Value } from "./arithmetic-row.ts";
import { AUDIT_RULES, type AuditColumn, type AuditRule, type CellDifference, type NamedTick } from "./audit-types.ts";
import type { EngineLog } from "./engine-log.ts";
import { absence, type Clock, type Engine, isExact, ruleOf } from "./engine-model.ts";
import type { AuditWindow } from "./engine-windows.ts";
import { type Cell, isReproduced, isValue, QUOTIENTS, RowValues, valueText } from "./fit-cells.ts";
import type { ColumnPlan } from "./fit-columns.ts";

/** Which rule counts a window in the summary: the first of this order. */
export const PRECEDENCE: readonly AuditRule[] = [
  "W10",
  "W8",
  "W2",
  "W3",
  "W13",
  "W5",
  "W4",
  "W6",
  "W12",
  "W7",
  "W1",
  "W9",
  "W11",
];
/** Ticks named per window; `why` has the number of all. */
export const NAMED_TICKS_MAX = 1_000;
/** Ids of conflicts named in a sentence. */
const NAMED_IDS_MAX = 5;
/** Digits shown of an endless quotient, as Tidemark writes them. */
const QUOTIENT_PLACES = 10;

/** What every row of an answer is judged by. */
export interface Measure {
  log: EngineLog;
  engine: Engine;
  clock: Clock;
  /** The same engine if its clock had never been lost; null when it was not. */
  unbroken: Clock | null;
  style: RowStyle;
  plans: readonly ColumnPlan[];
}

/** A rule in words, of an engine that treats malformed records and repeated ids in this way. */
export function ruleName(rule: AuditRule, { malformed, repeats }: Pick<Engine, "malformed" | "repeats">): string {
  if (rule === "W3" && repeats === "last") return "the last of a repeated id counted";
  return rule === "W5" && malformed === "readable" ? "malformed input counted" : AUDIT_RULES[rule];
}

/** The rules of a row in words, and how many ticks they name. */
export function reasons(rules: readonly AuditRule[], ticks: readonly NamedTick[], engine: Engine): string {
  const names = rules.map((rule) => `${ruleName(rule, engine)} (${rule})`).join(", ");
  const count = ticks.length === 0 ? "" : `; ${plural(ticks.length, "tick")}`;
  const ids = [...new Set(ticks.flatMap(({ trade_id, is_conflict }) => (is_conflict ? [trade_id] : [])))];
  if (ids.length === 0) return `${names}${count}.`;
  const named = `${ids.slice(0, NAMED_IDS_MAX).join(", ")}${ids.length > NAMED_IDS_MAX ? ", …" : ""}`;
  const counted = { all: "each", last: "the last", first: "a later one" }[engine.repeats];
  const about = `Conflicts, not duplicates: one id with several contents, the first is exact, theirs counts ${counted}`;
  return `${names}${count}. ${about}: ${named}.`;
}

interface Named {
  rules: AuditRule[];
  differences: CellDifference[];
  ticks: NamedTick[];
}

export function valuesOf({ log, style, clock }: Measure, members: readonly number[]): RowValues {
  return new RowValues(log, members, style, clock.batch);
}

/** Columns in which the row is not the exact one. */
export function differing(
  plans: readonly ColumnPlan[],
  cells: ReadonlyMap<AuditColumn, Cell>,
  exact: Row,
): ColumnPlan[] {
  return plans.filter(({ name, equal }) => !isValue(cells.get(name)!, exact[name], equal));
}

/** Whether the members make every cell of the row. */
export function makesRow(plans: readonly ColumnPlan[], cells: ReadonlyMap<AuditColumn, Cell>, of: RowValues): boolean {
  return plans.every(({ name, type, plan }) => isReproduced(cells.get(name)!, name, type, plan, of));
}

/** Whether some cell is made only by sums in an unknown order, where a known one makes most rows. */
export function needsOrder({ plans }: Measure, cells: ReadonlyMap<AuditColumn, Cell>, of: RowValues): boolean {
  return plans.some(
    ({ name, type, strict }) => strict !== null && !isReproduced(cells.get(name)!, name, type, strict, of),
  );
}

/** Whether its first or last price is only one of several that it can be, where few rows need that. */
export function needsEnds({ style, plans }: Measure, cells: ReadonlyMap<AuditColumn, Cell>, of: RowValues): boolean {
  if (style.strict === undefined) return false;
  const strict = new RowValues(of.log, of.members, { ...style, ends: style.strict }, of.batch);
  const ends = plans.filter(({ name }) => name === "open_price" || name === "close_price");
  return !makesRow(ends, cells, strict);
}

/** Names what makes the row differ; `members` reproduce it. */
export function nameRules(
  measure: Measure,
  window: AuditWindow,
  cells: ReadonlyMap<AuditColumn, Cell>,
  members: readonly number[],
): Named {
  const { plans, log } = measure;
  const exact = new RowValues(log, window.exact, EXACT_STYLE, null).decimal;
  const toggles = togglesOf(measure, window, members);
  const without = new Map([...toggles].map(([rule, list]) => [rule, valuesOf(measure, toggled(members, list))]));
  let named = [...without].filter(([, values]) => !makesRow(plans, cells, values)).map(([rule]) => rule);
  if (named.length === 0) named = [...toggles.keys()];
  const own = valuesOf(measure, members);
  const differences = differing(plans, cells, exact).map(({ name, type, plan, equal }): CellDifference => {
    const cell = cells.get(name)!;
    const seen = named.filter((rule) => !isReproduced(cell, name, type, plan, without.get(rule)!));
    const ends = own.ends(name)?.filter((one) => isReproduced(cell, name, type, plan, one));
    const style = styleRules(measure, name, members, ends?.[0] ?? own);
    const hasFloats = plan.arithmetic !== "decimal" || ["double", "float"].includes(plan.rounding.to);
    const isFloat = hasFloats && ![own, ...(ends ?? [])].some((one) => isValue(cell, one.decimal[name], equal));
    const rules = [...seen, ...style, ...(isFloat ? (["W1"] as const) : [])];
    const text = window.exact.length === 0 ? null : exactText(name, exact[name]);
    return { column: name, theirs: cell.text, exact: text, rules: inOrder(rules.length === 0 ? named : rules) };
  });
  const rules = inOrder([...named, ...differences.flatMap((one) => one.rules)]);
  return { rules, differences, ticks: ticksOf(log, toggles, named, members, window.exact) };
}

export function inOrder(rules: readonly AuditRule[]): AuditRule[] {
  return PRECEDENCE.filter((rule) => rules.includes(rule));
}

/** Records that are in only one of both windows, by rule. W8: what only a lost clock let in. */
export function togglesOf(
  { log, engine, clock, unbroken }: Measure,
  { exact, arrivals, start_us, end_us }: AuditWindow,
  members: readonly number[],
): Map<AuditRule, number[]> {
  const has = new Set(members);
  const counted = new Set(exact);
  const toggles = new Map<AuditRule, number[]>();
  const add = (rule: AuditRule, i: number) => toggles.set(rule, [...(toggles.get(rule) ?? []), i]);
  const isMoved = (i: number) => log.time_us[i]! < start_us || log.time_us[i]! >= end_us;
  for (const i of arrivals) {
    const [isIn, isCounted] = [has.has(i), counted.has(i)];
    if (isIn && !isCounted) add(isMoved(i) && isExact(log, i) ? "W7" : ruleOf("surplus", log, i, engine), i);
    const why = absence(log, engine, clock, i, end_us);
    // What nothing leaves out was forgotten at a restart; by the suffix rule, it was late.
    if (!isIn && isCounted) add(why === null && unbroken !== null ? "W8" : ruleOf(why ?? "late", log, i, engine), i);
    // A repetition or a broken record which the engine counts elsewhere: only lateness left it out.
    if (!isIn && !isCounted && why === null && unbroken === null) add("W2", i);
    if (unbroken === null) continue;
    const isLate = absence(log, engine, unbroken, i, end_us) === "late";
    if (isLate !== (why === "late")) add("W8", i);
  }
  const placed = new Set(arrivals);
  for (const i of exact) if (!placed.has(i)) add("W7", i);
  return toggles;
}

function toggled(members: readonly number[], list: readonly number[]): number[] {
  const result = new Set(members);
  for (const i of list) if (!result.delete(i)) result.add(i);
  return [...result].sort((a, b) => a - b);
}

/** Rules about how a value is written or which tick is first: they change no member. */
function styleRules(
  { log, style }: Measure,
  name: AuditColumn,
  members: readonly number[],
  own: RowValues,
): AuditRule[] {
  const value = (changed: Partial<RowStyle>) =>
    exactText(name, new RowValues(log, members, { ...style, ...changed }, null).decimal[name]);
  if (name === "first_trade_id" || name === "last_trade_id")
    return [
      ...(value({}) === value({ ids: "exact" }) ? [] : (["W6"] as const)),
      ...(value({}) === value({ idEnds: "value" }) ? [] : (["W12"] as const)),
    ];
  if (name !== "open_price" && name !== "close_price") return [];
  const plain = value({ ends: "time_id", times: "us" });
  if (exactText(name, own.decimal[name]) === plain) return [];
  return style.times !== "us" ? ["W7"] : ["W12"];
}

function ticksOf(
  log: EngineLog,
  toggles: ReadonlyMap<AuditRule, readonly number[]>,
  named: readonly AuditRule[],
  members: readonly number[],
  exact: readonly number[],
): NamedTick[] {
  const has = new Set(members);
  const counted = new Set(exact);
  const ticks = [...toggles]
    .filter(([rule]) => named.includes(rule))
    .flatMap(([rule, list]) =>
      list
        .filter((i) => has.has(i) !== counted.has(i))
        .map((i) => tickAt(log, i, has.has(i) ? "surplus" : "missing", rule)),
    );
  // The last of a repeated id in place of the first differs only in a conflict.
  const surplus = new Set(ticks.flatMap(({ what, trade_id }) => (what === "surplus" ? [trade_id] : [])));
  const same = new Set(
    ticks.flatMap(({ what, trade_id, rule, is_conflict }) =>
      what === "missing" && rule === "W3" && !is_conflict && surplus.has(trade_id) ? [trade_id] : [],
    ),
  );
  return ticks.filter(({ rule, trade_id }) => rule !== "W3" || !same.has(trade_id)).slice(0, NAMED_TICKS_MAX);
}

/** A record by its place. */
export function tickAt(log: EngineLog, i: number, what: NamedTick["what"], rule: AuditRule | null): NamedTick {
  const id = log.id[i]!;
  const trade_id = Number.isNaN(id) ? null : id;
  const tick = { trade_id, partition: log.partition[i]!, offset: log.offset[i]!, what, rule };
  return rule === "W3" && isConflict(log, i) ? { ...tick, is_conflict: true } : tick;
}

/** Whether the same id came with another price, size, side or time. */
function isConflict(log: EngineLog, i: number): boolean {
  const isOther = (at: number) =>
    log.price[at] !== log.price[i] ||
    log.size[at] !== log.size[i] ||
    log.side[at] !== log.side[i] ||
    log.time_us[at] !== log.time_us[i];
  for (const links of [log.earlier, log.later])
    for (let at = links[i]!; at !== -1; at = links[at]!) if (isOther(at)) return true;
  return false;
}

/** An exact value as text: all digits, or ten places of an endless quotient. */
export function exactText(column: AuditColumn, value: Value): string | null {
  return valueText(column, value, (one) => {
    if (one === null || typeof one === "string") return String(one);
    if (QUOTIENTS.includes(column)) return quotientText(one, QUOTIENT_PLACES);
    let places = 0;
    while (pow10(places) < one.den) places++;
    return quotientText(one, places);
  });
}
