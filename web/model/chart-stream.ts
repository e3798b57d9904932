/** The stream's windows as the main chart draws them, from windows.db. */
import type { StreamBar } from "../../scripts/contract/page-events.ts";
import { summedBar, summedState } from "./derived-windows.ts";
import { type BarRow, type BarsPart, startOf, type UsSpan, type WindowKind } from "./kept-bars.ts";
import { everyUs, type Selection } from "./selection.ts";
import type { Sources } from "./sources.ts";

/** Stored windows of one answer: about 200 kB of it as JSON, compressed. */
export const CHART_ANSWER_WINDOWS_MAX = 10_000;
/** Windows and revisions of all products that changed since a page's commit; for more it reloads. */
const CHANGES_MAX = 500;
const CHANGED =
  "SELECT product_id, size_us, window_start_us FROM windows WHERE change_id > $after ORDER BY change_id LIMIT $limit";
const REACHED = "SELECT max_time_us AS us FROM products WHERE product_id = $product";
/** A revision's rowid rises with its commit. */
const REVISED = `SELECT product_id, size_us, window_start_us FROM (
    SELECT product_id, size_us, window_start_us, change_id FROM window_revisions ORDER BY rowid DESC LIMIT $limit
  ) WHERE change_id > $after`;

/** The stored windows of which a selection's are made. */
function kindOf(sources: Sources, { product, size }: Selection): WindowKind {
  const size_us = size.from_us ?? size.us;
  return { product, size_us, every_us: everyUs(sources, size_us) };
}

/** Those that start in the span, by start: the newest CHART_ANSWER_WINDOWS_MAX. */
export function storedRows(sources: Sources, selection: Selection, span: UsSpan): BarRow[] {
  return sources.bars.rows(kindOf(sources, selection), span, CHART_ANSWER_WINDOWS_MAX);
}

/**
 * The same in parts, which begin at `from_us`: later than the span if it has more windows (`is_cut`).
 * The first part then begins with a whole window of the selection.
 */
export function storedParts(
  sources: Sources,
  selection: Selection,
  span: UsSpan,
): { parts: BarsPart[]; from_us: number; is_cut: boolean } {
  const found = sources.bars.parts(kindOf(sources, selection), span, CHART_ANSWER_WINDOWS_MAX + 1);
  const is_cut = found.reduce((sum, { rows }) => sum + rows.length, 0) > CHART_ANSWER_WINDOWS_MAX;
  if (!is_cut) return { parts: found, from_us: span.from_us, is_cut };
  const oldest = found
    .values()
    .flatMap(({ rows }) => rows)
    .drop(1)
    .next().value!;
  const every_us = everyUs(sources, selection.size.us);
  const from_us = -startOf(every_us, -oldest.window_start_us);
  const parts = found.filter(({ to_us }) => to_us > from_us).map((part) => beginningAt(part, from_us));
  return { parts, from_us, is_cut };
}

function beginningAt(part: BarsPart, from_us: number): BarsPart {
  if (part.from_us >= from_us) return part;
  const rows = part.rows.filter(({ window_start_us }) => window_start_us >= from_us);
  return { from_us, to_us: part.to_us, rows, made: null };
}

/** Stored windows by the start of the selection's window that they are in. */
export function byWindow<T extends { window_start_us: number }>(
  { size }: Selection,
  rows: readonly T[],
): Map<number, T[]> {
  return Map.groupBy(rows, ({ window_start_us }) => startOf(size.us, window_start_us));
}

/**
 * The product's high mark: a window that starts later has skewed ticks only (docs/semantics.md
 * "Skew"). The greatest number while every tick is skewed, or the stream has none.
 */
export function streamReached({ windows }: Sources, { product }: Selection): number {
  const us = windows.get<{ us: number }>(REACHED, { product })?.us ?? Number.MIN_SAFE_INTEGER;
  return us === Number.MIN_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : us;
}

/** The stored windows as bars of the selection's size, both by start. */
export function streamBars(sources: Sources, selection: Selection, rows: readonly BarRow[]): StreamBar[] {
  const { size } = selection;
  const { bars } = sources;
  const part_us = size.from_us;
  if (part_us === undefined) return rows.map(barOf);
  const kind = kindOf(sources, selection);
  const closed_us = bars.closedUntil(kind.product, part_us);
  return [...byWindow(selection, rows)].map(([start_us, parts]) => {
    const state = summedState(parts, start_us + size.us, closed_us);
    const late = () => parts.reduce((sum, part) => sum + part.late, 0);
    const sum = (): StreamBar => [...summedBar(start_us, parts), state, late()];
    return state === 0 ? sum() : bars.summed(kind, start_us, `bar ${size.us} ${start_us}`, sum);
  });
}

function barOf(row: BarRow): StreamBar {
  return [
    row.window_start_us / 1e6,
    row.open_price,
    row.max_price,
    row.min_price,
    row.close_price,
    Number(row.total_volume),
    row.trade_count,
    row.vwap,
    row.final,
    row.late,
  ];
}

/**
 * The bars, by start, whose windows changed or got a late tick after a commit of this windows.db,
 * without those of skewed ticks; null: too many to list.
 */
export function streamBarsSince(sources: Sources, selection: Selection, change_id: number): StreamBar[] | null {
  const { product, size } = selection;
  const of = { after: change_id, limit: CHANGES_MAX };
  const changed = [CHANGED, REVISED].map((sql) => sources.windows.all<ChangedRow>(sql, of));
  if (changed.some((rows) => rows.length === CHANGES_MAX)) return null;
  const reached_us = streamReached(sources, selection);
  const own = changed
    .flat()
    .filter((row) => row.product_id === product && row.size_us === (size.from_us ?? size.us))
    .filter(({ window_start_us }) => window_start_us <= reached_us);
  const starts = own.map(({ window_start_us: us }) => (size.from_us === undefined ? us : startOf(size.us, us)));
  return [...new Set(starts)]
    .sort((a, b) => a - b)
    .flatMap((from_us) => {
      const to_us = from_us + (size.from_us === undefined ? 1 : size.us);
      return streamBars(sources, selection, storedRows(sources, selection, { from_us, to_us }));
    });
}

interface ChangedRow {
  product_id: string;
  size_us: number;
  window_start_us: number;
}
