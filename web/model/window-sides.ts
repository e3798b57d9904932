/** What both pipelines have of a window: the stream's rows, and the batch's as of its newest run. */
import { isoFromUs } from "../../scripts/base/iso.ts";
import type { Outcome } from "../../scripts/contract/page-events.ts";
import { type Row, SAME_QUESTION } from "../../scripts/contract/results.ts";
import type { StoredWindow } from "../../scripts/contract/window-columns.ts";
import type { Revision, WindowValues } from "../../scripts/contract/window-explained.ts";
import { judgedWindows } from "./reconciliation.ts";
import { MINUTE_US, sizeOfUs } from "./selection.ts";
import type { Sources } from "./sources.ts";
import { summedValues, windowValues } from "./window-values.ts";

/** One product, a stored size, and the starts of the windows (microseconds, `to_us` exclusive). */
export interface PartSpan {
  product: string;
  size_us: number;
  from_us: number;
  to_us: number;
  /** Only what was committed by then, this machine's clock; null: all. */
  as_of_us: number | null;
}

/** A window that the stream keeps, with what came after its final row. */
export interface StreamPart {
  start_us: number;
  /** Null: all its ticks were late. */
  row: StoredWindow | null;
  last: RevisionRow | null;
  revision_count: number;
}

type RevisionRow = StoredWindow & {
  revision: number;
  caused_by_trade_id: number;
  log_partition: number;
  log_offset: number;
};

/** A window has at most an hour's minutes; twice that. */
const PARTS_MAX = 120;
const ROWS = `SELECT * FROM windows WHERE product_id = $product AND size_us = $size_us
  AND window_start_us >= $from_us AND window_start_us < $to_us ORDER BY window_start_us LIMIT $limit`;
const REVISED = `SELECT DISTINCT window_start_us AS start_us FROM window_revisions WHERE product_id = $product
  AND size_us = $size_us AND window_start_us >= $from_us AND window_start_us < $to_us LIMIT $limit`;
const LAST = `SELECT * FROM window_revisions WHERE product_id = $product AND size_us = $size_us
  AND window_start_us = $start_us AND updated_at <= $as_of_us ORDER BY revision DESC LIMIT 1`;
const REVISIONS = `SELECT * FROM window_revisions WHERE product_id = $product AND size_us = $size_us
  AND window_start_us >= $from_us AND window_start_us < $to_us AND updated_at <= $as_of_us
  ORDER BY window_start_us, revision LIMIT $limit`;
/** Later than any commit. */
const ALWAYS_US = Number.MAX_SAFE_INTEGER;

/** By start. A row that was committed after `as_of_us` is there as it is now. */
export function streamParts({ windows }: Sources, span: PartSpan): StreamPart[] {
  const { as_of_us, ...of } = span;
  const rows = windows.all<StoredWindow>(ROWS, { ...of, limit: PARTS_MAX });
  const revised = windows.all<{ start_us: number }>(REVISED, { ...of, limit: PARTS_MAX });
  const byStart = new Map(rows.map((row) => [row.window_start_us, row]));
  const starts = [...new Set([...byStart.keys(), ...revised.map(({ start_us }) => start_us)])].sort((a, b) => a - b);
  return starts.map((start_us) => {
    const key = { product: of.product, size_us: of.size_us, start_us, as_of_us: as_of_us ?? ALWAYS_US };
    const last = windows.get<RevisionRow>(LAST, key);
    return { start_us, row: byStart.get(start_us) ?? null, last, revision_count: last?.revision ?? 0 };
  });
}

/** By window and number, at most `limit`. */
export function revisionsOf({ windows }: Sources, { as_of_us, ...of }: PartSpan, limit: number): Revision[] {
  const found = windows.all<RevisionRow>(REVISIONS, { ...of, as_of_us: as_of_us ?? ALWAYS_US, limit });
  return found.map((row) => ({
    window_start: row.window_start,
    revision: row.revision,
    caused_by_trade_id: row.caused_by_trade_id,
    log_partition: row.log_partition,
    log_offset: row.log_offset,
    trade_count: row.trade_count,
    missing: row.missing,
    unissued: row.unissued,
    committed_at: isoFromUs(row.updated_at),
  }));
}

/** The batch's values, and where they are from. */
export interface BatchValues {
  values: WindowValues;
  metric: "reconciliation" | typeof SAME_QUESTION;
  note: string;
  /** False: only ticks before the position that both jobs had read. */
  isAllOfRun: boolean;
}

/**
 * The batch's side of the windows of one stored size that start in the span; null: the newest run has
 * none. `archived`: minutes that its stored result leaves out; `outcome`: of the window in the span.
 */
export function batchValues(
  sources: Sources,
  span: PartSpan,
  archived: readonly Row[],
  outcome: Outcome | null,
): BatchValues | null {
  const { product, size_us, from_us, to_us } = span;
  const selection = { product, size: sizeOfUs(size_us) };
  const minutes = size_us === MINUTE_US ? minutesOf(sources, product) : new Map<string, Row>();
  const older = new Map(archived.map((row) => [String(row.window_start), row]));
  const judged = judgedWindows(sources, selection);
  // One window that differs: the values that were compared.
  const isOne = to_us - from_us <= size_us;
  const one = isOne ? judged.get(isoFromUs(from_us)) : undefined;
  if (one?.sides?.batch)
    return {
      values: windowValues(one.sides.batch),
      metric: "reconciliation",
      note: "as it was compared, up to the position that stream and consume had both read",
      isAllOfRun: false,
    };
  const own = startsIn(span)
    .map((start) => minutes.get(start) ?? older.get(start))
    .filter((row) => row !== undefined);
  const values = summedValues(own.map((row) => windowValues(row)));
  const note = archived.length > 0 ? "from the archive, by the same SQL" : "the stored result of the newest run";
  if (values !== null)
    return {
      values: own.length === 1 ? windowValues(own[0]!) : values,
      metric: SAME_QUESTION,
      note,
      isAllOfRun: true,
    };
  // A cut result does not list all equal windows.
  const isEqual = one?.outcome === "equal" || (isOne && size_us !== MINUTE_US && outcome === "equal");
  return isEqual ? inferred(sources, span) : null;
}

/** Starts of the minutes in a span of at most PARTS_MAX. */
function startsIn({ from_us, to_us }: PartSpan): string[] {
  const first_us = Math.ceil(from_us / MINUTE_US) * MINUTE_US;
  const count = Math.min(PARTS_MAX, Math.max(0, Math.ceil((to_us - first_us) / MINUTE_US)));
  return Array.from({ length: count }, (_, i) => isoFromUs(first_us + i * MINUTE_US));
}

/** Of a size that is not minutes the run keeps no values of an equal window: they are the stream's. */
function inferred(sources: Sources, { product, size_us, from_us, to_us }: PartSpan): BatchValues | null {
  const row = sources.windows.get<StoredWindow>(ROWS, { product, size_us, from_us, to_us, limit: 1 });
  if (row === null) return null;
  return {
    values: windowValues({ ...row }),
    metric: "reconciliation",
    note: "the run found every column equal and keeps no second copy of such values",
    isAllOfRun: false,
  };
}

/** Whether the stored result may lack minutes of a span, because it is cut. */
export function areMinutesCut(sources: Sources, { product, size_us, from_us }: PartSpan): boolean {
  const result = sources.metrics.get(SAME_QUESTION);
  if (size_us !== MINUTE_US || result === null || !result.truncated) return false;
  const oldest = sources.metrics.once(
    `oldest minute ${product}`,
    () => [...minutesOf(sources, product).keys()].sort()[0],
  );
  return oldest === undefined || isoFromUs(from_us) <= oldest;
}

/** By start; read once per run. */
function minutesOf({ metrics }: Sources, product: string): ReadonlyMap<string, Row> {
  return metrics.once(`minutes by start ${product}`, () => {
    const own = (metrics.get(SAME_QUESTION)?.rows ?? []).filter((row) => row.product_id === product);
    return new Map(own.map((row) => [String(row.window_start), row]));
  });
}
