/** What any audit's report shows, in one shape for terminal and page; texts are not escaped yet. */
import type { AuditOutcome, Hint, NamedTick } from "../audit-types.ts";
import { NAMED_TICKS_MAX } from "../name-rules.ts";

export interface ReportView {
  /** One line that counts every outcome. */
  summary: string;
  passed: boolean;
  /** What was compared: `windows`, `rows` or `trades`. */
  unit: string;
  facts: { name: string; text: string }[];
  /** How it was found, sentences in order. */
  how: string[];
  notes: string[];
  equal: number;
  unexplained: number;
  rules: RuleCount[];
  columns: { theirs: string; name: string; type: string }[];
  /** What differs, what needs a person first. */
  parts: ViewPart[];
}

interface RuleCount {
  rule: string;
  what: string;
  explained: number;
  consistent: number;
  ticks: number;
}

/** A window, row or trade that differs. */
export interface ViewPart {
  name: string;
  outcome: AuditOutcome;
  rules: readonly string[];
  /** Those that nothing can decide; without it, of all that an audit cannot always prove. */
  unproved?: readonly string[];
  why: string;
  where: string | null;
  /** What their row is where no cell differs: `missing`. */
  what?: string;
  cells: ViewCell[];
  ticks: readonly NamedTick[];
  /** Of an unexplained window: which ticks would make its row. */
  hint?: Hint;
}

interface ViewCell {
  column: string;
  theirs: string | null;
  exact: string | null;
  rules: readonly string[];
}

/**
 * What differs: the unexplained first, then what is only consistent, then what has other ticks than it
 * should, at last what has only other digits (W1); within each the given order.
 */
export function inReadingOrder<V extends { outcome: AuditOutcome; rules: readonly string[] }>(
  verdicts: readonly V[],
): V[] {
  const rank = ({ outcome, rules }: V) =>
    outcome === "unexplained" ? 0 : outcome === "consistent" ? 1 : rules[0] === "W1" ? 3 : 2;
  return verdicts.filter(({ outcome }) => outcome !== "equal").sort((a, b) => rank(a) - rank(b));
}

/** Rules that an audit cannot always prove; the others are computed again, or not named. */
export const UNPROVED: readonly string[] = ["W2", "W4", "W8", "W10", "behind"];

/** `1440` → `1,440`. */
export function counted(count: number): string {
  return count.toLocaleString("en-US");
}

/** `1 window`, `1,440 windows`. */
export function countOf(count: number, unit: string): string {
  return `${counted(count)} ${count === 1 ? unit.replace(/s$/, "") : unit}`;
}

/** The rules of a cell: its own, or those of the whole row. */
export function rulesText({ outcome, rules, unproved = UNPROVED }: ViewPart, cell: ViewCell | undefined): string {
  const own = cell !== undefined && (cell.rules.length > 0 || outcome === "unexplained") ? cell.rules : rules;
  if (own.length === 0) return "unexplained";
  return own.map((rule) => (outcome === "consistent" && unproved.includes(rule) ? `${rule}?` : rule)).join(" ");
}

/** `−2: 1910, 2293`: missing ticks, then the surplus, by trade id, at most `shown_max` of each. */
export function ticksText(ticks: readonly NamedTick[], shown_max: number): string {
  const named = (what: NamedTick["what"], sign: string) => {
    const some = ticks.filter((tick) => tick.what === what);
    if (some.length === 0) return [];
    const ids = some.slice(0, shown_max).map(({ trade_id, offset }) => trade_id ?? `offset ${offset}`);
    const rest = some.length > shown_max ? ` and ${some.length - shown_max} more` : "";
    const isCut = ticks.length >= NAMED_TICKS_MAX;
    return [`${sign}${counted(some.length)}${isCut ? " or more" : ""}: ${ids.join(", ")}${rest}`];
  };
  return [...named("missing", "−"), ...named("surplus", "+")].join("; ");
}

/** A part's ticks; of an unexplained one, those that would make its row: `as if −1: 123`. */
export function partTicks({ ticks, hint }: ViewPart, shown_max: number): string {
  const [only, ...others] = hint?.sets ?? [];
  if (hint === undefined || only === undefined) return ticksText(ticks, shown_max);
  const count = `${hint.is_cut ? "at least " : ""}${counted(hint.sets.length)}`;
  const one = only.filter(({ rule }) => rule === null).length === 1 ? "ticks" : "pairs";
  return others.length === 0 ? `as if ${ticksText(only, shown_max)}` : `as if one of ${count} ${one}`;
}

/** Why, and what would make the row. */
export function whyText({ why, hint }: Pick<ViewPart, "why" | "hint">): string {
  return hint === undefined ? why : `${why} ${hint.text}`;
}

/** A value for people; what is absent is a dash. */
export function cellText(text: string | null): string {
  return text ?? "–";
}

/** How many leading characters two values share; what follows is marked. */
export function sameUntil(theirs: string, exact: string): number {
  let at = 0;
  while (at < theirs.length && theirs[at] === exact[at]) at++;
  return at;
}
