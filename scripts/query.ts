/** `bun run query "SQL"`: read-only SQL over the views, or one metric's file with its parameters, as a table, JSON, CSV or Parquet. */

import { collect } from "./archive/index.ts";
import { dataPaths, openDataDir } from "./base/data-dir.ts";
import { TidemarkError } from "./base/errors.ts";
import { METRIC_ROWS_MAX } from "./base/limits.ts";
import { METRICS_DIR } from "./base/project.ts";
import { untilAborted } from "./base/wait.ts";
import { type CommandSpec, invalid, runCommand } from "./command/cli.ts";
import { DATA_FLAG, wholeNumber } from "./command/flags.ts";
import { lockStage } from "./command/stage-lock.ts";
import { FORMATS, type Format, isLimited, openDestination, runLimited, runQuery, withPlace } from "./metrics/index.ts";
import { checkName, type Metric, readMetric } from "./metrics/metric.ts";

interface QueryFlags {
  data: string;
  metric?: string;
  sql: string;
  format?: Format;
  output?: string;
  limit?: number;
  fresh?: boolean;
  product?: string;
  from?: string;
  to?: string;
}

const ROWS_MAX = 10_000_000;

export const spec: CommandSpec<QueryFlags> = {
  name: "query",
  summary:
    "Runs one read-only SELECT, or a metric's file, over the views ticks, minutes, windows, window_revisions, late_ticks, outages, dead_letters, conflicts.",
  args: [["[sql]", "one SELECT; it may use $product, $from and $to"]],
  flags: [
    DATA_FLAG,
    { flags: "--metric <name>", description: "run this metric's file instead" },
    { flags: "--sql <dir>", description: "the folder of metric files", env: "TIDEMARK_SQL", default: METRICS_DIR },
    {
      flags: "--format <format>",
      description: "table, json, csv or parquet (by the ending of --output, else table)",
      env: "TIDEMARK_FORMAT",
      choices: [...FORMATS],
    },
    {
      flags: "--output <file>",
      description: "write to this file, pipe or device; - is stdout",
      env: "TIDEMARK_OUTPUT",
    },
    {
      flags: "--limit <rows>",
      description: `rows at most (${METRIC_ROWS_MAX} on stdout and in a table, all in a file)`,
      env: "TIDEMARK_LIMIT",
      parse: wholeNumber(1, ROWS_MAX),
    },
    { flags: "--fresh", description: "collect what is new first, as a batch does", env: "TIDEMARK_FRESH" },
    { flags: "--product <id>", description: "the value of $product", env: "TIDEMARK_PRODUCT" },
    {
      flags: "--from <time>",
      description: "the value of $from, ISO 8601 in UTC",
      env: "TIDEMARK_FROM",
      parse: checkTime,
    },
    { flags: "--to <time>", description: "the value of $to, ISO 8601 in UTC", env: "TIDEMARK_TO", parse: checkTime },
  ],
  examples: [
    'bun run query "SELECT count(*) FROM ticks"',
    'bun run query --format json "SELECT window_start, trade_count FROM windows ORDER BY 1 DESC LIMIT 5"',
    "bun run query --metric candles_5m --product BTC-USD --from 2023-09-05T16:30:00Z --to 2023-09-05T17:00:00Z",
    'bun run query --format parquet --output ticks.parquet --limit 1000000 "SELECT * FROM ticks"',
  ],
  async run(options, { args, logger, signal }) {
    const { product = null, from = null, to = null, output = "-" } = options;
    const format = options.format ?? formatOf(output);
    if (format === "parquet" && options.output === undefined) {
      throw new TidemarkError("USAGE", "--format parquet needs --output FILE.");
    }
    const metric = options.metric === undefined ? null : metricOf(options.sql, options.metric);
    if ((metric === null) === (args[0] === undefined)) {
      throw new TidemarkError("USAGE", "Give either one SELECT or --metric NAME.");
    }
    if (from !== null && to !== null && from >= to)
      throw new TidemarkError("USAGE", `--from ${from} is not before --to ${to}.`);
    if (metric !== null) checkMinutes(metric, [from, to]);
    // Collecting runs no SQL of the user's, and its memory follows what is new.
    if (options.fresh && !isLimited()) await refresh(options.data);
    const ended = await runLimited(signal);
    if (ended !== null) return ended;
    const sql = metric?.sql ?? args[0] ?? "";
    for (const [name, value] of Object.entries({ product, from, to }))
      if (value !== null && !sql.includes(`$${name}`))
        logger.warn(`${metric?.name ?? "the query"} doesn't use $${name}: --${name} has no effect`);
    const limit = options.limit ?? (output === "-" || format === "table" ? METRIC_ROWS_MAX : Number.POSITIVE_INFINITY);
    const query = { sql, parameters: { product, from, to }, rows_max: limit };
    const destination = openDestination(output, dataPaths(options.data).root);
    void untilAborted(signal).then(() => {
      destination.abandon();
      process.exit(130);
    });
    try {
      const { rows, truncated } = await runQuery(dataPaths(options.data), query, format, destination);
      if (truncated) logger.warn(`cut after ${rows} rows; --limit N gives more`);
      if (output !== "-") logger.info(`${rows} rows in ${output}`);
    } catch (error) {
      if (metric === null || !(error instanceof TidemarkError) || error.code !== "QUERY") throw error;
      // A metric's fault is reported with its file and line, as the batch does.
      throw new TidemarkError("QUERY", withPlace(metric, error), "", { cause: error });
    }
    return 0;

    async function refresh(dir: string): Promise<void> {
      const paths = openDataDir(dir);
      const release = lockStage(paths, "batch");
      try {
        await collect(paths, logger);
      } finally {
        release();
      }
    }
  },
};

/** By the ending of the file's name. */
function formatOf(output: string): Format {
  const ending = /\.(json|csv|parquet)$/i.exec(output)?.[1]?.toLowerCase();
  return (ending as Format | undefined) ?? "table";
}

function metricOf(dir: string, name: string): Metric {
  checkName(dir, name);
  return readMetric(dir, name);
}

/** What sums whole minutes can't begin or end within one; an answer that is a little off would look like any other. */
function checkMinutes({ name, sql }: Metric, times: (string | null)[]): void {
  const within = times.find((time) => time !== null && !/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d:00(\.0+)?Z?)?$/.test(time));
  if (within === undefined || !/\b(from|join)\s+minutes\b/i.test(sql)) return;
  throw new TidemarkError(
    "USAGE",
    `${name} sums whole minutes, and ${within} lies within one.`,
    "Give --from and --to at whole minutes, or query the view ticks.",
  );
}

/** Days and times in UTC, as the page's addresses take them; DuckDB would take more, and say less about a slip. */
function checkTime(text: string): string {
  const [, day, minute, second = ":00"] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d(?:\.\d{1,6})?)?Z?)?$/.exec(text) ?? [];
  const iso = minute === undefined ? day : `${day}T${minute}${second}Z`;
  // Date.parse takes 31 February for 3 March.
  const isDay = day !== undefined && new Date(Date.parse(day)).toJSON()?.slice(0, 10) === day;
  if (iso === undefined || !isDay || Number.isNaN(Date.parse(iso)))
    throw invalid("Give a UTC time such as 2023-09-05, 2023-09-05T16:30 or 2023-09-05T16:30:00Z.");
  return iso;
}

await runCommand(spec, import.meta.main);
