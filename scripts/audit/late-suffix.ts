/** Without a trace: which of a window's ticks were dropped, found from the row's own sums. */
import type { EngineLog } from "./engine-log.ts";
import type { Engine } from "./engine-model.ts";
import { fitsLoosely, type LooseRow, LooseSums, looseSums } from "./fit-loose.ts";

/** Sets of dropped ticks that are tried per window. */
const TRIES_MAX = 4_000;
/** The same for rows that are late by their own time, which any of a window's ticks can be. */
const ROW_TRIES_MAX = 400;
/** Of those that fit, how many are kept. */
const FITS_MAX = 8;
/** Without counts in the answer, at most this many dropped ticks are searched for. */
const DROPPED_MAX = 64;
/** Ticks beyond the dropped ones that take part in the search for late rows. */
const ROW_CANDIDATES = 8;
/** Dropped ticks of a window beside which another one is searched that lacks. */
const LIKELY_MAX = 12;
/** Products of one input, in the key of a partition and product. */
const PRODUCTS_MAX = 2 ** 24;

/** One window of which some ticks may have been dropped. */
interface SuffixQuestion {
  /** What the engine would hold if nothing were late, in log order. */
  members: readonly number[];
  end_us: number;
  row: LooseRow;
  /** Greatest event time before each record, and the delay after which a window closes. */
  latest_us: Float64Array;
  delay_us: number;
}

/** Whether some watermark could have dropped record i. */
export function couldBeLate(
  log: EngineLog,
  engine: Pick<Engine, "late_by">,
  i: number,
  { end_us, latest_us, delay_us }: Pick<SuffixQuestion, "end_us" | "latest_us" | "delay_us">,
): boolean {
  return (engine.late_by === "window" ? end_us : log.time_us[i]!) <= latest_us[i]! - delay_us;
}

/** Sets of dropped records that leave the row's sums, the smallest first. */
export function droppedSets(log: EngineLog, engine: Engine, question: SuffixQuestion): number[][] {
  const { members, row } = question;
  const known = row.trade_count;
  const missing = Number.isNaN(known) ? null : members.length - known;
  if (engine.late_by === "row") return lateRows(log, engine, question, missing);
  const parts = [...Map.groupBy(members, (i) => log.partition[i]!).values()];
  return parts.length === 1 ? oneTail(log, engine, question) : manyTails(log, engine, question, parts, missing);
}

/** The likeliest drops, the smallest first: last arrivals, or the rows furthest behind. */
export function likelyDrops(
  log: EngineLog,
  engine: Engine,
  { members, ...late }: Omit<SuffixQuestion, "row">,
): number[][] {
  const isOne = members.every((i) => log.partition[i] === log.partition[members[0]!]);
  if (engine.late_by === "window" && !isOne) return [];
  const behind = (i: number) => late.latest_us[i]! - log.time_us[i]!;
  const order = engine.late_by === "row" ? members.toSorted((a, b) => behind(b) - behind(a)) : members.toReversed();
  const some = order.slice(0, LIKELY_MAX);
  const first = some.findIndex((i) => !couldBeLate(log, engine, i, late));
  const can = first === -1 ? some : some.slice(0, first);
  return can.map((_, n) => can.slice(0, n + 1));
}

/** One partition: the dropped ticks are the window's last arrivals. */
function oneTail(log: EngineLog, engine: Engine, question: SuffixQuestion): number[][] {
  const { members, row } = question;
  const fits: number[][] = [];
  const sums = new LooseSums();
  for (let kept = 0; kept < members.length; kept++) {
    if (kept > 0 && couldBeLate(log, engine, members[kept]!, question) && fitsLoosely(row, sums, engine.counts))
      fits.push(members.slice(kept));
    sums.add(log, members[kept]!);
  }
  if (fitsLoosely(row, sums, engine.counts)) fits.push([]);
  return fits.reverse().slice(0, FITS_MAX);
}

/** Several partitions: a tail of each, together as many as lack. */
function manyTails(
  log: EngineLog,
  engine: Engine,
  question: SuffixQuestion,
  parts: number[][],
  missing: number | null,
): number[][] {
  const prefixes = parts.map((part) => {
    const sums = [new LooseSums()];
    for (const i of part) {
      const next = sums.at(-1)!.copy();
      next.add(log, i);
      sums.push(next);
    }
    return sums;
  });
  // How many of each part's last arrivals can have been dropped at most.
  const most = parts.map((part) => part.length - firstLate(log, engine, question, part));
  const fits: number[][] = [];
  let tries = 0;
  const from = missing ?? 0;
  const to = missing ?? Math.min(question.members.length, DROPPED_MAX);
  for (let total = from; total <= to && total >= 0; total++)
    for (const tails of compositions(total, most)) {
      if (++tries > TRIES_MAX || fits.length >= FITS_MAX) return fits;
      const sums = new LooseSums();
      for (const [p, tail] of tails.entries()) sums.merge(prefixes[p]![parts[p]!.length - tail]!);
      if (fitsLoosely(question.row, sums, engine.counts))
        fits.push(tails.flatMap((tail, p) => parts[p]!.slice(parts[p]!.length - tail)).sort((a, b) => a - b));
    }
  return fits;
}

function firstLate(log: EngineLog, engine: Engine, question: SuffixQuestion, part: readonly number[]): number {
  const at = part.findIndex((i) => couldBeLate(log, engine, i, question));
  return at === -1 ? part.length : at;
}

/** All ways to take `total` from the parts, at most `most` of each. */
function* compositions(total: number, most: readonly number[]): Generator<number[]> {
  if (most.length === 1) {
    if (total <= most[0]!) yield [total];
    return;
  }
  for (let first = 0; first <= Math.min(total, most[0]!); first++)
    for (const rest of compositions(total - first, most.slice(1))) yield [first, ...rest];
}

/** Late by their own time: the latest ones first, then others close to them. */
function lateRows(log: EngineLog, engine: Engine, question: SuffixQuestion, missing: number | null): number[][] {
  const { members, latest_us, row } = question;
  const behind = (i: number) => latest_us[i]! - log.time_us[i]!;
  const candidates = members.filter((i) => couldBeLate(log, engine, i, question)).sort((a, b) => behind(b) - behind(a));
  const all = looseSums(log, members);
  const fits: number[][] = [];
  let tries = 0;
  const from = missing ?? 0;
  const to = missing ?? Math.min(candidates.length, DROPPED_MAX);
  for (let total = from; total <= to && total >= 0 && total <= candidates.length; total++) {
    const pool = candidates.slice(0, total + ROW_CANDIDATES);
    for (const dropped of choices(pool, total)) {
      if (++tries > ROW_TRIES_MAX || fits.length >= FITS_MAX) return fits;
      if (fitsLoosely(row, sumsWithout(log, all, members, dropped), engine.counts))
        fits.push(dropped.toSorted((a, b) => a - b));
    }
  }
  return fits;
}

/** The sums of all but the dropped ones; only a lost least or greatest price needs a new sum. */
function sumsWithout(
  log: EngineLog,
  all: LooseSums,
  members: readonly number[],
  dropped: readonly number[],
): LooseSums {
  const sums = all.copy();
  if (dropped.map((i) => sums.remove(log, i)).every((isInner) => isInner)) return sums;
  return looseSums(
    log,
    members.filter((i) => !dropped.includes(i)),
  );
}

/** All choices of n from the pool, those of its first ones first. */
function* choices(pool: readonly number[], n: number): Generator<number[]> {
  if (n === 0) {
    yield [];
    return;
  }
  for (let first = 0; first + n <= pool.length; first++)
    for (const rest of choices(pool.slice(first + 1), n - 1)) yield [pool[first]!, ...rest];
}

/**
 * One watermark that only rises must explain all windows: a record that was kept after a dropped one,
 * though its end (or time) is not later, refutes the drop. Returns the refuted ones.
 */
export function refutedDrops(
  log: EngineLog,
  engine: Pick<Engine, "late_by">,
  verdicts: readonly { end_us: number; kept: readonly number[]; dropped: readonly number[] }[],
): Set<number> {
  const bound = new Float64Array(log.records.length).fill(Number.POSITIVE_INFINITY);
  const limitOf = (i: number, end_us: number) => (engine.late_by === "window" ? end_us : log.time_us[i]!);
  for (const { end_us, kept } of verdicts) for (const i of kept) bound[i] = Math.min(bound[i]!, limitOf(i, end_us));
  const lowest = new Map<number, number>();
  for (let i = bound.length - 1; i >= 0; i--) {
    // Per product too: an engine may keep a clock for each.
    const key = log.partition[i]! * PRODUCTS_MAX + log.product[i]!;
    const least = Math.min(bound[i]!, lowest.get(key) ?? Number.POSITIVE_INFINITY);
    lowest.set(key, least);
    bound[i] = least;
  }
  const refuted = new Set<number>();
  for (const { end_us, dropped } of verdicts)
    for (const i of dropped) if (limitOf(i, end_us) >= bound[i]!) refuted.add(i);
  return refuted;
}
