/** Runs one metric file against one committed state of the archive; a broken file fails alone. */
import { monotonicMs, nowUs } from "../base/clock.ts";
import { sentence, shortened, TidemarkError } from "../base/errors.ts";
import { METRIC_ROWS_MAX } from "../base/limits.ts";
import type { Agreement, Column, Row } from "../contract/results.ts";
import { chartOf } from "./chart-header.ts";
import { NO_PARAMETERS } from "./locked.ts";
import { fileOf, type Metric, type MetricSource, readSource, withHeader } from "./metric.ts";
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
  /** METRIC_ROWS_MAX at most. */
  rows: Row[];
  truncated: boolean;
  /** Where its CSV is written before it is published. */
  csv: string;
  /** The CSV of a truncated result, which is written where the metric runs; null when nothing is written. */
  whole: WholeCsv | null;
  elapsed_ms: number;
  /** Microseconds since 1970 UTC. */
  finished_us: number;
}

/** The outcome of a metric of which nothing is known yet. */
export function emptyOutcome(name: string, source: MetricSource, csv: string): MetricOutcome {
  const nothing = { metric: null, error: null, columns: [], rows: [], truncated: false, whole: null };
  return { name, source, csv, ...nothing, elapsed_ms: 0, finished_us: 0 };
}

/**
 * Runs the metric `name` of the folder `dir`; a wrong file is an outcome with an error, never a
 * rejection. If there are more rows than are kept, all of them go into the new file `csv`.
 */
export async function runMetric(
  database: Pick<Sandbox, "select">,
  dir: string,
  name: string,
  csv: string,
): Promise<MetricOutcome> {
  const started_ms = monotonicMs();
  const outcome = emptyOutcome(name, { name, file: fileOf(dir, name), sql: "", hash: "" }, csv);
  try {
    const source = readSource(dir, name);
    outcome.source = source;
    const metric = withHeader(source);
    outcome.metric = metric;
    const found = await database.select(metric.sql, NO_PARAMETERS, METRIC_ROWS_MAX, { csv });
    metric.chart = chartOf(metric.chart, found.columns);
    if (name === RECONCILIATION) checkReconciliation(found.columns);
    Object.assign(outcome, found);
  } catch (error) {
    outcome.error = outcome.metric === null ? shortened(sentence(error)) : withLine(outcome.metric, error);
  }
  outcome.elapsed_ms = monotonicMs() - started_ms;
  outcome.finished_us = nowUs();
  return outcome;
}

const RECONCILIATION = "reconciliation";

/** The page's verdict is counted from these columns and would wait forever for them. Throws QUERY. */
function checkReconciliation(columns: readonly Column[]): void {
  const missing = ["outcome", "windows_alike", "windows_in_all"].filter(
    (needed) => !columns.some(({ name }) => name === needed),
  );
  if (missing.length === 0) return;
  const what = `The page's verdict is counted from columns that the result lacks: ${missing.join(", ")}.`;
  throw new TidemarkError("QUERY", what, "Keep them, or give your query another file name.");
}

/**
 * `file:line: message` for an error of a metric. The line is the chart's, DuckDB's (`LINE n:`), or
 * that of the name with which the message begins; without a known line `file: message`.
 */
export function withLine({ file, sql, chart_line }: Metric, error: unknown): string {
  const message = error instanceof Error ? error.message.trim() : sentence(error);
  const line = error instanceof TidemarkError && error.code === "METRIC" ? chart_line : lineOf(message, sql);
  return shortened(`${file}${line === null ? "" : `:${line}`}: ${message}`);
}

function lineOf(message: string, sql: string): number | null {
  const reported = /^LINE (\d+):/m.exec(message)?.[1];
  if (reported !== undefined) return Number(reported);
  const lines = sql.trimEnd().split("\n");
  if (/at end of input/.test(message)) return lines.length;
  const named = /^(\$\w+|\w+\(|'[^']+')/.exec(message)?.[1]?.replace("(", "");
  const at = named === undefined ? -1 : lines.findIndex((line) => !/^\s*--/.test(line) && line.includes(named));
  return at < 0 ? null : at + 1;
}

/** The reconciliation's counts; null for any other metric, and when it failed. */
export function agreementOf(found: MetricOutcome): Agreement | null {
  if (found.name !== RECONCILIATION || found.error !== null) return null;
  // Rows are cut at a limit, so each row carries the number of rows with its outcome.
  const count = (outcome: string) => Number(found.rows.find((row) => row.outcome === outcome)?.windows_alike ?? 0);
  const [explained, unexplained, pending] = [count("explained"), count("unexplained"), count("pending")];
  const all = Number(found.rows[0]?.windows_in_all ?? 0);
  const compared = all - pending - count("unread") - count("history");
  return { compared, equal: compared - explained - unexplained, explained, unexplained, pending };
}
