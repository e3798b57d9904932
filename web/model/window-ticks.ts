/** The ticks of one window: from ticks.db, and from the archive where they were pruned. */
import { isoFromUs } from "../../scripts/base/iso.ts";
import type { DetailTick, DetailTicks } from "../../scripts/contract/window-explained.ts";
import { archivedTicks, type TickRow } from "./archived-ticks.ts";
import { errorText } from "./log-view.ts";
import type { Sources } from "./sources.ts";
import { BusyError } from "./turns.ts";

/** What is known of the ticks before they are read. */
interface TickSpan {
  product: string;
  from_us: number;
  /** Exclusive. */
  to_us: number;
  /** Trade ids of the rows of both sides: ticks.db is read by its key. */
  first_id: number;
  last_id: number;
  /** Ticks in the larger side's row, late ones included. */
  expected: number;
  late_ids: ReadonlySet<number>;
  /** Only what the log had taken by then; null: all. */
  as_of_us: number | null;
  /** Consume may not have stored all its ticks. */
  is_behind: boolean;
  inBatch(tick: TickRow): boolean;
}

/** Ticks of other windows between the ids of this one that are read too, at most. */
const OTHERS_READ_MAX = 2_000;
const stored = (
  order: "" | "DESC",
) => `SELECT trade_id, time_us, price, last_size, side, source, appended_us, log_partition, log_offset, insert_id
  FROM (SELECT * FROM ticks WHERE product_id = $product AND trade_id BETWEEN $first_id AND $last_id
    ORDER BY trade_id ${order} LIMIT $read)
  WHERE time_us >= $from_us AND time_us < $to_us ORDER BY time_us, trade_id LIMIT $limit`;
/** An id may be made up, and be far from the others on either side. */
const STORED = [stored(""), stored("DESC")];
const ONE = `SELECT trade_id, time_us, price, last_size, side, source, appended_us, log_partition, log_offset, insert_id
  FROM ticks WHERE product_id = $product AND trade_id = $trade_id`;

/**
 * At most `limit` ticks. `archive`: whether to wait for it if some are not in ticks.db any more. Fails
 * with BusyError.
 */
export async function windowTicks(
  sources: Sources,
  span: TickSpan,
  limit: number,
  { archive, signal }: { archive: boolean; signal?: AbortSignal },
): Promise<DetailTicks> {
  const stored = storedTicks(sources, span, limit + 1);
  const isWhole = stored.length >= Math.min(span.expected, limit + 1);
  const wasPruned = Number(sources.ticks.setting("pruned_to") ?? 0) > 0 || span.last_id - span.first_id > readMax(span);
  const base = { export: exportOf(span), error: null, is_behind: span.is_behind };
  if (isWhole || !wasPruned) return { ...base, from: "ticks.db", is_pending: false, ...shown(stored, span, limit) };
  if (!archive) return { ...base, from: "archive", is_pending: true, ...shown(stored, span, limit) };
  try {
    const found = await archivedTicks(sources.paths, span, limit + 1, signal);
    return { ...base, from: "archive", is_pending: false, ...shown(merged(found, stored), span, limit) };
  } catch (error) {
    if (error instanceof BusyError) throw error;
    const say = `The archive can't be read: ${errorText(error)}`;
    return { ...base, from: "ticks.db", is_pending: false, ...shown(stored, span, limit), error: say };
  }
}

function readMax({ expected }: TickSpan): number {
  return 2 * expected + OTHERS_READ_MAX;
}

function storedTicks({ ticks }: Sources, span: TickSpan, limit: number): TickRow[] {
  const { product, from_us, to_us, first_id, last_id, late_ids } = span;
  const read = readMax(span);
  const of = { product, from_us, to_us, first_id, last_id, read, limit };
  const ends = last_id - first_id > read ? STORED : STORED.slice(0, 1);
  const found = ends.flatMap((sql) => ticks.all<TickRow>(sql, of));
  const ids = new Set([...late_ids, first_id, last_id]);
  const single = [...ids].flatMap((trade_id) => ticks.get<TickRow>(ONE, { product, trade_id }) ?? []);
  // What was stored under an id may be another window's, if the stream took another trade for it.
  const own = single.filter(({ time_us }) => time_us >= from_us && time_us < to_us);
  return merged(found, own);
}

/** Each trade once, by time and id. */
function merged(a: TickRow[], b: TickRow[]): TickRow[] {
  const all = new Map([...a, ...b].map((tick) => [tick.trade_id, tick]));
  return [...all.values()].sort((x, y) => x.time_us - y.time_us || x.trade_id - y.trade_id);
}

function shown(found: TickRow[], span: TickSpan, limit: number): Pick<DetailTicks, "rows" | "is_cut"> {
  const known = found.filter(({ appended_us }) => span.as_of_us === null || appended_us <= span.as_of_us);
  return { rows: known.slice(0, limit).map((tick) => shownTick(tick, span)), is_cut: known.length > limit };
}

function shownTick(tick: TickRow, { late_ids, inBatch }: TickSpan): DetailTick {
  const { trade_id, time_us, price, last_size, side, source, appended_us, log_partition, log_offset } = tick;
  return {
    trade_id,
    time: isoFromUs(time_us),
    price,
    last_size,
    side,
    source,
    appended_at: isoFromUs(appended_us),
    log_partition,
    log_offset,
    is_late: late_ids.has(trade_id),
    in_batch: inBatch(tick),
  };
}

function exportOf({ product, from_us, to_us }: TickSpan): string {
  const query = new URLSearchParams({ product, from: isoFromUs(from_us), to: isoFromUs(to_us) });
  return `/export/ticks.csv?${query}`;
}
