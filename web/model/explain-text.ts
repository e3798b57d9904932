/** One window as `bun run explain` prints it. */
import type { DetailTick, WindowDetail } from "../../scripts/contract/window-explained.ts";
import { certificateText } from "./certificate-text.ts";

/** Rows of each list. */
const LISTED = 20;

/** Lines of text that end with a line break; `recomputed`: what the ticks recompute to, as sentences. */
export function explainText(detail: WindowDetail, recomputed: readonly string[]): string {
  const { id, as_of, window_start, window_end, verdict, stream, batch, batch_error, parts, summed_from } = detail;
  const lines = [
    `${id}   ${window_start} to ${window_end}`,
    verdict + (as_of === null ? "" : ` (as of ${as_of})`),
    "",
    ...sides(detail),
    "",
    ...recomputed.map((text) => `recomputed  ${text}`),
    "",
    ...(stream === null ? [] : closing(detail, stream)),
    batch === null
      ? `batch       ${batch_error ?? "no run has it"}`
      : `batch       run ${batch.run_id}${batch.ended_at === null ? "" : `, ended ${batch.ended_at}`}: ${batch.note}; ${batch.file}`,
    ...(summed_from === null ? [] : ["", `summed from ${summed_from}:`, ...parts.map(partLine)]),
    ...lateness(detail),
    ...ticks(detail),
  ];
  return `${lines.join("\n")}\n`;
}

function sides({ columns }: WindowDetail): string[] {
  const hasLate = columns.some(({ late }) => late !== null);
  const head = ["column", "stream", ...(hasLate ? ["+ late ticks"] : []), "batch", ""];
  const rows = columns.map(({ column, stream, late, batch, mark }) => [
    column,
    stream ?? "–",
    ...(hasLate ? [late ?? ""] : []),
    batch ?? "–",
    mark === null ? "" : mark === "equal" ? "=" : "≠ differs",
  ]);
  return table([head, ...rows]);
}

/** Columns as wide as their widest cell; the first and the last to the left, the others to the right. */
function table(rows: string[][]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const isLeft = (i: number) => i === 0 || i === widths.length - 1;
  return rows.map((row) =>
    row
      .map((cell, i) => (isLeft(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("  ")
      .trimEnd(),
  );
}

function closing({ state }: WindowDetail, stream: NonNullable<WindowDetail["stream"]>): string[] {
  const { opened, closed, committed_at, received_at } = stream;
  const by = closed === null ? (state === "flushed" ? "--flush" : "nothing yet") : placeText(closed);
  const time = closed?.time == null ? "" : `, event time ${closed.time}`;
  return [
    `stream      ${state}; first tick at ${opened === null ? "an unknown position" : placeText(opened)}; closed by ${by}${time}`,
    `            newest tick received ${received_at}, row committed ${committed_at}`,
    `            trade ids never seen: ${certificateText(stream)}`,
  ];
}

function placeText({ log_partition, log_offset }: { log_partition: number; log_offset: number }): string {
  return `partition ${log_partition}, offset ${log_offset}`;
}

function partLine({ id, outcome, trade_count, total_volume, late }: WindowDetail["parts"][number]): string {
  const more = late === 0 ? "" : `, ${late} late`;
  return `  ${id}  ${outcome ?? "not compared"}  ${trade_count} trades, volume ${total_volume}${more}`;
}

function lateness({ late, late_count, revisions, revision_count }: WindowDetail): string[] {
  if (late_count === 0 && revision_count === 0) return [];
  const ticks = late
    .slice(0, LISTED)
    .map(
      (tick) =>
        `  ${tick.trade_id}  ${tick.time}  ${tick.price} × ${tick.last_size} ${tick.side}, ${tick.lateness_ms} ms late, ${placeText(tick)}`,
    );
  const made = revisions
    .slice(0, LISTED)
    .map(
      (one) =>
        `  revision ${one.revision} by ${one.caused_by_trade_id}: ${one.trade_count} trades, committed ${one.committed_at}`,
    );
  return [
    "",
    `late ticks: ${late_count}`,
    ...ticks,
    ...cut(late_count, ticks.length),
    `revisions: ${revision_count}`,
    ...made,
    ...cut(revision_count, made.length),
  ];
}

function ticks({ ticks: { rows, from, is_cut, error } }: WindowDetail): string[] {
  const shown = rows.slice(0, LISTED);
  const note = ({ is_late, in_batch }: DetailTick) =>
    `${is_late ? ", late" : ""}${in_batch ? "" : ", not in the batch's run"}`;
  return [
    "",
    `ticks: ${rows.length}${is_cut ? " and more" : ""}, from ${from === "archive" ? "the archive and ticks.db" : from}`,
    ...(error === null ? [] : [`  ${error}`]),
    ...shown.map(
      (tick) => `  ${tick.trade_id}  ${tick.time}  ${tick.price} × ${tick.last_size} ${tick.side}${note(tick)}`,
    ),
    ...cut(rows.length, shown.length),
  ];
}

function cut(all: number, shown: number): string[] {
  return all > shown ? [`  … and ${all - shown} more: --json prints all`] : [];
}
