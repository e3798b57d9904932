/** The reconciliation's judgement of each window, also of those that its stored result leaves out. */
import { usFromIso } from "../../scripts/base/iso.ts";
import type { Cell, Outcome, StreamBar } from "../../scripts/contract/page-events.ts";
import type { MetricResult, Row } from "../../scripts/contract/results.ts";
import { batchBars } from "./chart-batch.ts";
import { byWindow } from "./chart-stream.ts";
import type { BarRow, UsSpan } from "./kept-bars.ts";
import { lastDone } from "./runs.ts";
import type { Selection } from "./selection.ts";
import { indexFrom } from "./sorted.ts";
import type { Sources } from "./sources.ts";

/** Outcomes of the reconciliation, from the worst: a window of several has its worst one's. */
const OUTCOMES = ["unexplained", "unread", "history", "pending", "explained", "equal"] as const satisfies Outcome[];
type Judged = (typeof OUTCOMES)[number];

interface Known {
  outcome: Judged;
  late: number;
}

/** What one run's stored reconciliation states of the windows of one product and stored size. */
export interface Listed {
  /** By the window's start, microseconds. */
  rows: ReadonlyMap<number, Known>;
  /** The keys of `rows`, sorted: a window is found without reading all. */
  starts: readonly number[];
  /**
   * The result is cut: its last row if that is an equal window in the order of all equal ones, and
   * whether all windows of this product and size that it leaves out are equal.
   */
  cut: { last: Place | null; restIsEqual: boolean } | null;
  /** Start of the newest window with history, microseconds: what the stream lacks up to there is history. */
  history_us: number | null;
  /** When the run began: what was committed before is in it. */
  run_started_us: number;
}

/** A window's place in the order of the stored rows of one outcome. */
interface Place {
  window_start_us: number;
  product_id: string;
  size_us: number;
}

/** Null: no run has compared, or its result lacks the columns. Read once per selection and run. */
export function listedOf(sources: Sources, { product, size }: Selection): Listed | null {
  const size_us = size.from_us ?? size.us;
  return sources.metrics.once(`listed ${size_us} ${product}`, () => {
    const result = sources.metrics.get("reconciliation");
    const run = lastDone(sources);
    if (result === null || run === null) return null;
    return parseListed(result, product, size_us, run.started_us);
  });
}

function parseListed(
  { rows, truncated, columns }: MetricResult,
  product: string,
  size_us: number,
  run_started_us: number,
): Listed | null {
  const names = new Set(columns.map(({ name }) => name));
  if (!["window_start", "product_id", "size_us", "outcome", "late_count"].every((name) => names.has(name))) return null;
  const own = rows.filter((row) => row.product_id === product && Number(row.size_us) === size_us);
  const known = own.flatMap((row): [number, Known][] => {
    const start_us = usFromIso(String(row.window_start));
    const outcome = OUTCOMES.find((name) => name === row.outcome);
    return start_us === null || outcome === undefined ? [] : [[start_us, { outcome, late: Number(row.late_count) }]];
  });
  const listed = new Map(known);
  const starts = [...listed.keys()].sort((a, b) => a - b);
  const history_us = starts.findLast((start_us) => listed.get(start_us)!.outcome === "history") ?? null;
  return { rows: listed, starts, cut: truncated ? cutOf(rows, own) : null, history_us, run_started_us };
}

/** First is the newest window of each outcome, product and size, with the number of all of them. */
function cutOf(rows: readonly Row[], own: readonly Row[]): Listed["cut"] {
  const last = rows.at(-1)!;
  const isAlike = (row: Row) =>
    row.outcome === last.outcome && row.product_id === last.product_id && row.size_us === last.size_us;
  // A list that ends with a first one may lack others.
  const hasFirstOnes = rows.findIndex(isAlike) < rows.length - 1;
  const others = Map.groupBy(
    // Of history, the windows that the stream lacks are only counted.
    own.filter(({ outcome }) => outcome !== "equal" && outcome !== "history"),
    ({ outcome }) => outcome,
  );
  const hasOthers = [...others.values()].every((alike) => alike.length === Number(alike[0]!.windows_of_kind));
  const place = {
    window_start_us: usFromIso(String(last.window_start)) ?? Number.MAX_SAFE_INTEGER,
    product_id: String(last.product_id),
    size_us: Number(last.size_us),
  };
  return {
    last: last.outcome === "equal" && hasFirstOnes ? place : null,
    restIsEqual: hasFirstOnes && hasOthers && own.some(({ outcome }) => outcome === "equal"),
  };
}

/** By start. */
interface Cells {
  /** Of windows that only the batch has. */
  history: Cell[];
  others: Cell[];
}

/**
 * Cells of the windows of stored rows and of those that only the reconciliation has, for starts in the
 * span; `bars`: of the stored rows. A window whose outcome does not follow has no cell.
 */
export function cellsOf(
  sources: Sources,
  selection: Selection,
  rows: readonly BarRow[],
  bars: readonly StreamBar[],
  span: UsSpan,
): Cells {
  const open = new Set(bars.flatMap(([start_s, , , , , , , , state]) => (state === 0 ? [start_s] : [])));
  const { product, size } = selection;
  const listed = listedOf(sources, selection);
  const stored_us = size.from_us ?? size.us;
  const known = new Map<number, Known | null>();
  const at = (us: number) => indexFrom(listed?.starts ?? [], us, (start_us) => start_us);
  for (const start_us of listed?.starts.slice(at(span.from_us), at(span.to_us)) ?? [])
    known.set(start_us, listed!.rows.get(start_us)!);
  for (const row of rows) {
    if (known.has(row.window_start_us) || row.final === 0) continue;
    const place = { window_start_us: row.window_start_us, product_id: product, size_us: stored_us };
    known.set(row.window_start_us, judged(listed, place, row.updated_at));
  }
  const starts = new Set([...known.keys(), ...rows.map(({ window_start_us }) => window_start_us)]);
  const minutes = [...starts].sort((a, b) => a - b).map((window_start_us) => ({ window_start_us }));
  const windows =
    size.from_us === undefined ? Map.groupBy(minutes, (one) => one.window_start_us) : byWindow(selection, minutes);
  const history_us = listed?.history_us ?? Number.NEGATIVE_INFINITY;
  const onlyBatch = barStarts(sources, selection, { ...span, to_us: Math.min(span.to_us, history_us + 1) });
  const history = onlyBatch.filter((us) => !windows.has(us)).map((us): Cell => [us / 1e6, "history", 0]);
  const others = [...windows].flatMap(([start_us, parts]): Cell[] => {
    if (open.has(start_us / 1e6)) return [[start_us / 1e6, "open", 0]];
    const all = parts.map((part) => known.get(part.window_start_us) ?? null);
    if (size.from_us !== undefined && start_us <= history_us) all.push({ outcome: "history", late: 0 });
    const outcome = all.includes(null) ? undefined : OUTCOMES.find((name) => all.some((one) => one?.outcome === name));
    if (outcome === undefined) return [];
    // Of what is not compared yet, they explain nothing.
    const isJudged = outcome === "explained" || outcome === "unexplained";
    const late = isJudged ? all.reduce((sum, one) => sum + (one?.late ?? 0), 0) : 0;
    return [[start_us / 1e6, outcome, late]];
  });
  return { history, others };
}

/** Starts of the batch's windows in a span, microseconds. */
function barStarts(sources: Sources, selection: Selection, { from_us, to_us }: UsSpan): number[] {
  const { bars } = batchBars(sources, selection);
  const at = (us: number) => indexFrom(bars, us, ([start_s]) => start_s * 1e6);
  return bars.slice(at(from_us), Math.max(at(from_us), at(to_us))).map(([start_s]) => Math.round(start_s * 1e6));
}

/** A closed window that the stored result does not list; null: its outcome does not follow. */
function judged(listed: Listed | null, place: Place, updated_at: number): Known | null {
  const pending: Known = { outcome: "pending", late: 0 };
  // All that were compared are listed: this one was closed since.
  if (listed === null || listed.cut === null) return pending;
  const { cut, run_started_us } = listed;
  if (!cut.restIsEqual) return null;
  if (cut.last !== null && isBefore(place, cut.last)) return pending;
  // Its final row was in what the run read, if it was committed before the run began.
  return updated_at < run_started_us ? { outcome: "equal", late: 0 } : null;
}

/** Whether a window comes before another: the newest start first, then by product and size. */
function isBefore(a: Place, b: Place): boolean {
  if (a.window_start_us !== b.window_start_us) return a.window_start_us > b.window_start_us;
  if (a.product_id !== b.product_id) return a.product_id < b.product_id;
  return a.size_us < b.size_us;
}
