/** `bun run batch`: ticks.db → Parquet archive → metrics of sql/metrics → results.db, batch_output/. */
import { openStored } from "./base/data-dir.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { DATA_FLAG, JSON_FLAG, SQL_FLAG, WAIT_FLAG } from "./command/flags.ts";
import { lockStage, lockStageOnceFree } from "./command/stage-lock.ts";
import { checkName } from "./metrics/metric.ts";
import { type BatchOptions, runBatch } from "./stages/batch.ts";
import { reportBatch } from "./stages/batch-report.ts";
import { watchMetrics } from "./stages/batch-watch.ts";

interface BatchFlags extends BatchOptions {
  data: string;
  json?: boolean;
  watch?: boolean;
  wait?: boolean;
}

export const spec: CommandSpec<BatchFlags> = {
  name: "batch",
  summary:
    "Copies what is new in ticks.db and windows.db into the Parquet archive and runs every metric of sql/metrics over it.",
  flags: [
    DATA_FLAG,
    { flags: "--metric <name>", description: "compute only this metric", env: "TIDEMARK_METRIC" },
    SQL_FLAG,
    {
      flags: "--engine <engine>",
      description: "what computes the metrics: duckdb, or spark for those that are portable",
      env: "TIDEMARK_ENGINE",
      default: "duckdb",
      choices: ["duckdb", "spark"],
    },
    {
      flags: "--master <url>",
      description: "where Spark runs: local[*] or spark://host:port",
      env: "TIDEMARK_SPARK_MASTER",
      default: "local[*]",
    },
    { flags: "--watch", description: "keep running: again at once when a metric's file is added, changed or removed" },
    WAIT_FLAG,
    JSON_FLAG,
  ],
  examples: [
    "bun run batch",
    "bun run batch --watch",
    "bun run batch --metric market_summary",
    "bun run batch --sql my-metrics --json",
  ],
  async run(options, context) {
    const { logger, signal } = context;
    if (options.watch) {
      await watchMetrics(options, context);
      return 0;
    }
    if (options.metric !== undefined) checkName(options.sql, options.metric);
    const paths = openStored(options.data, logger);
    const release = options.wait ? await lockStageOnceFree(paths, "batch", context) : lockStage(paths, "batch");
    if (release === null) return 0;
    try {
      const summary = await runBatch(paths, options, logger, signal);
      return summary === null ? 0 : reportBatch(summary, options.json === true, logger);
    } finally {
      release();
    }
  },
};

await runCommand(spec, import.meta.main);
