/** Step answer: every metric file against one committed state of the archive. A broken file fails alone. */
import { monotonicMs, nowUs } from "../base/clock.ts";
import { sentence, shortened, TidemarkError } from "../base/errors.ts";
import { METRIC_ROWS_MAX } from "../base/limits.ts";
import type { Agreement, Column, Row } from "../contract/results.ts";
import { NO_PARAMETERS } from "./locked.ts";
import { chartOf, fileOf, type Metric, type MetricSource, readSource, withHeader } from "./metric.ts";
import type { Sandbox } from "./sandbox.ts";
import type { WholeCsv } from "./whole-csv.ts";

/** What a run of one metric file found. */
export interface MetricOutcome {
  name: string;
  /** Without text when not even the file could be read. */
  source: MetricSource;
  /** Null when its header couldn't be read. */
  metric: Metric | null;
  /** Null when it worked; otherwise file, line and DuckDB's own words. */
  error: string | null;
  columns: Column[];
  rows: Row[];
  truncated: boolean;
  /** Where its CSV is written before it is published. */
  csv: string;
  /** What became of that file when there are more rows than `rows` holds; otherwise nothing is written yet. */
  whole: WholeCsv | null;
  elapsed_ms: number;
  finished_us: number;
}

/**
 * Runs the metric `name` of the folder `dir`; never rejects because of what the file holds. All rows of a result that is too long to be kept
 * go into the new file `csv`.
 */
export async function answer(
  database: Pick<Sandbox, "select">,
  dir: string,
  name: string,
  csv: string,
): Promise<MetricOutcome> {
  const started_ms = monotonicMs();
  const result: MetricOutcome = {
    name,
    source: { name, file: fileOf(dir, name), sql: "", hash: "" },
    metric: null,
    error: null,
    columns: [],
    rows: [],
    truncated: false,
    csv,
    whole: null,
    elapsed_ms: 0,
    finished_us: 0,
  };
  try {
    const source = readSource(dir, name);
    result.source = source;
    const metric = withHeader(source);
    result.metric = metric;
    const found = await database.select(metric.sql, NO_PARAMETERS, METRIC_ROWS_MAX, { csv });
    metric.chart = chartOf(metric.chart, found.columns);
    if (name === "reconciliation") checkReconciliation(found.columns);
    Object.assign(result, found);
  } catch (error) {
    result.error = result.metric === null ? shortened(sentence(error)) : withPlace(result.metric, error);
  }
  result.elapsed_ms = monotonicMs() - started_ms;
  result.finished_us = nowUs();
  return result;
}

/** The page's verdict is counted from these columns: without them it would wait for ever. Throws METRIC. */
function checkReconciliation(columns: readonly Column[]): void {
  const missing = ["outcome", "windows_alike", "windows_in_all"].filter(
    (needed) => !columns.some(({ name }) => name === needed),
  );
  if (missing.length === 0) return;
  const what = `The page's verdict is counted from columns that the result lacks: ${missing.join(", ")}.`;
  throw new TidemarkError("QUERY", what, "Keep them, or give your query another file name.");
}

/** `file:line: words`; DuckDB says `LINE n:` where it knows the line, the chart's is known, and some are found in the text. */
export function withPlace({ file, sql, chart_line }: Metric, error: unknown): string {
  const words = error instanceof Error ? error.message.trim() : sentence(error);
  const line = error instanceof TidemarkError && error.code === "METRIC" ? chart_line : lineOf(words, sql);
  return shortened(`${file}${line === null ? "" : `:${line}`}: ${words}`);
}

function lineOf(words: string, sql: string): number | null {
  const told = /^LINE (\d+):/m.exec(words)?.[1];
  if (told !== undefined) return Number(told);
  const lines = sql.trimEnd().split("\n");
  if (/at end of input/.test(words)) return lines.length;
  const named = /^(\$\w+|\w+\(|'[^']+')/.exec(words)?.[1]?.replace("(", "");
  const at = named === undefined ? -1 : lines.findIndex((line) => !/^\s*--/.test(line) && line.includes(named));
  return at < 0 ? null : at + 1;
}

/** Null of any other metric, and when it failed. Rows are cut at a limit, so each row carries the count of its like. */
export function agreementOf(found: MetricOutcome): Agreement | null {
  if (found.name !== "reconciliation" || found.error !== null) return null;
  const count = (outcome: string) => Number(found.rows.find((row) => row.outcome === outcome)?.windows_alike ?? 0);
  const [explained, unexplained, pending] = [count("explained"), count("unexplained"), count("pending")];
  const all = Number(found.rows[0]?.windows_in_all ?? 0);
  const compared = all - pending - count("unread");
  return { compared, equal: compared - explained - unexplained, explained, unexplained, pending };
}
