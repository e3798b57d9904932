/** What the main chart shows: both pipelines' windows of a selection, and what the runs said of them. */
import type { Bar, BatchEvent, Cell, ChartAnswer, OutageSpan, RunMark } from "../../scripts/contract/page-events.ts";
import type { Outage } from "../../scripts/contract/tick.ts";
import SPANS from "../../sql/page/outage_spans.sql" with { type: "text" };
import { batchBars } from "./chart-batch.ts";
import { cellsOf, type Listed, listedOf } from "./chart-cells.ts";
import { batchList, streamLists } from "./chart-lists.ts";
import { storedParts, storedRows, streamBars, streamReached } from "./chart-stream.ts";
import { type JsonList, type JsonPiece, jsonPieces } from "./json-pieces.ts";
import { startOf, type UsSpan } from "./kept-bars.ts";
import { NewestUsed } from "./newest-used.ts";
import { idFromCommit } from "./page-changes.ts";
import { lastDone } from "./runs.ts";
import { choices, everyUs, type Selection } from "./selection.ts";
import { indexFrom } from "./sorted.ts";
import type { Sources } from "./sources.ts";

export { streamBarsSince } from "./chart-stream.ts";

/** Runs marked in one answer, the newest; and outages. */
const MARKS_MAX = 500;
/** A run that changed more windows or cells is sent as a reload. */
const CHANGES_MAX = 500;
/** Runs of which a selection's windows are kept, to tell what the next one changed. */
const DRAWN_RUNS_KEPT = 3;
/** Two seeks: of both in one SELECT SQLite reads all windows. */
const OF_KIND = "FROM windows WHERE product_id = $product AND size_us = $size_us";
const KNOWN = `${OF_KIND} AND window_start_us <= $reached_us`;
const ENDS = `SELECT (SELECT min(window_start_us) ${KNOWN}) AS oldest_us, (SELECT max(window_start_us) ${KNOWN}) AS newest_us`;
const OUTAGES_READ = 2_000;

/** Spans of event time that a page offers; `all`: from the oldest window. */
export const RANGES_US = { "15m": 900e6, "1h": 3_600e6, "6h": 21_600e6, all: null } as const;
export type RangeName = keyof typeof RANGES_US;
export const RANGE_DEFAULT: RangeName = "1h";
/** A range shows at least this many windows. */
const RANGE_WINDOWS_MIN = 10;

/**
 * Starts of the oldest window and of the one after the newest, of either pipeline; null without one.
 * Windows of ticks that are stamped too far ahead are not among them.
 */
function endsOf(sources: Sources, selection: Selection): UsSpan | null {
  const { product, size } = selection;
  const found = sources.windows.get<{ oldest_us: number | null; newest_us: number | null }>(ENDS, {
    product,
    size_us: size.from_us ?? size.us,
    reached_us: streamReached(sources, selection),
  });
  const starts = [found?.oldest_us, found?.newest_us].flatMap((us) => us ?? []);
  const bars = knownBars(sources, selection);
  const batch = [bars[0], bars.at(-1)].flatMap((bar) => (bar === undefined ? [] : Math.round(bar[0] * 1e6)));
  const all = [...starts, ...batch].map((us) => (size.from_us === undefined ? us : startOf(size.us, us)));
  if (all.length === 0) return null;
  return { from_us: Math.min(...all), to_us: Math.max(...all) + size.us };
}

/** The span of a range that ends with the newest window of either pipeline. */
export function spanOfRange(sources: Sources, selection: Selection, range: RangeName): UsSpan {
  const ends = endsOf(sources, selection) ?? { from_us: 0, to_us: 0 };
  const length_us = RANGES_US[range];
  if (length_us === null) return ends;
  return { from_us: ends.to_us - Math.max(length_us, RANGE_WINDOWS_MIN * selection.size.us), to_us: ends.to_us };
}

/** Event time of a product's newest tick in a run, skewed ones aside; the greatest number: not known. */
function batchReached(sources: Sources, { product }: Selection): number {
  return sources.runs.all().at(-1)?.snapshot.newest_us[product] ?? Number.MAX_SAFE_INTEGER;
}

/** The batch's bars without those of ticks that are stamped too far ahead. */
function knownBars(sources: Sources, selection: Selection): readonly Bar[] {
  const { bars } = batchBars(sources, selection);
  return bars.slice(
    0,
    indexFrom(bars, batchReached(sources, selection) + 1, ([start_s]) => start_s * 1e6),
  );
}

/** The span widened to whole windows of the selection. */
export function alignedSpan(sources: Sources, { size }: Selection, { from_us, to_us }: UsSpan): UsSpan {
  const every_us = everyUs(sources, size.us);
  return { from_us: startOf(every_us, from_us), to_us: -startOf(every_us, -to_us) };
}

/** A chart's answer with its long lists as JSON. */
type ListedChart = { [K in keyof ChartAnswer]: K extends "stream" | "batch" | "cells" ? JsonList : ChartAnswer[K] };

/**
 * ChartAnswer as JSON: both pipelines' windows that start in the span, which is widened to whole
 * windows: of each the newest CHART_ANSWER_WINDOWS_MAX stored ones. Reads and writes what is not kept
 * of an answer before.
 */
export function chartJson(sources: Sources, selection: Selection, asked: UsSpan): JsonPiece[] {
  const { product, size } = selection;
  const { to_us, ...whole } = alignedSpan(sources, selection, asked);
  // Read first: what is committed meanwhile is sent again.
  const change_id = sources.windows.counters().change_id ?? 0;
  const { parts, from_us, is_cut } = storedParts(sources, selection, { ...whole, to_us });
  const span = { from_us, to_us };
  const { stream, cells } = streamLists(sources, selection, parts);
  const newest = newestRun(sources, selection);
  noteDrawn(sources, selection);
  const answer: ListedChart = {
    product,
    window: size.name,
    size_s: size.us / 1e6,
    every_s: everyUs(sources, size.us) / 1e6,
    from_s: from_us / 1e6,
    to_s: to_us / 1e6,
    is_cut,
    stream,
    batch: batchList(sources, selection, span),
    cells,
    outages: outagesIn(sources, product, span),
    runs: runMarks(sources, selection).filter(([, , newest_s]) => newest_s * 1e6 >= from_us && newest_s * 1e6 < to_us),
    run_id: newest?.run[0] ?? 0,
    horizon_s: newest?.horizon_s ?? null,
    first_s: seconds(endsOf(sources, selection)?.from_us ?? null),
    older_before_s: seconds(batchBars(sources, selection).older_before_us),
    id: idFromCommit({ epoch: sources.windows.epoch, change_id }),
  };
  return jsonPieces(answer);
}

/** The same as values. */
export function chartAnswer(sources: Sources, selection: Selection, asked: UsSpan): ChartAnswer {
  const pieces = chartJson(sources, selection, asked).map(({ bytes }) => bytes);
  return JSON.parse(Buffer.concat(pieces).toString()) as ChartAnswer;
}

/** The windows and cells that the runs after `run_id_before` changed; null: it is the newest run. */
export function batchChanges(
  sources: Sources,
  selection: Selection,
  run_id_before: number,
): Omit<BatchEvent, "of"> | null {
  const newest = newestRun(sources, selection);
  // A results.db that was created again begins with run 1.
  if (newest === null || newest.run[0] === run_id_before) return null;
  const drawn = noteDrawn(sources, selection);
  const now = drawn.at(-1)!;
  const before = drawn.find(({ run_id }) => run_id === run_id_before);
  const reload = { ...newest, reload: true, batch: [], cells: [] };
  if (before === undefined) return reload;
  const batch = changedBars(before.bars, now.bars);
  const reached_us = Math.max(streamReached(sources, selection), batchReached(sources, selection));
  const history_us = now.listed?.history_us ?? Number.NEGATIVE_INFINITY;
  const history = batch.map(([start_s]) => Math.round(start_s * 1e6)).filter((start_us) => start_us <= history_us);
  const changed = changedStarts(before.listed, now.listed).filter((start_us) => start_us <= reached_us);
  const starts = [...new Set([...changed, ...history])];
  if (before.older_before_us !== now.older_before_us && now.bars.length === 0) return reload;
  if (batch.length > CHANGES_MAX || starts.length > CHANGES_MAX) return reload;
  return { ...newest, reload: false, batch, cells: cellsAt(sources, selection, starts) };
}

/** A run's answer for a selection, as pages have drawn it. */
interface Drawn {
  run_id: number;
  /** Of which pages that follow the newest window have all. */
  bars: readonly Bar[];
  older_before_us: number | null;
  listed: Listed | null;
}

/** Selections of which they are kept; a run is sent to pages of others as a reload. */
const DRAWN_MAX = 32;
const kept = new WeakMap<Sources, NewestUsed<string, Drawn[]>>();

/** The newest runs' answers for a selection, the newest last. */
function noteDrawn(sources: Sources, selection: Selection): readonly Drawn[] {
  const { product, size } = selection;
  const of = kept.get(sources) ?? new NewestUsed<string, Drawn[]>(DRAWN_MAX);
  kept.set(sources, of);
  const key = `${size.us} ${product}`;
  const known = of.get(key) ?? [];
  const run_id = lastDone(sources)?.run_id ?? 0;
  if (known.at(-1)?.run_id === run_id) return known;
  const { older_before_us } = batchBars(sources, selection);
  const listed = listedOf(sources, selection);
  const drawn = { run_id, bars: knownBars(sources, selection), older_before_us, listed };
  const older = known.filter((one) => one.run_id < run_id);
  const next = [...older, drawn].slice(-DRAWN_RUNS_KEPT);
  // An address can name any product.
  if (choices(sources).products.includes(product)) of.set(key, next);
  return next;
}

function changedBars(before: readonly Bar[], now: readonly Bar[]): Bar[] {
  const known = new Map(before.map((bar) => [bar[0], bar]));
  return now.filter((bar) => {
    const old = known.get(bar[0]);
    return old === undefined || bar.some((value, i) => value !== old[i]);
  });
}

/** Starts of the stored windows whose judgement is another one, or new. */
function changedStarts(before: Listed | null, now: Listed | null): number[] {
  const [old, rows] = [before?.rows ?? new Map(), now?.rows ?? new Map()];
  return [...new Set([...old.keys(), ...rows.keys()])].filter((start_us) => {
    const [a, b] = [old.get(start_us), rows.get(start_us)];
    // A cut list loses its oldest equal windows to newer ones.
    if (b === undefined && a?.outcome === "equal") return false;
    return a?.outcome !== b?.outcome || a?.late !== b?.late;
  });
}

/** Cells of the selection's windows in which these stored windows are. */
function cellsAt(sources: Sources, selection: Selection, stored: readonly number[]): Cell[] {
  const { size } = selection;
  const starts = new Set(stored.map((us) => (size.from_us === undefined ? us : startOf(size.us, us))));
  return [...starts]
    .sort((a, b) => a - b)
    .flatMap((from_us) => {
      const to_us = from_us + (size.from_us === undefined ? 1 : size.us);
      return cellsIn(sources, selection, { from_us, to_us });
    });
}

/** Cells of the selection's windows that start in the span, of whole windows. */
export function cellsIn(sources: Sources, selection: Selection, span: UsSpan): Cell[] {
  const rows = storedRows(sources, selection, span);
  const { history, others } = cellsOf(sources, selection, rows, streamBars(sources, selection, rows), span);
  return [...history, ...others];
}

/** The newest run that is done, and the event time that its answers reach. */
function newestRun(sources: Sources, selection: Selection): { run: RunMark; horizon_s: number | null } | null {
  const run = lastDone(sources);
  if (run === null) return null;
  const newest_s = seconds(run.newest_time_us);
  // Runs of an older version have no times by product; the others know which products they have.
  const ofAll_s = sources.runs.all().length === 0 ? newest_s : null;
  const horizon_s = runMarks(sources, selection).at(-1)?.[2] ?? ofAll_s;
  return { run: [run.run_id, (run.ended_us ?? run.started_us) / 1e6, horizon_s ?? newest_s ?? 0], horizon_s };
}

/** The newest runs, oldest first, each the first that reached its event time. */
function runMarks(sources: Sources, { product }: Selection): RunMark[] {
  return sources.metrics.once(`run marks ${product}`, () => {
    let reached_us = Number.MIN_SAFE_INTEGER;
    const marks = sources.runs.all().flatMap(({ run_id, ended_us, snapshot }): RunMark[] => {
      const newest_us = snapshot.newest_us[product];
      if (newest_us === undefined || newest_us === reached_us) return [];
      reached_us = newest_us;
      return [[run_id, ended_us / 1e6, newest_us / 1e6]];
    });
    return marks.slice(-MARKS_MAX);
  });
}

/** Of the newest spans without a feed. */
function outagesIn(sources: Sources, product: string, span: UsSpan): OutageSpan[] {
  const found = sources.ticks.all<Outage>(SPANS, { product, ...span, read: OUTAGES_READ, limit: MARKS_MAX });
  return found.map(({ from_us, to_us, reason }) => [from_us / 1e6, to_us / 1e6, reason]);
}

function seconds(us: number | null): number | null {
  return us === null ? null : us / 1e6;
}
