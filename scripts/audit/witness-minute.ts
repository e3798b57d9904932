/** One minute against the exchange's candle: each difference with its rule, found by recomputation. */
import { plural } from "../base/printable.ts";
import { CANDLE_COLUMNS, CANDLE_US, type Candle, type CandleColumn } from "../contract/candle.ts";
import {
  beginningOf,
  differing,
  isSame,
  type MinuteNumbers,
  numbersOf,
  textOf,
  type WitnessTrade,
} from "./witness-numbers.ts";

/** Why a minute differs, in the order in which a summary counts it (docs/witness.md "Rules"). */
export const WITNESS_RULES = {
  lacking: "trade ids that are not stored",
  revised: "the exchange's candle is not that of its own trades",
  no_candle: "the exchange has no candle",
  not_stored: "not stored",
  moving: "the candle still moves",
  late: "late ticks, not in the final row",
  not_read: "not the stream's: unread, or history",
} as const;
export type WitnessRule = keyof typeof WITNESS_RULES;

/** The stream's side of a minute. */
export interface StreamMinute {
  /** Null: all its ticks were late. */
  final: MinuteNumbers | null;
  /** The last revision; null: none. */
  last: MinuteNumbers | null;
  /** Ids that were late for this minute. */
  late: ReadonlySet<number>;
  /** Stored ids that stream has not read yet, or never reads: history from REST. */
  unread: ReadonlySet<number>;
}

/** The exchange's own trades of the minute, requested again. */
export interface ExchangeTrades {
  trades: readonly WitnessTrade[];
  /** Ids that no page has, although both neighbours are on one: never issued. */
  unissued: readonly IdRange[];
}

/** The first and the last of consecutive ids. */
export type IdRange = readonly [lo: number, hi: number];

export interface MinuteEvidence {
  start_us: number;
  candle: Candle | null;
  /** Every tick stored. */
  stored: readonly WitnessTrade[];
  /** Null: the stream has no closed window of this minute. */
  stream: StreamMinute | null;
  /** Event times of the first and the last tick stored; null when that is not known. */
  first_us: number | null;
  last_us: number;
  /** Time of the exchange's newest trade: its clock. Null: the exchange is not that of these trades. */
  newest_us: number | null;
}

type WitnessOutcome = "equal" | "empty" | "explained" | "unexplained";

export interface NamedIds {
  /** `changed`, `gone`: other trades than the exchange has now. `unissued`: proved never issued. */
  what: "lacking" | "late" | "unissued" | "changed" | "gone" | "not_read";
  count: number;
  ranges: readonly IdRange[];
}

export interface MinuteVerdict {
  start_us: number;
  outcome: WitnessOutcome;
  rules: WitnessRule[];
  /** Columns in which one of the sides differs; null: that side has no such minute. */
  differences: Record<"column" | "candle" | "stored" | "final" | "last", string | null>[];
  ids: NamedIds[];
  /** Sentences for people; empty when it is equal. */
  why: string;
  /** Only the exchange's own trades of the minute can decide it: judge it again with them. */
  needsTrades: boolean;
}

/** What one side of the minute came to. */
interface Finding {
  rules: WitnessRule[];
  ids: NamedIds[];
  why: string;
  isExplained: boolean;
  needsTrades?: boolean;
}

/** Candles came up to seven minutes late, by public reports (docs/witness.md "The newest minutes"). */
const YOUNG_US = 10 * CANDLE_US;

/** `exchange`: its trades, why they can't be had, or null when they were not requested yet. */
export function judgeMinute(minute: MinuteEvidence, exchange: ExchangeTrades | string | null): MinuteVerdict {
  const { start_us, candle, stored, stream } = minute;
  const findings = [ofStore(minute, exchange), ofStream(minute)].filter((finding) => finding !== null);
  const differences = differencesOf(minute);
  const isEmpty = candle === null && stored.length === 0 && stream === null;
  const outcome = isEmpty ? "empty" : findings.length === 0 ? "equal" : "explained";
  return {
    start_us,
    outcome: findings.every(({ isExplained }) => isExplained) ? outcome : "unexplained",
    rules: [...new Set(findings.flatMap(({ rules }) => rules))],
    differences,
    ids: findings.flatMap(({ ids }) => ids).filter(({ count }) => count > 0),
    why: findings.map(({ why }) => why).join(" "),
    needsTrades: findings.some(({ needsTrades }) => needsTrades === true),
  };
}

function differencesOf({ candle, stored, stream }: MinuteEvidence): MinuteVerdict["differences"] {
  const wrong = new Set<CandleColumn>(differing(candle, stored));
  const own = numbersOf(stored);
  const last = stream === null ? null : (stream.last ?? stream.final);
  if (stream !== null)
    for (const column of CANDLE_COLUMNS) {
      const texts = [own, stream.final, last].map((numbers) => textOf(numbers, column));
      if (new Set(texts).size > 1) wrong.add(column);
    }
  return CANDLE_COLUMNS.filter((column) => wrong.has(column)).map((column) => ({
    column,
    candle: candle?.[column] ?? null,
    stored: textOf(own, column),
    final: textOf(stream?.final ?? null, column),
    last: textOf(last, column),
  }));
}

/** All stored ticks against the candle; null: equal. */
function ofStore(minute: MinuteEvidence, exchange: ExchangeTrades | string | null): Finding | null {
  const { start_us, candle, stored, first_us, last_us, newest_us } = minute;
  if (differing(candle, stored).length === 0) return null;
  const end_us = start_us + CANDLE_US;
  if (stored.length === 0 && start_us > last_us)
    return explained("not_stored", "Nothing as new as this minute is stored.");
  if (stored.length === 0 && first_us !== null && end_us <= first_us)
    return explained("not_stored", "What is stored begins after this minute.");
  if (newest_us === null)
    return unexplained("The ids of the stored trades are made up, so the exchange's own trades can't decide.");
  // An exchange far behind what is stored is not the one that fed it: nothing there still moves.
  const isNear = last_us < end_us + YOUNG_US;
  const isYoung = isNear && end_us > newest_us - YOUNG_US;
  if (isYoung && candle === null) return explained("moving", "The exchange does not publish this candle yet.");
  const made = isYoung && candle !== null ? beginningOf(candle, stored) : null;
  if (made !== null) return explained("moving", `The candle is that of the first ${made} of ${stored.length} trades.`);
  if (isNear && newest_us < end_us) return whileOpen(minute, exchange);
  if (exchange === null) return { ...unexplained("The exchange's own trades were not requested."), needsTrades: true };
  if (typeof exchange === "string") return unexplained(`The exchange's own trades are not known: ${exchange}.`);
  return byItsTrades(minute, exchange);
}

/** The minute is not over: trades that are not stored explain it, or it moved between two answers. */
function whileOpen(minute: MinuteEvidence, exchange: ExchangeTrades | string | null): Finding {
  const moving = explained("moving", "The exchange has no trade after this minute yet.");
  if (exchange === null) return { ...moving, needsTrades: true };
  const found = typeof exchange === "string" ? moving : byItsTrades(minute, exchange);
  const isLacking = found.rules.includes("lacking") || found.rules.includes("not_stored");
  return isLacking || found.ids.some(({ what }) => what === "changed") ? found : moving;
}

/** The candle differs: which of the stored trades, the exchange's and the candle agree? */
function byItsTrades({ candle, stored, start_us, last_us }: MinuteEvidence, exchange: ExchangeTrades): Finding {
  const { trades } = exchange;
  const own = new Map(stored.map((trade) => [trade.trade_id, trade]));
  const theirs = new Map(trades.map((trade) => [trade.trade_id, trade]));
  const lacking = trades.filter(({ trade_id }) => !own.has(trade_id));
  const gone = stored.filter(({ trade_id }) => !theirs.has(trade_id));
  const changed = stored.filter((trade) => isChanged(trade, theirs.get(trade.trade_id)));
  const unissued = named("unissued", exchange.unissued);
  const lackingIds = namedTrades("lacking", lacking);
  const all = plural(trades.length, "trade");
  if (gone.length > 0 || changed.length > 0) {
    const ids = [namedTrades("changed", changed), namedTrades("gone", gone), lackingIds];
    const count = plural(gone.length + changed.length, "stored trade");
    const say = `${count} ${isOrAre(gone.length + changed.length)} not what the exchange has now: it changed that, or it was stored wrong. Nothing here decides which; the log has all as it came.`;
    return { ...unexplained(say), ids };
  }
  if (lacking.length === 0) {
    if (candle === null)
      return { ...explained("no_candle", `The exchange has the same ${all} and no candle.`), ids: [unissued] };
    const say = `The exchange's own ${all} ${isOrAre(trades.length)} exactly what is stored, and its candle differs from that.`;
    return { ...explained("revised", say), ids: [unissued] };
  }
  const count = plural(lacking.length, "trade");
  if (candle === null) {
    const say = `The exchange has ${all} and no candle; of these, ${count} ${isOrAre(lacking.length)} not stored.`;
    return { rules: ["no_candle", "lacking"], ids: [lackingIds, unissued], why: say, isExplained: true };
  }
  if (differing(candle, [...stored, ...lacking]).length === 0) {
    const isBehind = last_us < start_us + CANDLE_US && lacking.every(({ time_us }) => time_us >= last_us);
    const rule = isBehind ? "not_stored" : "lacking";
    return {
      ...explained(rule, `With ${count} not stored here, the candle is equal.`),
      ids: [lackingIds, unissued],
    };
  }
  const say = `${count} ${isOrAre(lacking.length)} not stored, and the candle is not that of the exchange's own ${all} either.`;
  return { ...unexplained(say), ids: [lackingIds, unissued] };
}

function isChanged(trade: WitnessTrade, theirs: WitnessTrade | undefined): boolean {
  if (theirs === undefined) return false;
  return trade.price !== theirs.price || trade.size !== theirs.size || trade.time_us !== theirs.time_us;
}

/** The stream's row and its last revision against the stored ticks; null: equal to them all. */
function ofStream({ stored, stream }: MinuteEvidence): Finding | null {
  if (stream === null) return null;
  const { final, last, late, unread } = stream;
  const read = stored.filter(({ trade_id }) => !unread.has(trade_id));
  const inTime = read.filter(({ trade_id }) => !late.has(trade_id));
  if (!isSame(final, numbersOf(inTime)))
    return unexplained(`The stream's final row is not that of the ${inTime.length} ticks that were in time.`);
  if (!isSame(last ?? final, numbersOf(read)))
    return unexplained(`The stream's last revision is not that of the ${read.length} ticks that it has read.`);
  const rules: WitnessRule[] = [];
  const ids: NamedIds[] = [];
  const why: string[] = [];
  if (!isSame(final, numbersOf(read))) {
    const came = read.filter(({ trade_id }) => late.has(trade_id));
    rules.push("late");
    ids.push(namedTrades("late", came));
    why.push(`${plural(came.length, "tick")} came late: in the last revision, not in the final row.`);
  }
  if (!isSame(numbersOf(read), numbersOf(stored))) {
    rules.push("not_read");
    ids.push(named("not_read", rangesOf([...unread])));
    why.push(`The stream has not read ${plural(unread.size, "stored tick")}: not yet, or they are history from REST.`);
  }
  return rules.length === 0 ? null : { rules, ids, why: why.join(" "), isExplained: true };
}

function explained(rule: WitnessRule, why: string): Finding {
  return { rules: [rule], ids: [], why, isExplained: true };
}

function unexplained(why: string): Finding {
  return { rules: [], ids: [], why, isExplained: false };
}

function namedTrades(what: NamedIds["what"], trades: readonly WitnessTrade[]): NamedIds {
  return named(what, rangesOf(trades.map(({ trade_id }) => trade_id)));
}

function named(what: NamedIds["what"], ranges: readonly IdRange[]): NamedIds {
  return { what, count: ranges.reduce((sum, [lo, hi]) => sum + hi - lo + 1, 0), ranges };
}

function rangesOf(ids: readonly number[]): IdRange[] {
  const ranges: [number, number][] = [];
  for (const id of ids.toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && id === last[1] + 1) last[1] = id;
    else ranges.push([id, id]);
  }
  return ranges;
}

function isOrAre(count: number): string {
  return count === 1 ? "is" : "are";
}
