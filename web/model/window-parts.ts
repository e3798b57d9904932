/** What a window's page has of the stream: its row, and the windows from which it is summed. */
import { isoFromUs } from "../../scripts/base/iso.ts";
import type { Outcome } from "../../scripts/contract/page-events.ts";
import type { DetailPart, WindowDetail } from "../../scripts/contract/window-explained.ts";
import { cellsIn } from "./chart.ts";
import { storedSize } from "./reconciliation.ts";
import type { Selection } from "./selection.ts";
import type { Sources } from "./sources.ts";
import { windowId, windowPath } from "./window-id.ts";
import type { PartSpan, StreamPart } from "./window-sides.ts";

/** Of the last stored window in it: that one closed it. */
export function streamRow(
  sources: Sources,
  parts: readonly StreamPart[],
  { product, size_us, as_of_us }: PartSpan,
): WindowDetail["stream"] {
  const rows = parts.flatMap(({ row }) => row ?? []);
  const [first, row] = [rows[0], rows.at(-1)];
  if (first === undefined || row === undefined) return null;
  if (as_of_us !== null && row.updated_at > as_of_us) return null;
  const key = { product, size_us, start_us: row.window_start_us };
  const time_us = sources.closings
    .of(product, size_us)
    .find(({ window_start_us }) => window_start_us === key.start_us)?.closed_time_us;
  const total = (of: (part: StreamPart) => number) => parts.reduce((sum, part) => sum + of(part), 0);
  return {
    missing: total((part) => part.row?.missing ?? 0),
    missing_still: total(missingStill),
    unissued: total((part) => Math.min(missingStill(part), (part.last ?? part.row)!.unissued)),
    skewed: total((part) => (part.last ?? part.row)!.skewed),
    opened: place(first.opened_partition, first.opened_offset),
    closed: closedOf(place(row.closed_partition, row.closed_offset), time_us, row.updated_at),
    received_at: isoFromUs(Math.max(...rows.map((one) => one.received_us))),
    committed_at: isoFromUs(row.updated_at),
  };
}

/** Ids up to its last when it closed that are missing still. */
function missingStill({ row, last }: StreamPart): number {
  return Math.min(row?.missing ?? 0, (last ?? row)!.missing);
}

function place(log_partition: number | null, log_offset: number | null) {
  return log_partition === null || log_offset === null ? null : { log_partition, log_offset };
}

function closedOf(at: ReturnType<typeof place>, time_us: number | undefined, updated_at: number) {
  if (at === null) return null;
  return { ...at, time: time_us === undefined ? null : isoFromUs(time_us), committed_at: isoFromUs(updated_at) };
}

/** By start; each leads to its own page. */
export function partsOf(sources: Sources, { product, size }: Selection, parts: readonly StreamPart[]): DetailPart[] {
  const stored = storedSize(size);
  const first_us = parts[0]?.start_us ?? 0;
  const span = { from_us: first_us, to_us: (parts.at(-1)?.start_us ?? first_us) + 1 };
  const cells = new Map(
    cellsIn(sources, { product, size: stored }, span).map((cell) => [Math.round(cell[0] * 1e6), cell]),
  );
  return parts.map(({ start_us, row, last }) => {
    const shown = (row ?? last)!;
    const outcome: Outcome | null = cells.get(start_us)?.[1] ?? null;
    return {
      id: windowId(product, stored, start_us),
      path: windowPath(product, stored, start_us),
      window_start: isoFromUs(start_us),
      outcome,
      late: last === null ? 0 : last.trade_count - (row?.trade_count ?? 0),
      trade_count: shown.trade_count,
      total_volume: shown.total_volume,
    };
  });
}
