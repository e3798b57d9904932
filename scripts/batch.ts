/** `bun run batch`: ticks.db → Parquet archive → every metric of sql/metrics → results.db and batch_output/. */

import { openDataDir } from "./base/data-dir.ts";
import type { Logger } from "./base/logger.ts";
import { METRICS_DIR } from "./base/project.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { DATA_FLAG, JSON_FLAG } from "./command/flags.ts";
import { lockStage } from "./command/stage-lock.ts";
import { checkName } from "./metrics/metric.ts";
import { type BatchSummary, runBatch } from "./stages/batch.ts";
import { schedule } from "./stages/schedule.ts";

interface BatchFlags {
  data: string;
  metric?: string;
  sql: string;
  engine: "duckdb" | "spark";
  master: string;
  json?: boolean;
  watch?: boolean;
}

export const spec: CommandSpec<BatchFlags> = {
  name: "batch",
  summary: "Moves what is new in ticks.db into the Parquet archive and computes every metric of sql/metrics from it.",
  flags: [
    DATA_FLAG,
    { flags: "--metric <name>", description: "only this metric", env: "TIDEMARK_METRIC" },
    { flags: "--sql <dir>", description: "the folder of metric files", env: "TIDEMARK_SQL", default: METRICS_DIR },
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
    {
      flags: "--watch",
      description: "stay, and run again at once when a metric's file comes, changes or goes",
    },
    JSON_FLAG,
  ],
  examples: [
    "bun run batch",
    "bun run batch --watch",
    "bun run batch --metric market_summary",
    "bun run batch --sql my-metrics --json",
  ],
  async run(options, { logger, signal }) {
    if (options.watch) return watch(options, logger, signal);
    if (options.metric !== undefined) checkName(options.sql, options.metric);
    const paths = openDataDir(options.data, logger);
    const release = lockStage(paths, "batch");
    try {
      const summary = await runBatch(paths, options, logger, signal);
      if (summary === null) return 0;
      for (const { error } of summary.failed) logger.error(error);
      if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
      else report(summary, logger);
      return summary.failed.length === 0 ? 0 : 1;
    } finally {
      release();
    }
  },
};

/** Under the schedule's lock: a schedule of the same directory would meet our runs. Each run is this command again, without --watch. */
async function watch(
  { data, sql, metric, engine, master, json }: BatchFlags,
  logger: Logger,
  signal: AbortSignal,
): Promise<number> {
  const paths = openDataDir(data);
  const release = lockStage(paths, "schedule");
  const only = metric ? ["--metric", metric] : [];
  const flags = ["--data", data, "--sql", sql, "--engine", engine, "--master", master];
  const batch_args = [...flags, ...only, ...(json ? ["--json"] : [])];
  logger.info(`a batch whenever a file of ${sql} changes`);
  try {
    await schedule(paths, { timetable: null, watch: sql, batch_args, stdout: "inherit", signal }, logger);
  } finally {
    release();
  }
  return 0;
}

function report(summary: BatchSummary, logger: Logger): void {
  const { ticks_new, ticks_total, metrics, failed, seconds, reconciliation: r } = summary;
  logger.info(
    `${ticks_new} new ticks, ${ticks_total} in all; ${metrics - failed.length} of ${metrics} metrics in ${seconds.toFixed(2)} s`,
  );
  if (r) {
    logger.info(
      `stream and batch: ${r.compared} windows compared, ${r.equal} equal, ${r.explained} explained, ${r.unexplained} unexplained; ${r.pending} pending`,
    );
  }
}

await runCommand(spec, import.meta.main);
