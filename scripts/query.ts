/** `bun run query "SQL"`: read-only SQL over the views, as a table, JSON, CSV or Parquet. */
import { collect } from "./batch/archive.ts";
import { FORMATS, type Format, format, runQuery, writeFile } from "./batch/query.ts";
import { type CommandSpec, runCommand } from "./common/cli.ts";
import { TidemarkError } from "./common/errors.ts";
import { METRIC_ROWS_MAX } from "./common/limits.ts";
import { DATA_FLAG, dataPaths, openDataDir, wholeNumber } from "./common/settings.ts";
import { lockStage } from "./common/stage-lock.ts";

interface QueryFlags {
  data: string;
  format: Format;
  output?: string;
  limit: number;
  fresh?: boolean;
  product?: string;
  from?: string;
  to?: string;
}

const ROWS_MAX = 10_000_000;

export const spec: CommandSpec<QueryFlags> = {
  name: "query",
  summary:
    "Runs one read-only SELECT over the views ticks, windows, window_revisions, late_ticks, outages, dead_letters.",
  args: [["<sql>", "one SELECT; it may use $product, $from and $to"]],
  flags: [
    DATA_FLAG,
    {
      flags: "--format <format>",
      description: "table, json, csv or parquet",
      env: "TIDEMARK_FORMAT",
      default: "table",
      choices: [...FORMATS],
    },
    { flags: "--output <file>", description: "write to this file instead of stdout", env: "TIDEMARK_OUTPUT" },
    {
      flags: "--limit <rows>",
      description: "rows at most",
      env: "TIDEMARK_LIMIT",
      default: METRIC_ROWS_MAX,
      parse: wholeNumber(1, ROWS_MAX),
    },
    { flags: "--fresh", description: "collect what is new first, as a batch does", env: "TIDEMARK_FRESH" },
    { flags: "--product <id>", description: "the value of $product", env: "TIDEMARK_PRODUCT" },
    { flags: "--from <time>", description: "the value of $from, ISO 8601", env: "TIDEMARK_FROM" },
    { flags: "--to <time>", description: "the value of $to, ISO 8601", env: "TIDEMARK_TO" },
  ],
  examples: [
    'bun run query "SELECT count(*) FROM ticks"',
    'bun run query --format json "SELECT window_start, trade_count FROM windows ORDER BY 1 DESC LIMIT 5"',
    'bun run query --format parquet --output ticks.parquet --limit 1000000 "SELECT * FROM ticks"',
  ],
  async run(options, { args, logger }) {
    const { product = null, from = null, to = null } = options;
    if (options.format === "parquet" && !options.output) {
      throw new TidemarkError("USAGE", "--format parquet needs --output FILE.");
    }
    if (options.fresh) await refresh(options.data);
    const query = { sql: args[0] ?? "", parameters: { product, from, to }, rows_max: options.limit };
    const answer = await runQuery(dataPaths(options.data), query);
    if (answer.truncated) logger.warn(`cut after ${options.limit} rows; --limit N gives more`);
    if (options.output) await writeFile(answer, options.format, options.output);
    else if (options.format !== "parquet") process.stdout.write(format(answer, options.format));
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

await runCommand(spec, import.meta.main);
