/** What would make an unexplained row: the fewest ticks missing, or counted once more. */
import type { AuditColumn, Hint, NamedTick } from "./audit-types.ts";
import { absence } from "./engine-model.ts";
import type { AuditWindow } from "./engine-windows.ts";
import type { Cell } from "./fit-cells.ts";
import type { ColumnPlan } from "./fit-columns.ts";
import { fitsLoosely, type LooseRow, type LooseSums, looseSums } from "./fit-loose.ts";
import { type Measure, makesRow, NAMED_TICKS_MAX, tickAt, valuesOf } from "./name-rules.ts";

/** Pairs of ticks that are compared in doubles, of the whole answer; a window of 240 has 115,000. */
const PAIRS_MAX = 4_000_000;
/** Sets that are computed digit for digit, per window. */
const CHECKS_MAX = 400;
/** Sets that fit and are counted, per window, and how many of them the sentence names. */
const SETS_MAX = 100;
const NAMED_SETS_MAX = 5;
/** Relative error of 32-bit floats and their sums. */
const RELATIVE = 2 ** -22;

/** One tick less, or once more. */
interface Change {
  i: number;
  sign: 1 | -1;
  /** By how much it changes the sum that pairs are found by. */
  key: number;
}

/** A sum of the row by which the second tick of a pair is looked up; null: all pairs are tried. */
interface Key {
  of(i: number): number;
  /** What the row has more than the engine. */
  target: number;
  tolerance: number;
}

interface Found {
  sets: (readonly Change[])[];
  isCut: boolean;
}

interface Question {
  window: AuditWindow;
  row: LooseRow;
  cells: ReadonlyMap<AuditColumn, Cell>;
  /** What the engine holds, in log order. */
  members: readonly number[];
  sums: LooseSums;
}

/** Searches for all rows of one answer, within one limit. */
export class HintSearch {
  #pairs = PAIRS_MAX;
  /** A tick that is counted again is added at an unknown place, so its sums are too. */
  readonly #plansOfAny: ColumnPlan[];

  constructor(readonly measure: Measure) {
    this.#plansOfAny = measure.plans.map((one) =>
      one.plan.arithmetic === "decimal" ? one : { ...one, plan: { ...one.plan, order: "any" as const } },
    );
  }

  /**
   * Null when no one or two ticks make the row, in every column, as the engine computes. `drops`: what
   * else may have been dropped as late, where nothing decides; beside it one tick is searched for.
   * `isLast`: no later window has a row, so that its reading may have ended in this one.
   */
  hintOf(
    window: AuditWindow,
    row: LooseRow,
    cells: ReadonlyMap<AuditColumn, Cell>,
    members: readonly number[],
    drops: readonly number[][],
    isLast: boolean,
  ): Hint | null {
    const { log } = this.measure;
    const whole: Question = { window, row, cells, members, sums: looseSums(log, members) };
    // Only the order of adding differs, or a last digit: ticks that are equal would be swapped.
    if (makesRow(this.#plansOfAny, cells, valuesOf(this.measure, members))) return null;
    const found = this.#smallest(whole, 2);
    if (found !== null) return this.#hint(window, members, found, []);
    for (const late of drops) {
      const kept = members.filter((i) => !late.includes(i));
      const beside = this.#smallest({ ...whole, members: kept, sums: looseSums(log, kept) }, 1);
      if (beside !== null) return this.#hint(window, kept, beside, late);
    }
    return isLast ? this.#endedHint(whole) : null;
  }

  /** A row of the first ticks of its window. */
  #endedHint({ row, cells, members }: Question): Hint | null {
    const { log, engine, plans } = this.measure;
    if (!(row.trade_count > 0 && row.trade_count < members.length)) return null;
    const read = members.slice(0, row.trade_count);
    const isLoose = fitsLoosely(row, looseSums(log, read), engine.counts);
    if (!isLoose || !makesRow(plans, cells, valuesOf(this.measure, read))) return null;
    const last = read.at(-1)!;
    const rest = members.slice(read.length, read.length + NAMED_TICKS_MAX);
    return {
      text: `As if reading had ended after ${log.id[last]}, offset ${log.offset[last]} of partition ${log.partition[last]}.`,
      sets: [rest.map((i) => tickAt(log, i, "missing", null))],
      is_cut: false,
    };
  }

  #smallest(question: Question, most: 1 | 2): Found | null {
    const { window, row, members, sums } = question;
    const counted = sums.counted(this.measure.engine.counts);
    const more = Number.isNaN(row.trade_count) ? null : row.trade_count - counted;
    if (more !== null && Math.abs(more) > most) return null;
    const key = this.#keyOf(question);
    const changes = (sign: 1 | -1, list: readonly number[]) =>
      list.map((i): Change => ({ i, sign, key: sign * (key?.of(i) ?? 0) })).sort((a, b) => a.key - b.key || a.i - b.i);
    const has = new Set(members);
    const less = changes(-1, members);
    const again = changes(1, [...members, ...window.arrivals.filter((i) => !has.has(i))]);
    const isOf = (sum: number) => more === null || more === sum;
    const ones = [...(isOf(-1) ? less : []), ...(isOf(1) ? again : [])].map((one) => [one]);
    const found = this.#fitting(question, ones);
    if (found.sets.length > 0 || most === 1) return found.sets.length === 0 ? null : found;
    const pairs = [
      ...(isOf(-2) ? [this.#pairsOf(less, less, key)] : []),
      ...(isOf(0) ? [this.#pairsOf(less, again, key)] : []),
      ...(isOf(2) ? [this.#pairsOf(again, again, key)] : []),
    ];
    const two = this.#fitting(question, chained(pairs));
    return two.sets.length === 0 ? null : two;
  }

  /** Volumes tell ticks apart best, sums of prices least. */
  #keyOf({ row, sums }: Question): Key | null {
    const { log } = this.measure;
    const by = {
      total_volume: { of: (i: number) => log.size[i]!, own: sums.size },
      notional: { of: (i: number) => log.size[i]! * log.price[i]!, own: sums.notional },
      price_sum: { of: (i: number) => log.price[i]!, own: sums.price },
    };
    for (const [column, { of, own }] of Object.entries(by)) {
      const cell = row.numbers.find((one) => one.column === column);
      if (cell === undefined) continue;
      const tolerance = (Math.abs(cell.value) + Math.abs(own)) * RELATIVE + cell.half;
      return { of: (i) => of(i) || 0, target: cell.value - own, tolerance };
    }
    return null;
  }

  /** Pairs of both lists, each ordered by its keys, that change the sum as the row has it. */
  *#pairsOf(ones: readonly Change[], others: readonly Change[], key: Key | null): Generator<Change[]> {
    const isSame = ones === others;
    for (const [at, one] of ones.entries()) {
      const wanted = key === null ? 0 : key.target - one.key;
      const tolerance = key?.tolerance ?? 0;
      const from = firstFrom(others, wanted - tolerance);
      // Of one list each pair once; a tick may be counted three times, but not be missing twice.
      const start = isSame ? Math.max(from, one.sign === 1 ? at : at + 1) : from;
      for (let n = start; n < others.length && others[n]!.key <= wanted + tolerance; n++) {
        if (this.#pairs-- <= 0) return;
        const other = others[n]!;
        if (isSame || other.i !== one.i) yield isSame && other.i < one.i ? [other, one] : [one, other];
      }
    }
  }

  #fitting(question: Question, tried: Iterable<readonly Change[]>): Found {
    const { row, cells } = question;
    const { engine, plans } = this.measure;
    const sets: (readonly Change[])[] = [];
    let checks = 0;
    for (const set of tried) {
      if (!fitsLoosely(row, this.#changedSums(question, set), engine.counts)) continue;
      if (checks++ >= CHECKS_MAX || sets.length >= SETS_MAX) return { sets, isCut: true };
      const values = valuesOf(this.measure, changed(question.members, set));
      if (makesRow(set.some(({ sign }) => sign === 1) ? this.#plansOfAny : plans, cells, values)) sets.push(set);
    }
    return { sets, isCut: this.#pairs <= 0 };
  }

  #changedSums({ members, sums }: Question, set: readonly Change[]): LooseSums {
    const { log } = this.measure;
    const now = sums.copy();
    const isInner = set.map(({ i, sign }) => (sign === 1 ? now.add(log, i) : now.remove(log, i)) !== false);
    return isInner.every((one) => one) ? now : looseSums(log, changed(members, set));
  }

  #hint(window: AuditWindow, members: readonly number[], found: Found, late: readonly number[]): Hint {
    const { log } = this.measure;
    const phrases = new Map<string, readonly Change[]>();
    for (const set of found.sets) {
      const text = this.#phrase(window, members, set);
      if (!phrases.has(text)) phrases.set(text, set);
    }
    const dropped = late.map((i) => tickAt(log, i, "missing", "W2"));
    const sets = [...phrases.values()].map((set) => [
      ...set.map(({ i, sign }): NamedTick => tickAt(log, i, sign === 1 ? "surplus" : "missing", null)),
      ...dropped,
    ]);
    const text = hintText([...phrases.keys()], found.sets[0]!.length, found.isCut);
    const beside =
      late.length === 0 ? "" : ` Beside ${late.length === 1 ? "one tick" : `${late.length} ticks`} that came late.`;
    return { text: text + beside, sets, is_cut: found.isCut };
  }

  /** `123 were missing and 125 were counted twice`. */
  #phrase(window: AuditWindow, members: readonly number[], set: readonly Change[]): string {
    const byWhat = Map.groupBy(set, ({ i, sign }) => this.#what(window, members, i, sign));
    return [...byWhat]
      .map(([what, list]) => `${list.map(({ i }) => this.#name(i)).join(" and ")} were ${what}`)
      .join(" and ");
  }

  #name(i: number): string {
    const { log } = this.measure;
    return Number.isNaN(log.id[i]!) ? `offset ${log.offset[i]}` : String(log.id[i]);
  }

  #what({ end_us }: AuditWindow, members: readonly number[], i: number, sign: 1 | -1): string {
    const { log, engine, clock } = this.measure;
    const isAlso = (other: number) =>
      other !== i && log.id[other] === log.id[i] && log.product[other] === log.product[i];
    if (sign === -1) return members.some(isAlso) ? "counted once less" : "missing";
    const why = absence(log, engine, clock, i, end_us);
    if (why === "late") return "counted although late";
    if (why === "refused") return "counted although not a trade";
    if (why === "before") return "counted although the job began later";
    return "counted twice";
  }
}

function* chained<T>(lists: readonly Iterable<T>[]): Generator<T> {
  for (const list of lists) yield* list;
}

/** Index of the first change whose key is not below. */
function firstFrom(list: readonly Change[], key: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]!.key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function changed(members: readonly number[], set: readonly Change[]): number[] {
  const less = new Set(set.filter(({ sign }) => sign === -1).map(({ i }) => i));
  const again = set.filter(({ sign }) => sign === 1).map(({ i }) => i);
  return [...members.filter((i) => !less.has(i)), ...again].sort((a, b) => a - b);
}

/** `As if 123 were missing.`, `As if one of 12 ticks: 123 were missing, or 124 were missing, …` */
function hintText(phrases: readonly string[], ticks: number, isCut: boolean): string {
  if (phrases.length === 1 && !isCut) return `As if ${phrases[0]}.`;
  const named = phrases.slice(0, NAMED_SETS_MAX);
  const [what] = named.map((text) => text.slice(text.indexOf(" were ")));
  const isAlike = phrases.every((text) => text.endsWith(what!));
  const list = isAlike
    ? named.map((text) => text.slice(0, -what!.length)).join(ticks === 1 ? ", " : "; ")
    : named.join("; or ");
  const count = `one of ${isCut ? "at least " : ""}${phrases.length} ${ticks === 1 ? "ticks" : "pairs of ticks"}`;
  const rest = phrases.length > named.length ? ", …" : "";
  const end = rest === "" ? "." : rest;
  return isAlike ? `As if ${count}${what}: ${list}${end}` : `As if, ${count}: ${list}${end}`;
}
