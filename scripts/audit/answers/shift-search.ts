/** Finds the constant by which a foreign answer's times differ from UTC, from what its rows hold. */
import type { WindowSpec } from "../../contract/window.ts";
import type { AuditRecord, ForeignRow } from "../audit-types.ts";
import { type Facts, factsOf, placesOf, scoreOf } from "./shift-score.ts";

/** Zones are multiples of 15 minutes, from −12 to +14 hours; labels may also name a window's end. */
const QUARTER_US = 900e6;
const QUARTERS_MAX = 14 * 4;
/** Rows with which a search runs, evenly spread; what it finds is decided with all of these. */
const SEARCH_ROWS = 24;
const NEAR_ROWS = 200;
const DECIDING_ROWS_MAX = 2_000;
/** Rows that a shift must reproduce to be taken: one or two may be of a wrong start. */
const ROWS_MIN = 3;
/** Rows by which it must be better than none: one row of a wrong start is 1. */
const GAIN_MIN = 1.5;
/** Rows that a constant which is not a zone must add, and the part of all rows that it must reproduce. */
const CONSTANT_ROWS_MIN = 8;
const CONSTANT_PART = 0.6;
/** Below this part of the rows, constants that are not zones are searched as well. */
const REPRODUCED = 0.9;
/** Steps per window of that search, and how far around an almost right shift boundaries are tried. */
const COARSE_STEPS = 4;
const NEAR_US = 1e6;
/** What the search with few rows can be wrong by: boundaries within it are tried with more. */
const FINE_US = 200e3;
/** Boundaries of these rows are tried, EDGES_MAX at most: a constant shift moves all rows alike. */
const EDGE_ROWS = 12;
const EDGES_MAX = 2_000;
/** Steps of the search for constants to each side. */
const STEPS_MAX = 10_000;
/** Of shifts that reproduce the same, the roundest is taken. */
const ROUND_US = [QUARTER_US, 60e6, 10e6, 1e6, 100e3, 10e3, 1e3, 1];

/**
 * What is added to the rows' times to get UTC: the shift with which the windows of these records
 * reproduce the most rows; 0 unless another is clearly better.
 */
export function findShift(rows: readonly ForeignRow[], records: readonly AuditRecord[], spec: WindowSpec): number {
  const places = placesOf(rows, records);
  const facts = spread(
    rows.flatMap((row) => factsOf(row, places) ?? []),
    DECIDING_ROWS_MAX,
  );
  if (facts.length < ROWS_MIN) return 0;
  const judge = (shift: number) => judged(facts, shift, spec.size_us);
  const sample = spread(facts, SEARCH_ROWS);
  const none = judge(0);
  let best = { shift: 0, ...none };
  for (const shift of naturalShifts(rows, spec)) {
    if (judged(sample, shift, spec.size_us).score === 0) continue;
    const found = judge(shift);
    if (found.score > best.score) best = { shift, ...found };
  }
  const isAll = none.score === 0 && best.similar === facts.length;
  if (best.similar < ROWS_MIN || (best.score - none.score < GAIN_MIN && !isAll)) best = { shift: 0, ...none };
  if (best.reproduced === facts.length) return best.shift;
  const shift = nearer(facts, best, spec.size_us);
  if (shift === null) return best.shift;
  const found = judge(shift);
  // Lost ticks at the ends of a few windows are reproduced by some constant as well.
  const isBetter = found.reproduced - best.reproduced >= CONSTANT_ROWS_MIN && found.score > best.score;
  return isBetter && found.reproduced >= CONSTANT_PART * facts.length ? shift : best.shift;
}

/** The constant around the best shift, or anywhere, that reproduces the most; null when none does. */
function nearer(facts: readonly Facts[], best: Judged & { shift: number }, size_us: number): number | null {
  const around = (of: readonly Facts[], radius: number) => edgesOf(of, best.shift, radius, size_us);
  const [sample, more] = [spread(facts, SEARCH_ROWS), spread(facts, NEAR_ROWS)];
  if (best.score >= REPRODUCED * facts.length) {
    const wrong = facts.filter((each) => scoreOf(each, best.shift, size_us) < 1);
    return wrong.length < ROWS_MIN ? null : roundest(around(wrong, NEAR_US), more, size_us);
  }
  // Where lowest and highest prices fit, only the edges can be elsewhere.
  const isAlmost = best.similar * 2 > facts.length;
  const rough = roundest(isAlmost ? around(sample, size_us / COARSE_STEPS) : coarse(sample, size_us), sample, size_us);
  return rough === null ? null : (roundest(edgesOf(more, rough, FINE_US, size_us), more, size_us) ?? rough);
}

interface Judged {
  /** Sum over rows of the part of their facts that fit. */
  score: number;
  /** Rows of which all facts fit. */
  reproduced: number;
  /** Rows of which as much fits as of a window with late or repeated ticks: lowest and highest price. */
  similar: number;
}

const SIMILAR = 0.4;

function judged(facts: readonly Facts[], shift: number, size_us: number): Judged {
  let [score, reproduced, similar] = [0, 0, 0];
  for (const each of facts) {
    const own = scoreOf(each, shift, size_us);
    score += own;
    if (own === 1) reproduced++;
    if (own >= SIMILAR) similar++;
  }
  return { score, reproduced, similar };
}

/** Zones by their distance to UTC, labels one window off, and the shift that aligns their starts. */
function naturalShifts(rows: readonly ForeignRow[], { size_us, every_us }: WindowSpec): number[] {
  const offset = Math.abs(rows[Math.floor(rows.length / 2)]!.window_start_us % every_us);
  const zones = Array.from({ length: QUARTERS_MAX }, (_, i) => [(i + 1) * QUARTER_US, -(i + 1) * QUARTER_US]).flat();
  return [...new Set([-offset, every_us - offset, -every_us, every_us, -size_us, size_us, ...zones])].filter(
    (shift) => shift !== 0,
  );
}

/** The edges around the best of many steps over all zones. */
function coarse(sample: readonly Facts[], size_us: number): number[] {
  const step = size_us / COARSE_STEPS;
  const count = Math.min(Math.floor((QUARTERS_MAX * QUARTER_US) / step), STEPS_MAX);
  let best = { shift: 0, score: 0 };
  for (let i = 0; i <= 2 * count; i++) {
    const shift = (i % 2 === 0 ? i / 2 : -(i + 1) / 2) * step;
    const { score } = judged(sample, shift, size_us);
    if (score > best.score) best = { shift, score };
  }
  return best.score === 0 ? [] : edgesOf(sample, best.shift, step, size_us);
}

/**
 * Shifts within `radius` of `center` at which a tick enters or leaves a row's window: between two of
 * them nothing changes.
 */
function edgesOf(facts: readonly Facts[], center: number, radius: number, size_us: number): number[] {
  const edges = new Set<number>();
  for (const { place, start_us } of spread(facts, EDGE_ROWS))
    for (const boundary of [start_us, start_us + size_us]) {
      for (let i = place.from(boundary + center - radius); i < place.times.length; i++) {
        const edge = place.times[i]! - boundary;
        if (edge > center + radius || edges.size > EDGES_MAX) break;
        edges.add(edge);
      }
    }
  return [...edges].sort((a, b) => a - b);
}

/** The roundest shift that reproduces the most between two edges; null without edges. */
function roundest(edges: readonly number[], facts: readonly Facts[], size_us: number): number | null {
  let best = { score: 0, low: 0, high: 0 };
  for (const [i, high] of edges.entries()) {
    const low = edges[i - 1] ?? high - 1;
    const { score } = judged(facts, high, size_us);
    if (score > best.score) best = { score, low, high };
    else if (score === best.score && best.high === low) best.high = high;
  }
  if (best.score === 0) return null;
  const { low, high } = best;
  if (low < 0 && high >= 0) return 0;
  for (const unit of ROUND_US) {
    const round = high < 0 ? Math.floor(high / unit) * unit : (Math.floor(low / unit) + 1) * unit;
    if (round > low && round <= high) return round;
  }
  return high;
}

function spread<T>(all: readonly T[], count: number): T[] {
  if (all.length <= count) return [...all];
  return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)]!);
}
