/** The windows in which stream and batch differ: each column's values, and the late ticks between them. */
import { isoFromUs, usFromIso } from "../../scripts/base/iso.ts";
import { COMPARED_COLUMNS, type ComparedColumn, type LateTick } from "../../scripts/contract/window-explained.ts";
import { agreementOf, type Judged, judgedWindows, storedSize } from "./reconciliation.ts";
import type { Selection } from "./selection.ts";
import type { Sources } from "./sources.ts";
import { windowId, windowPath } from "./window-id.ts";
import { windowValues } from "./window-values.ts";

/** One column that differs: exact text, null where a side has no such window. */
interface DifferentColumn {
  column: ComparedColumn;
  stream: string | null;
  /** What the late ticks add: of counts and sums; null for the others. */
  late: string | null;
  batch: string | null;
  /** Leading characters of `batch` that are those of `stream`: the rest is marked. */
  same: number;
}

/** One window that differs, as of the run that judged it. */
interface Difference {
  id: string;
  /** Address of its page. */
  path: string;
  window_start: string;
  outcome: "explained" | "unexplained";
  /** Of an unexplained one: what differs, in the reconciliation's words. */
  differs: string | null;
  /** [] if the run kept no values of it. */
  columns: DifferentColumn[];
  late_count: number;
  /** The first LATE_SHOWN of them. */
  late: LateTick[];
  revisions: number;
  /** The position of the record that closed it; null if --flush did. */
  closed: { log_partition: number; log_offset: number } | null;
}

export interface Differences {
  /** Unexplained ones first, then the newest; at most DIFFERENCES_SHOWN. */
  shown: Difference[];
  /** All of this product and size. */
  total: number;
}

const DIFFERENCES_SHOWN = 20;
const LATE_SHOWN = 5;
/** Each late tick has made a revision of its window, by whose key it is found; a proof makes one too. */
const LATE = `SELECT l.trade_id, l.time_us, l.price, l.last_size, l.side, l.lateness_us, l.log_partition, l.log_offset
  FROM window_revisions r JOIN late_ticks l ON l.product_id = r.product_id AND l.trade_id = r.caused_by_trade_id
    AND l.size_us = r.size_us AND l.window_start_us = r.window_start_us
    AND l.log_partition = r.log_partition AND l.log_offset = r.log_offset
  WHERE r.product_id = $product AND r.size_us = $size_us AND r.window_start_us = $start_us
  ORDER BY r.revision LIMIT $limit`;
const CLOSED = `SELECT closed_partition, closed_offset,
    (SELECT max(revision) FROM window_revisions r
     WHERE r.product_id = $product AND r.size_us = $size_us AND r.window_start_us = $start_us) AS revisions
  FROM (SELECT 1) LEFT JOIN windows w
    ON w.product_id = $product AND w.size_us = $size_us AND w.window_start_us = $start_us`;

/**
 * Of the newest run; counts, values and outcomes are of that run alone. Computed once per run, and
 * again for another windows.db, which has the late ticks.
 */
export function differences(sources: Sources, selection: Selection): Differences {
  const size = storedSize(selection.size);
  return sources.metrics.once(`differences ${sources.windows.epoch} ${size.us} ${selection.product}`, () => {
    const counts = agreementOf(sources, selection);
    const rank = ({ outcome }: Judged) => (outcome === "unexplained" ? 0 : 1);
    const found = [...judgedWindows(sources, selection).values()]
      .filter(({ outcome }) => outcome === "explained" || outcome === "unexplained")
      .sort((a, b) => rank(a) - rank(b) || (a.window_start < b.window_start ? 1 : -1));
    return {
      shown: found.slice(0, DIFFERENCES_SHOWN).map((judged) => difference(sources, { ...selection, size }, judged)),
      total: counts === null ? found.length : counts.explained + counts.unexplained,
    };
  });
}

function difference(sources: Sources, { product, size }: Selection, judged: Judged): Difference {
  const { window_start, outcome, differs, late_count, sides } = judged;
  const key = { product, size_us: size.us, start_us: usFromIso(window_start) ?? 0 };
  const closed = sources.windows.get<Closed>(CLOSED, key);
  return {
    id: windowId(product, size, key.start_us),
    path: windowPath(product, size, key.start_us),
    window_start,
    outcome: outcome === "unexplained" ? "unexplained" : "explained",
    differs,
    columns: sides === null ? [] : differentColumns(sides),
    late_count,
    // Later ones are not in that run's answers.
    late: lateTicks(sources, key, Math.min(LATE_SHOWN, late_count)),
    revisions: closed?.revisions ?? 0,
    closed:
      closed?.closed_partition == null || closed.closed_offset === null
        ? null
        : { log_partition: closed.closed_partition, log_offset: closed.closed_offset },
  };
}

interface Closed {
  closed_partition: number | null;
  closed_offset: number | null;
  revisions: number | null;
}

interface WindowKey {
  product: string;
  size_us: number;
  start_us: number;
  [parameter: string]: string | number;
}

/** A window's late ticks in the order in which they came. */
export function lateTicks(sources: Sources, key: WindowKey, limit: number): LateTick[] {
  type Stored = Omit<LateTick, "time" | "lateness_ms"> & { time_us: number; lateness_us: number };
  const stored = sources.windows.all<Stored>(LATE, { ...key, limit });
  return stored.map(({ time_us, lateness_us, ...tick }) => ({
    ...tick,
    time: isoFromUs(time_us),
    lateness_ms: lateness_us / 1_000,
  }));
}

function differentColumns({ stream, late, batch }: NonNullable<Judged["sides"]>): DifferentColumn[] {
  const [ours, theirs] = [stream && windowValues(stream), batch && windowValues(batch)];
  return COMPARED_COLUMNS.flatMap((column) => {
    const [a, b] = [ours?.[column] ?? null, theirs?.[column] ?? null];
    if (a === b) return [];
    const added = late?.[column];
    return { column, stream: a, late: added == null ? null : String(added), batch: b, same: sameDigits(a, b) };
  });
}

/** Leading characters that two numbers share: 0 if one has more digits before the point. */
export function sameDigits(a: string | null, b: string | null): number {
  if (a === null || b === null) return 0;
  const isNumber = /^-?\d/.test(a);
  if (!isNumber || a.split(".")[0]!.length !== b.split(".")[0]!.length) return 0;
  let same = 0;
  while (same < b.length && a[same] === b[same]) same++;
  return same;
}
