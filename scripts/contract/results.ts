/** The rows of results.db, typed once: batch and schedule write them, the page and `drill` read them. */

/**
 * A value of a metric's result: decimals and integers beyond 2^53 are exact text, times are ISO 8601
 * UTC.
 */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** One row of a metric's result, by column name. */
export type Row = Record<string, Json>;

/** One column of a metric's result. */
export interface Column {
  name: string;
  /** DuckDB's name of the type. */
  type: string;
}

export const CHARTS = ["table", "number", "line", "bar", "candle"] as const;

/** Columns that a candle chart draws; volume may be absent. */
export const CANDLE_COLUMNS = ["open", "high", "low", "close", "volume"] as const;

/** How a metric's panel draws its result; all but the type are names of its columns. */
export interface Chart extends Partial<Record<(typeof CANDLE_COLUMNS)[number], string>> {
  type: (typeof CHARTS)[number];
  x?: string;
  /** [] of a candle. */
  y: string[];
  series?: string;
}

/** What a chart draws as numbers: the header's key and the column; [] of a table and a number. */
export function drawnColumns(chart: Chart): [key: string, column: string][] {
  if (chart.type === "line" || chart.type === "bar") return chart.y.map((column) => ["y", column]);
  if (chart.type !== "candle") return [];
  return CANDLE_COLUMNS.flatMap((key) => (chart[key] === undefined ? [] : [[key, chart[key]]]));
}

/** The newest result of one metric file, as a reader shows it. */
export interface MetricResult {
  /** The file's name without .sql. */
  name: string;
  /** The run that wrote `rows`. */
  run_id: number;
  row_count: number;
  title: string;
  description: string;
  /** For people: relative to the project when it is inside. */
  file: string;
  sql: string;
  /** SHA-256 of the file's text. */
  file_hash: string;
  elapsed_ms: number;
  /** Microseconds since 1970 UTC. */
  finished_us: number;
  chart: Chart;
  /** The heading of the page under which its panel is; "": the last one. */
  group: string;
  /** Its place there: least first. Null: after those that have one, by name. */
  order: number | null;
  columns: Column[];
  rows: Row[];
  /** False when its newest run failed: `error` is why, and the rows are the last good ones (`stale`). */
  ok: boolean;
  error: string | null;
  stale: boolean;
  /** Whether the result has more rows than are stored. */
  truncated: boolean;
}

/**
 * A row of `results`: what is not text or a number is JSON, or 0 and 1. `chart` also has group and
 * order, which results of older versions lack.
 */
export interface ResultRow
  extends Omit<MetricResult, "name" | "chart" | "group" | "order" | "columns" | "rows" | "ok" | "stale" | "truncated"> {
  metric: string;
  ok: number;
  stale: number;
  chart: string;
  columns: string;
  rows: string;
  truncated: number;
}

/** The columns of `results`. */
export const RESULT_COLUMNS = [
  "metric",
  "run_id",
  "ok",
  "error",
  "stale",
  "title",
  "description",
  "chart",
  "file",
  "sql",
  "file_hash",
  "columns",
  "rows",
  "row_count",
  "truncated",
  "elapsed_ms",
  "finished_us",
] as const satisfies readonly (keyof ResultRow)[];

export function resultToRow(result: MetricResult): ResultRow {
  const { name, chart, group, order, columns, rows, ok, stale, truncated, ...same } = result;
  return {
    ...same,
    metric: name,
    ok: Number(ok),
    stale: Number(stale),
    chart: JSON.stringify({ ...chart, group, order }),
    columns: JSON.stringify(columns),
    rows: JSON.stringify(rows),
    truncated: Number(truncated),
  };
}

/**
 * Reads what `resultToRow` wrote. Throws SyntaxError when a text of the row is not JSON (damage that
 * SQLite can't see).
 */
export function resultFromRow(row: ResultRow): MetricResult {
  const { group = "", order = null, ...chart } = JSON.parse(row.chart);
  return {
    name: row.metric,
    run_id: row.run_id,
    row_count: row.row_count,
    title: row.title,
    description: row.description,
    file: row.file,
    sql: row.sql,
    file_hash: row.file_hash,
    elapsed_ms: row.elapsed_ms,
    finished_us: row.finished_us,
    chart,
    group,
    order,
    columns: JSON.parse(row.columns),
    rows: JSON.parse(row.rows),
    ok: row.ok === 1,
    error: row.error,
    stale: row.stale === 1,
    truncated: row.truncated === 1,
  };
}

/** The metric that answers the stream's question; a run answers if it has a new result of this one. */
export const SAME_QUESTION = "windows_by_minute";

/** `died`: its process was killed. `missed`: a due time of the schedule at which no run began. */
export type RunState = "running" | "done" | "failed" | "died" | "missed";

/** A row of `runs`: what one run did. A figure is null until the run has ended with results. */
export interface RunRow {
  run_id: number;
  pid: number;
  state: RunState;
  /** Microseconds since 1970 UTC, as `ended_us` and `newest_time_us`. */
  started_us: number;
  ended_us: number | null;
  /** Of the steps collect and answer. */
  collect_ms: number | null;
  answer_ms: number | null;
  /** Of the whole process, from its start until the results were committed. */
  seconds: number | null;
  ticks_new: number | null;
  ticks_total: number | null;
  /** Event time of the newest tick in the archive. */
  newest_time_us: number | null;
  metrics: number | null;
  failed: number | null;
  /** Of all processes of the run. */
  peak_rss_bytes: number | null;
  archive_bytes: number | null;
  /** With ended children; with the process's end when `schedule` ran it. */
  cpu_seconds: number | null;
  /** Of all processes of the run, from and to the storage. */
  read_bytes: number | null;
  written_bytes: number | null;
  /**
   * The part of `cpu_seconds` in queries of metrics, and in that of windows_by_minute; null if not
   * measured one by one.
   */
  queries_cpu_seconds: number | null;
  windows_cpu_seconds: number | null;
  /** Why the run failed, or the first metric's error. */
  error: string | null;
}

/** A row of `runs` with the columns that no list of runs shows. */
export interface StoredRun extends RunRow {
  /** RunSnapshot (measures.ts) as JSON; null unless the run has answered SAME_QUESTION. */
  snapshot: string | null;
  /** The part of `ticks_new` that `backfill` had loaded. */
  history_new: number | null;
}

/** The columns of `runs` that are shown, in order. */
export const RUN_COLUMNS = [
  "run_id",
  "pid",
  "state",
  "started_us",
  "ended_us",
  "collect_ms",
  "answer_ms",
  "seconds",
  "ticks_new",
  "ticks_total",
  "newest_time_us",
  "metrics",
  "failed",
  "peak_rss_bytes",
  "archive_bytes",
  "cpu_seconds",
  "read_bytes",
  "written_bytes",
  "queries_cpu_seconds",
  "windows_cpu_seconds",
  "error",
] as const satisfies readonly (keyof RunRow)[];

/** Windows counted by the outcome of the reconciliation (sql/metrics/reconciliation.sql). */
export interface Agreement {
  /** All closed windows without `pending` and those whose ticks had left the log. */
  compared: number;
  equal: number;
  /** Different by precisely their late ticks. */
  explained: number;
  /** Always 0 unless something is wrong. */
  unexplained: number;
  /** Not compared yet: consume has not read all their ticks. */
  pending: number;
}

/** A row of `reconciliation`. */
export interface AgreementRow extends Agreement {
  run_id: number;
}

/** The five counts, in the order of the table's columns after `run_id`. */
export const AGREEMENT_COLUMNS = [
  "compared",
  "equal",
  "explained",
  "unexplained",
  "pending",
] as const satisfies readonly (keyof Agreement)[];
