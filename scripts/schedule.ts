/** `bun run schedule`: `batch` again and again, never two at once. */
import { rmSync } from "node:fs";
import { writeAtomically } from "./base/atomic-file.ts";
import { openDataDir } from "./base/data-dir.ts";
import { TidemarkError } from "./base/errors.ts";
import { METRICS_DIR } from "./base/project.ts";
import { type CommandSpec, invalid, runCommand } from "./command/cli.ts";
import { DATA_FLAG, durationFlag } from "./command/flags.ts";
import { lockStage } from "./command/stage-lock.ts";
import { parseEvery, schedule } from "./stages/schedule.ts";

interface ScheduleFlags {
  data: string;
  every: string;
  tz: string;
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
      description: "an interval such as 10m, or a cron pattern of five fields",
      env: "TIDEMARK_BATCH_EVERY",
      default: "10m",
      parse: checkEvery,
    },
    {
      flags: "--tz <zone>",
      description: "time zone of the cron pattern, for example Europe/Berlin; the machine's own zone is not used",
      env: "TIDEMARK_TZ",
      default: "UTC",
      parse: checkZone,
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
    const timetable = parseEvery(options.every, options.tz);
    if (typeof timetable === "string") throw new TidemarkError("USAGE", timetable);
    const paths = openDataDir(options.data, logger);
    const release = lockStage(paths, "schedule");
    const batch_args = ["--data", options.data, "--sql", options.sql];
    logger.info(`a batch every ${options.every}`);
    try {
      const watch = options.watch ? options.sql : null;
      const prune_args = options.retain ? ["--data", options.data, "--retain", options.retain] : undefined;
      const onWait = (due_ms: number | null, began_ms: number, status: number) => {
        const due_us = due_ms === null ? null : due_ms * 1_000;
        const report = { pid: process.pid, due_us, began_us: began_ms * 1_000, status };
        writeAtomically(paths.schedule, `${JSON.stringify(report)}\n`, { isDurable: false });
      };
      await schedule(paths, { timetable, watch, batch_args, prune_args, stdout: "ignore", onWait, signal }, logger);
    } finally {
      rmSync(paths.schedule, { force: true });
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
  const timetable = parseEvery(text);
  if (typeof timetable === "string") throw invalid(timetable);
  return text;
}

function checkZone(text: string): string {
  const timetable = parseEvery("0 0 * * *", text);
  if (typeof timetable === "string") throw invalid(timetable);
  return text;
}

await runCommand(spec, import.meta.main);
