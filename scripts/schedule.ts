/** `bun run schedule`: `batch` again and again, never two at once. */

import { METRICS_DIR } from "./batch/project.ts";
import { parseEvery, schedule } from "./batch/schedule.ts";
import { type CommandSpec, invalid, runCommand } from "./common/cli.ts";
import { DATA_FLAG, durationFlag, openDataDir } from "./common/settings.ts";
import { lockStage } from "./common/stage-lock.ts";

interface ScheduleFlags {
  data: string;
  every: string;
  sql: string;
  watch?: boolean;
  retain?: string;
}

export const spec: CommandSpec<ScheduleFlags> = {
  name: "schedule",
  summary:
    "Runs batch at once and then again and again, never two at once; each successful run adds a line to batch_log.txt.",
  flags: [
    DATA_FLAG,
    {
      flags: "--every <when>",
      description: "an interval such as 10m, or a cron pattern of five fields in UTC",
      env: "TIDEMARK_BATCH_EVERY",
      default: "10m",
      parse: checkEvery,
    },
    { flags: "--sql <dir>", description: "the folder of metric files", env: "TIDEMARK_SQL", default: METRICS_DIR },
    {
      flags: "--watch",
      description: "also run at once when a metric's file comes, changes or goes",
    },
    {
      flags: "--retain <duration>",
      description: "after each batch, prune archived ticks that are older from ticks.db",
      parse: checkDuration,
    },
  ],
  examples: ["bun run schedule", "bun run schedule --every 30s --watch", 'bun run schedule --every "*/5 * * * *"'],
  async run(options, { logger, signal }) {
    const paths = openDataDir(options.data, logger);
    const release = lockStage(paths, "schedule");
    const batch_args = ["--data", options.data, "--sql", options.sql];
    logger.info(`a batch every ${options.every}`);
    try {
      const timetable = parseEvery(options.every)!;
      const watch = options.watch ? options.sql : null;
      const prune_args = options.retain ? ["--data", options.data, "--retain", options.retain] : undefined;
      await schedule(paths, { timetable, watch, batch_args, prune_args, stdout: "ignore", signal }, logger);
    } finally {
      release();
    }
    return 0;
  },
};

function checkDuration(text: string): string {
  durationFlag(text);
  return text;
}

function checkEvery(text: string): string {
  if (parseEvery(text) === null)
    throw invalid("Give an interval of at least a second (30s, 10m, 1h) or a cron pattern of five fields.");
  return text;
}

await runCommand(spec, import.meta.main);
