/** All that is known of one window: for its page, the API and `bun run explain`. */
import { TidemarkError } from "../../scripts/base/errors.ts";
import { isoFromUs, isoSecondFromUs } from "../../scripts/base/iso.ts";
import { mayLackTicks } from "../../scripts/contract/lacking-ticks.ts";
import type { Cell } from "../../scripts/contract/page-events.ts";
import type { Row } from "../../scripts/contract/results.ts";
import {
  COMPARED_COLUMNS,
  type DetailColumn,
  type WindowDetail,
  type WindowValues,
} from "../../scripts/contract/window-explained.ts";
import { archivedMinutes, type TickRow } from "./archived-ticks.ts";
import { cellsIn } from "./chart.ts";
import { lateTicks, sameDigits } from "./differences.ts";
import { holdsHistory } from "./history-minutes.ts";
import { errorText } from "./log-view.ts";
import { judgedWindows, storedSize } from "./reconciliation.ts";
import { choices, everyUs, type Selection, sizeOfUs } from "./selection.ts";
import type { Sources } from "./sources.ts";
import { offsets } from "./stage-states.ts";
import { BusyError } from "./turns.ts";
import { type NamedWindow, windowId, windowPath } from "./window-id.ts";
import { partsOf, streamRow } from "./window-parts.ts";
import {
  areMinutesCut,
  type BatchValues,
  batchValues,
  type PartSpan,
  revisionsOf,
  type StreamPart,
  streamParts,
} from "./window-sides.ts";
import { windowTicks } from "./window-ticks.ts";
import { addedValues, summedValues, windowValues } from "./window-values.ts";
import { outcomeText } from "./window-verdict.ts";

export interface DetailOptions {
  /** Only what was known then, microseconds of this machine's clock; null: now. */
  as_of_us: number | null;
  /** Ticks, at most. */
  limit: number;
  /** Whether to wait for the archive where it is needed. */
  archive: boolean;
  /** Ends the wait. */
  signal?: AbortSignal;
}

const LATE_MAX = 1_000;
const REVISIONS_MAX = 100;

/**
 * Fails with USAGE when no window of that size begins there, with NO_DATA when neither pipeline has
 * it, with BusyError when too many wait for the archive.
 */
export async function windowDetail(
  sources: Sources,
  named: NamedWindow,
  options: DetailOptions,
): Promise<WindowDetail> {
  const selection = selectionOf(sources, named);
  const { size, product } = selection;
  const stored = storedSize(size);
  const { start_us } = named;
  const span = { product, size_us: stored.us, from_us: start_us, to_us: start_us + (size === stored ? 1 : size.us) };
  const whole: PartSpan = { ...span, as_of_us: options.as_of_us };
  const isOlder = options.archive && options.as_of_us === null && areMinutesCut(sources, whole);
  const archived = isOlder
    ? await minutesOrError(sources, { ...span, to_us: start_us + size.us }, options.signal)
    : NO_MINUTES;
  const made = sources.leniently(() => sources.atOneCommit(() => sidesOf(sources, selection, whole, archived)));
  const ticks = await windowTicks(sources, made.ticks, options.limit, options);
  const pending = ticks.is_pending || (!options.archive && areMinutesCut(sources, whole));
  const detail = { ...made.detail, ticks: { ...ticks, is_pending: pending } };
  const hasNone = ticks.rows.length === 0 && !ticks.is_pending && !ticks.is_behind && ticks.error === null;
  // What is stored of it was made of later ticks.
  return options.as_of_us !== null && hasNone ? { ...detail, ...UNKNOWN_THEN } : detail;
}

const UNKNOWN_THEN: Partial<WindowDetail> = {
  state: "none",
  verdict: "Nothing was known of it then",
  stream: null,
  parts: [],
};

/** The batch's minutes that are in the archive only, or why they can't be read. */
interface Archived {
  rows: readonly Row[];
  error: string | null;
}

const NO_MINUTES: Archived = { rows: [], error: null };

/** Without them the batch's side is not there, and the rest is. */
async function minutesOrError(
  { paths }: Sources,
  span: Parameters<typeof archivedMinutes>[1],
  signal?: AbortSignal,
): Promise<Archived> {
  try {
    return { rows: await archivedMinutes(paths, span, signal), error: null };
  } catch (error) {
    if (error instanceof BusyError) throw error;
    return { rows: [], error: `The archive can't be read: ${errorText(error)}` };
  }
}

function selectionOf(sources: Sources, { product, size_us, start_us }: NamedWindow): Selection {
  const { sizes } = choices(sources);
  const size = sizes.find(({ us }) => us === size_us);
  if (size === undefined) {
    const valid = sizes.map(({ name }) => name).join(", ");
    throw new TidemarkError("NO_DATA", `There are no windows of ${sizeOfUs(size_us).name}.`, `Valid sizes: ${valid}.`);
  }
  const every_us = everyUs(sources, size.us);
  const before_us = Math.floor(start_us / every_us) * every_us;
  if (before_us !== start_us) {
    const say = `No window of ${size.name} begins at ${isoFromUs(start_us)}.`;
    throw new TidemarkError("USAGE", say, `The one before is ${windowId(product, size, before_us)}.`);
  }
  return { product, size };
}

type Sides = { detail: Omit<WindowDetail, "ticks">; ticks: Parameters<typeof windowTicks>[1] };

function sidesOf(sources: Sources, selection: Selection, span: PartSpan, archived: Archived): Sides {
  const { product, size } = selection;
  const { from_us: start_us, as_of_us } = span;
  const end_us = start_us + size.us;
  const parts = streamParts(sources, span);
  const stream = streamValues(parts, as_of_us);
  const cell = as_of_us === null ? cellOf(sources, selection, span) : undefined;
  const outcome = cell?.[1] ?? null;
  const batch = as_of_us === null ? batchValues(sources, span, archived.rows, outcome) : null;
  if (parts.length === 0 && batch === null) throw noWindow(sources, selection, start_us);
  const stored = storedSize(size);
  // A sum of closed windows is open while another one can open in it.
  const isClosed = size === stored || end_us <= sources.bars.closedUntil(product, stored.us);
  const state = stateOf(parts, as_of_us, isClosed);
  const late = lateOf(sources, span, parts);
  const judged = judgedWindows(sources, selection);
  const lateOfPart = (part: StreamPart) => judged.get(isoFromUs(part.start_us))?.sides?.late ?? null;
  const lateSums = addedValues(parts.map(lateOfPart).filter((sums) => sums !== null));
  const isCompared = state !== "open" && stream !== null && outcome !== "history";
  const columns = columnsOf(stream, batch?.values ?? null, isCompared, lateSums);
  const run = batch === null ? null : batchRun(sources, batch);
  const ids = [...parts.flatMap(({ row, last }) => [row, last].flatMap((one) => one ?? [])), ...numbered(batch)];
  return {
    detail: {
      id: windowId(product, size, start_us),
      path: windowPath(product, size, start_us),
      product,
      window: size.name,
      window_start: isoFromUs(start_us),
      window_end: isoFromUs(end_us),
      start_us,
      size_us: size.us,
      every_us: everyUs(sources, size.us),
      as_of: as_of_us === null ? null : isoFromUs(as_of_us),
      state,
      outcome,
      verdict: outcomeText({
        state,
        outcome,
        columns,
        late: late.count,
        as_of_us,
        isSummed: size !== stored,
        holdsHistory: holdsHistory(sources, { product, start_us, end_us }),
      }),
      columns,
      stream: streamRow(sources, parts, span),
      batch: run,
      batch_error: run === null ? archived.error : null,
      late_count: late.count,
      late: late.shown,
      revision_count: parts.reduce((sum, part) => sum + part.revision_count, 0),
      revisions: revisionsOf(sources, span, REVISIONS_MAX),
      summed_from: size === stored ? null : stored.name,
      parts: size === stored ? [] : partsOf(sources, selection, parts),
    },
    ticks: {
      product,
      from_us: start_us,
      to_us: end_us,
      first_id: Math.min(...ids.map(({ first_trade_id }) => first_trade_id)),
      last_id: Math.max(...ids.map(({ last_trade_id }) => last_trade_id)),
      expected: Math.max(
        parts.reduce((sum, { row, last }) => sum + (last ?? row)!.trade_count, 0),
        Number(batch?.values.trade_count ?? 0),
      ),
      late_ids: new Set(late.ids),
      as_of_us,
      is_behind: isConsumeBehind(sources, parts),
      inBatch: inBatch(sources, run?.run_id ?? null, batch),
    },
  };
}

function noWindow(sources: Sources, { product, size }: Selection, start_us: number): TidemarkError {
  const { products } = choices(sources);
  const hint = products.includes(product)
    ? "A window opens with its first tick: before it, and while the feed was out, there is none."
    : `Products with ticks: ${products.slice(0, 20).join(", ")}.`;
  const say = `Neither pipeline has a tick in the window ${windowId(product, size, start_us)}.`;
  return new TidemarkError("NO_DATA", say, hint);
}

/** The stream's row, without late ticks; null: there is none, or it is of after `as_of_us`. */
function streamValues(parts: readonly StreamPart[], as_of_us: number | null): WindowValues | null {
  const rows = parts.flatMap(({ row }) => row ?? []);
  if (rows.some(({ updated_at }) => as_of_us !== null && updated_at > as_of_us)) return null;
  const values = rows.map((row) => windowValues({ ...row }));
  return values.length === 1 ? values[0]! : summedValues(values);
}

/** Whether consume may lack ticks of the stream's rows. */
function isConsumeBehind(sources: Sources, parts: readonly StreamPart[]): boolean {
  const [stored, read] = [offsets(sources.ticks), offsets(sources.windows)];
  return parts.some(({ row }) => row !== null && mayLackTicks(row, stored, read));
}

function stateOf(parts: readonly StreamPart[], as_of_us: number | null, isClosed: boolean): WindowDetail["state"] {
  if (parts.length === 0) return "none";
  const rows = parts.flatMap(({ row }) => row ?? []);
  if (rows.length === 0) return "late";
  if (rows.some(({ updated_at }) => as_of_us !== null && updated_at > as_of_us)) return "open";
  if (!isClosed || rows.some(({ final }) => final === 0)) return "open";
  return rows.some(({ final }) => final === 2) ? "flushed" : "closed";
}

function cellOf(sources: Sources, selection: Selection, { from_us, to_us }: PartSpan): Cell | undefined {
  return cellsIn(sources, selection, { from_us, to_us }).find(([start_s]) => Math.round(start_s * 1e6) === from_us);
}

function lateOf(sources: Sources, span: PartSpan, parts: readonly StreamPart[]) {
  const found = parts.flatMap(({ start_us, revision_count }) => {
    const key = { product: span.product, size_us: span.size_us, start_us };
    return revision_count === 0 ? [] : lateTicks(sources, key, Math.min(LATE_MAX, revision_count));
  });
  const count = parts.reduce(
    (sum, { row, last }) => sum + (last === null ? 0 : last.trade_count - (row?.trade_count ?? 0)),
    0,
  );
  return { count, shown: found.slice(0, LATE_MAX), ids: found.map(({ trade_id }) => trade_id) };
}

/** What a column is compared in; `late` has the sums of the late ticks by column. */
function columnsOf(
  stream: WindowValues | null,
  batch: WindowValues | null,
  isCompared: boolean,
  late: Readonly<Record<string, unknown>> | null,
): DetailColumn[] {
  return COMPARED_COLUMNS.map((column) => {
    const [ours, theirs] = [stream?.[column] ?? null, batch?.[column] ?? null];
    const mark = !isCompared || batch === null ? null : ours === theirs ? "equal" : "differs";
    const added = late?.[column];
    return {
      column,
      stream: ours,
      late: mark === "differs" && added != null ? String(added) : null,
      batch: theirs,
      mark,
      same: sameDigits(ours, theirs),
    };
  });
}

function batchRun(sources: Sources, { metric, note }: BatchValues): WindowDetail["batch"] {
  const result = sources.metrics.get(metric);
  if (result === null) return null;
  const { run_id, file, sql } = result;
  const ended = sources.results.get<{ us: number | null }>("SELECT ended_us AS us FROM runs WHERE run_id = $run_id", {
    run_id,
  });
  return { run_id, ended_at: ended?.us == null ? null : isoSecondFromUs(ended.us), metric, file, sql, note };
}

function numbered(batch: BatchValues | null): { first_trade_id: number; last_trade_id: number }[] {
  if (batch === null) return [];
  const { first_trade_id, last_trade_id } = batch.values;
  return [{ first_trade_id: Number(first_trade_id), last_trade_id: Number(last_trade_id) }];
}

/** Whether the run that made the batch's side had a tick. */
function inBatch(sources: Sources, run_id: number | null, batch: BatchValues | null): (tick: TickRow) => boolean {
  const run = sources.runs.all().find((one) => one.run_id === run_id);
  if (run === undefined) return () => batch !== null;
  const { collected_to, store_created } = run.snapshot;
  const isSameStore = sources.ticks.setting("created") === store_created;
  const read = offsets(sources.windows);
  return ({ insert_id, log_partition, log_offset }) =>
    (!isSameStore || insert_id <= collected_to) &&
    (batch?.isAllOfRun === true || log_offset < (read.get(log_partition) ?? 0));
}
