/** `bun run query`: read-only SQL, or a metric's file, as a table, JSON, CSV or Parquet. */
import { METRIC_ROWS_MAX } from "./base/limits.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { DATA_FLAG, SQL_FLAG, timeFlag, wholeNumber } from "./command/flags.ts";
import { FORMATS, planQuery, type QueryOptions } from "./metrics/index.ts";
import { runUserQuery } from "./stages/query.ts";

type QueryFlags = QueryOptions & { data: string; fresh?: boolean };

const LIMIT = `most rows to write (default: ${METRIC_ROWS_MAX} to stdout or as a table, all to a file)`;
const ROWS_MAX = 10_000_000;
/** The flag of a parameter that is a time. */
const time = (name: string) => ({
  flags: `--${name} <time>`,
  description: `the value of $${name}, ISO 8601 in UTC`,
  env: `TIDEMARK_${name.toUpperCase()}`,
  parse: timeFlag,
});

export const spec: CommandSpec<QueryFlags> = {
  name: "query",
  summary:
    "Runs one read-only SELECT, or a metric's file, over the views ticks, minutes, windows, window_revisions, late_ticks, out_of_order, outages, unissued, dead_letters, conflicts, thresholds.",
  args: [["[sql]", "one SELECT; it may use $product, $from and $to"]],
  flags: [
    DATA_FLAG,
    { flags: "--metric <name>", description: "run this metric's file instead" },
    SQL_FLAG,
    {
      flags: "--format <format>",
      description: "table, json, csv or parquet (by the ending of --output, else table)",
      env: "TIDEMARK_FORMAT",
      choices: FORMATS,
    },
    {
      flags: "--output <file>",
      description: "write to this file, pipe or device; - is stdout",
      env: "TIDEMARK_OUTPUT",
    },
    { flags: "--limit <rows>", description: LIMIT, env: "TIDEMARK_LIMIT", parse: wholeNumber(1, ROWS_MAX) },
    { flags: "--fresh", description: "collect what is new first, as a batch does", env: "TIDEMARK_FRESH" },
    { flags: "--product <id>", description: "the value of $product", env: "TIDEMARK_PRODUCT" },
    time("from"),
    time("to"),
  ],
  examples: [
    'bun run query "SELECT count(*) FROM ticks"',
    'bun run query --format json "SELECT window_start, trade_count FROM windows ORDER BY 1 DESC LIMIT 5"',
    "bun run query --metric candles_5m --product BTC-USD --from 2023-09-05T16:30:00Z --to 2023-09-05T17:00:00Z",
    'bun run query --format parquet --output ticks.parquet --limit 1000000 "SELECT * FROM ticks"',
  ],
  async run(options, context) {
    const plan = planQuery(options, context.args[0]);
    return runUserQuery(options.data, plan, options.fresh === true, context);
  },
};

await runCommand(spec, import.meta.main);
