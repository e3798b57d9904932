/** What an audit of windows adds for people: what was left out, and why nothing can decide. */
import { formatDuration } from "../../base/duration.ts";
import { isoSecondFromUs } from "../../base/iso.ts";
import type { Answers, AuditRecord, AuditReport, ForeignRow, SparkTrace, WindowVerdict } from "../audit-types.ts";
import { counted, countOf } from "./report-view.ts";

interface Given {
  records: readonly AuditRecord[];
  answers: Answers;
  trace?: SparkTrace;
  lateness_us?: number;
  /** Trades of backfill that were left out. */
  history: number;
}

/** The report with notes, advice, and where the answers are newer than the log. */
export function annotated(report: AuditReport, given: Given): AuditReport {
  const { answers, history } = given;
  const notes = [
    ...(answers.found_start === undefined
      ? []
      : [`The starts of the windows are read from ${answers.found_start}: no column is called so.`]),
    ...(answers.notes ?? []).map((note) => `Not compared: ${note}.`),
    ...(history === 0
      ? []
      : [
          `${counted(history)} ${history === 1 ? "trade" : "trades"} of history (backfill) ${history === 1 ? "was" : "were"} left out: Tidemark's stream does not read them; --with-history does.`,
        ]),
  ];
  const repeated_rows = repeatedRows(answers);
  const windows = withLogEnd(report, given.records);
  return { ...report, windows, notes, advice: adviceOf(report, given), totals: { ...report.totals, repeated_rows } };
}

/** Earlier rows of a window (W9) that are its last row once more. */
function repeatedRows({ rows, superseded }: Answers): number {
  const text = ({ window_start_us, window_end_us, product_id, cells }: ForeignRow) =>
    JSON.stringify([window_start_us, window_end_us, product_id, cells]);
  const last = new Set(superseded.length === 0 ? [] : rows.map(text));
  return superseded.filter((row) => last.has(text(row))).length;
}

/** Unexplained windows that the log does not reach, or in which it ends. */
function withLogEnd({ windows, shape }: AuditReport, records: readonly AuditRecord[]): WindowVerdict[] {
  if (windows.every(({ outcome }) => outcome !== "unexplained")) return windows;
  const ends = new Map<string, { last_us: number; last_id: number }>();
  for (const { tick } of records) {
    if (tick === null) continue;
    const { last_us, last_id } = ends.get(tick.product_id) ?? { last_us: tick.time_us, last_id: tick.trade_id };
    ends.set(tick.product_id, {
      last_us: Math.max(last_us, tick.time_us),
      last_id: Math.max(last_id, tick.trade_id),
    });
  }
  return windows.map((one) => {
    const end = ends.get(one.product_id);
    if (one.outcome !== "unexplained" || one.where === null || end === undefined) return one;
    if (one.window_start_us > end.last_us)
      return {
        ...one,
        why: `The log ends before this window, at ${isoSecondFromUs(end.last_us)}: the answers are newer than the log.`,
      };
    const surplus = end.last_us < one.window_start_us + shape.size_us ? surplusOf(one, end.last_id) : null;
    return surplus === null
      ? one
      : {
          ...one,
          why: `The log ends inside this window, at id ${end.last_id}; theirs has ${surplus}: the answers are newer than the log.`,
        };
  });
}

/** What their row has beyond the log's last trade; null where it has nothing. */
function surplusOf({ differences }: WindowVerdict, last_id: number): string | null {
  const theirs = (column: string) => Number(differences.find((one) => one.column === column)?.theirs ?? Number.NaN);
  if (theirs("last_trade_id") > last_id) return `id ${theirs("last_trade_id")}`;
  const count = differences.find(({ column }) => column === "trade_count");
  const more = count === undefined ? 0 : Number(count.theirs) - Number(count.exact);
  return more > 0 ? countOf(more, "more trades") : null;
}

/** What to do about the consistent windows where trace or delay were given already. */
function adviceOf({ model }: AuditReport, { trace, lateness_us }: Given): string | undefined {
  const first = trace?.batches[0]?.batch;
  if (first !== undefined)
    return first > 0
      ? `The trace begins at batch ${first}: windows before it can't be decided`
      : "The trace does not decide it";
  if (lateness_us === undefined) return undefined;
  return model.lateness.kind === "suffix"
    ? `--lateness ${formatDuration(lateness_us)} does not fit record by record; Spark moves its watermark per batch: give --checkpoint DIR`
    : "No window confirms it";
}
