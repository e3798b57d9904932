/** Changes as the events that a page takes: numbers for its charts, HTML for its parts. */
import { usFromIso } from "../../scripts/base/iso.ts";
import { CHART_WINDOWS_MAX } from "../../scripts/base/limits.ts";
import type { ServerEvent } from "../http/sse.ts";
import { streamAgeNow } from "../model/age-measures.ts";
import { type BatchSide, batchSide } from "../model/batch-side.ts";
import { comparison } from "../model/comparison.ts";
import { momentOf } from "../model/measure-moment.ts";
import { type Commit, idFromCommit, type WindowChanges } from "../model/page-changes.ts";
import type { Selection } from "../model/selection.ts";
import type { Sources } from "../model/sources.ts";
import type { Status } from "../model/status.ts";
import { type StreamSide, streamSide } from "../model/stream-side.ts";
import { outages } from "../model/view.ts";
import { newestWindows, type ShownWindow } from "../model/windows.ts";
import { batchParts, changedRows, newWindows, strip } from "../pages/fragments.tsx";

/** `windows`: rows for the charts, with the commit as id; then the parts that show windows. */
export function windowEvents(
  sources: Sources,
  selection: Selection,
  { since, changed, is_new }: WindowChanges,
  commit: Commit,
): ServerEvent[] {
  const snapshot = since === null;
  const rows = snapshot ? newestWindows(sources, selection, CHART_WINDOWS_MAX).reverse() : changed;
  const shown = { selection, stream: streamSide(sources, selection), batch: batchSide(sources, selection) };
  const in_table = new Set(shown.stream.windows.map((w) => w.window_start));
  const parts = is_new
    ? newWindows(shown)
    : changedRows(
        changed.filter((w) => in_table.has(w.window_start)),
        shown,
      );
  return [
    { event: "windows", id: idFromCommit(commit), data: JSON.stringify({ snapshot, rows: rows.map(windowPoint) }) },
    { data: parts },
  ];
}

/** `batch`: the batch's figures for the charts; then the parts that show them. */
export function batchEvents(sources: Sources, selection: Selection): ServerEvent[] {
  const [stream, batch] = [streamSide(sources, selection), batchSide(sources, selection)];
  return [
    { event: "batch", data: JSON.stringify(batchPoints(batch, stream)) },
    { data: batchParts({ selection, stream, batch, outages: outages(sources) }) },
  ];
}

/** The status strip; with `measures` also their table, which is larger. */
export function statusEvents(
  sources: Sources,
  selection: Selection,
  status: Status,
  options: { measures: boolean },
): ServerEvent[] {
  const measures = options.measures ? comparison(sources, selection, status) : null;
  const age = streamAgeNow(momentOf(sources, selection, status.feed));
  return [{ data: strip({ status, selection, age }, measures) }];
}

/** Start (seconds since 1970), average price, trades, volume, final: doubles, to be drawn. */
function windowPoint(w: ShownWindow): [number, number, number, number, number] {
  return [secondsOf(w.window_start), Number(w.avg_price), w.trade_count, Number(w.total_volume), w.final];
}

function batchPoints({ average_price, minutes, runs }: BatchSide, { latency }: StreamSide) {
  const minutePoint = (row: BatchSide["minutes"][number]) => [
    secondsOf(String(row.window_start)),
    Number(row.trade_count),
    Number(row.total_volume),
  ];
  const ended = runs.filter((run) => run.seconds !== null);
  return {
    average: average_price,
    minutes: minutes.toReversed().map(minutePoint),
    runs: ended.reverse().map((run) => [run.run_id, run.seconds]),
    stream_p50_ms: latency?.p50_ms ?? null,
  };
}

/** Of a time that we wrote ourselves. */
function secondsOf(iso: string): number {
  return usFromIso(iso)! / 1e6;
}
