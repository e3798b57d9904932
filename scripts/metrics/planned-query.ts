/** What one `query` runs and writes: a SELECT or a metric, its parameters, limit and format. */
import type { DataPaths } from "../base/data-dir.ts";
import { TidemarkError } from "../base/errors.ts";
import { METRIC_ROWS_MAX } from "../base/limits.ts";
import type { Destination } from "./destination.ts";
import { checkName, type Metric, readMetric } from "./metric.ts";
import type { Query } from "./rows-out.ts";
import { withLine } from "./run.ts";
import { type Format, runQuery, type Written } from "./user-query.ts";

export interface QueryOptions {
  /** The name of a metric; without it a SELECT is given. */
  metric?: string;
  /** The folder of metric files. */
  sql: string;
  format?: Format;
  /** A file, pipe or device; "-", and not given, is stdout. */
  output?: string;
  limit?: number;
  product?: string;
  /** ISO 8601 in UTC. */
  from?: string;
  to?: string;
}

export interface PlannedQuery {
  metric: Metric | null;
  query: Query;
  format: Format;
  output: string;
  /** Given parameters that the SQL does not use. */
  unused: string[];
}

/** Checks what belongs together. Fails with USAGE, or METRIC when the metric's file can't be read. */
export function planQuery(options: QueryOptions, select: string | undefined): PlannedQuery {
  const { product = null, from = null, to = null, output = "-" } = options;
  const format = options.format ?? formatOf(output);
  if (format === "parquet" && options.output === undefined)
    throw new TidemarkError("USAGE", "--format parquet needs --output FILE.");
  const metric = options.metric === undefined ? null : metricOf(options.sql, options.metric);
  if ((metric === null) === (select === undefined))
    throw new TidemarkError("USAGE", "Give either one SELECT or --metric NAME.");
  if (from !== null && to !== null && from >= to)
    throw new TidemarkError("USAGE", `--from ${from} is not before --to ${to}.`);
  if (metric !== null) requireWholeMinutes(metric, [from, to]);
  const sql = metric?.sql ?? select ?? "";
  const parameters = { product, from, to };
  const given = Object.entries(parameters).filter(([, value]) => value !== null);
  const unused = given.map(([name]) => name).filter((name) => !sql.includes(`$${name}`));
  const isBounded = output === "-" || format === "table";
  const rows_max = options.limit ?? (isBounded ? METRIC_ROWS_MAX : Number.POSITIVE_INFINITY);
  return { metric, query: { sql, parameters, rows_max }, format, output, unused };
}

/**
 * As `runQuery`; the error of a metric's SQL names the metric's file and line, as the batch reports
 * it.
 */
export async function runPlanned(paths: DataPaths, plan: PlannedQuery, to: Destination): Promise<Written> {
  try {
    return await runQuery(paths, plan.query, plan.format, to);
  } catch (error) {
    if (plan.metric === null || !(error instanceof TidemarkError) || error.code !== "QUERY") throw error;
    throw new TidemarkError("QUERY", withLine(plan.metric, error), "", { cause: error });
  }
}

/** By the ending of the file's name. */
function formatOf(output: string): Format {
  const ending = /\.(json|csv|parquet)$/i.exec(output)?.[1]?.toLowerCase();
  return (ending as Format | undefined) ?? "table";
}

function metricOf(dir: string, name: string): Metric {
  checkName(dir, name);
  return readMetric(dir, name);
}

/** A metric that sums whole minutes can't begin or end within one: its result would be slightly wrong. */
function requireWholeMinutes({ name, sql }: Metric, times: (string | null)[]): void {
  const within = times.find((time) => time !== null && !/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d:00(\.0+)?Z?)?$/.test(time));
  if (within === undefined || !/\b(from|join)\s+minutes\b/i.test(sql)) return;
  throw new TidemarkError(
    "USAGE",
    `${name} sums whole minutes, and ${within} is within one.`,
    "Give --from and --to at whole minutes, or query the view ticks.",
  );
}
