/** The price of lateness as a table for a terminal. */
import { formatDuration } from "../base/duration.ts";
import type { LatenessAnswer } from "./lateness-answer.ts";

/** Digits after the point of a percentage. */
const PERCENT_DIGITS = 4;

export function latenessText(answer: LatenessAnswer): string {
  const { product, window, since, since_reason, curve, unknown_reason, want, smallest } = answer;
  const [{ ticks }] = curve as [(typeof curve)[number]];
  const cover = since === null ? "all that the stream has read" : `since ${since} (${since_reason})`;
  const head = [
    "lateness",
    "late ticks",
    "of ticks",
    "windows revised",
    "of closed",
    "unseen",
    "volume off by",
    "vwap off by",
  ];
  const rows = curve.map((one) => [
    `${durationText(one.lateness_us)}${one.is_current ? " *" : ""}`,
    String(one.late_ticks),
    percent(one.late_ticks, one.ticks),
    String(one.windows_revised),
    percent(one.windows_revised, one.windows_closed),
    String(one.windows_unseen ?? "unknown"),
    one.volume_error_max ?? "unknown",
    one.vwap_error_max ?? "unknown",
  ]);
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: string[]) =>
    cells
      .map((cell, i) => cell.padStart(widths[i]!))
      .join("  ")
      .trimEnd();
  const found = want === null ? [] : ["", `smallest lateness for ${want}`, ...["ticks", "windows"].map(wanted)];
  return `${[
    `${product}, windows of ${window}, ${ticks} ticks of the feed, ${cover}`,
    "* the stream's setting; errors are the largest of one window, between its final row and its last revision",
    "",
    line(head),
    ...rows.map(line),
    ...(unknown_reason === null ? [] : [`unknown: ${unknown_reason}`]),
    ...found,
  ].join("\n")}\n`;

  function wanted(name: string): string {
    const one = smallest[name as keyof typeof smallest];
    const of = name === "ticks" ? "of the ticks in time" : "of the closed windows without a revision";
    if (one === null) return `  ${of}: no lateness reaches it, or too little is known`;
    return `  ${of}: --lateness ${one.setting} (exactly ${durationText(one.lateness_us)})`;
  }
}

/** `1m`, or seconds with six digits: what is not a whole millisecond would read badly in microseconds. */
function durationText(us: number): string {
  return us > 0 && us % 1_000 === 0 ? formatDuration(us) : `${us / 1e6}s`;
}

/** Cut, never rounded up; a part above 0 never reads as 0. */
function percent(part: number, whole: number | null): string {
  if (whole === null) return "unknown";
  if (whole === 0) return "-";
  const units = Math.floor((part * 100 * 10 ** PERCENT_DIGITS) / whole);
  if (part > 0 && units === 0) return `<${(10 ** -PERCENT_DIGITS).toFixed(PERCENT_DIGITS)}%`;
  return `${(units / 10 ** PERCENT_DIGITS).toFixed(PERCENT_DIGITS)}%`;
}
