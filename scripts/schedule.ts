/** `bun run schedule`: runs `batch` by a timetable, never two at once. */
import { rmSync } from "node:fs";
import { writeAtomically } from "./base/atomic-file.ts";
import { openDataDir } from "./base/data-dir.ts";
import { TidemarkError } from "./base/errors.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { DATA_FLAG, REST_FLAG, RETAIN_FLAG, SQL_FLAG } from "./command/flags.ts";
import { lockStage } from "./command/stage-lock.ts";
import type { ScheduleStatus } from "./contract/schedule-status.ts";
import { schedule } from "./stages/schedule.ts";
import { everyFlag, parseEvery, zoneFlag } from "./stages/timetable.ts";

interface ScheduleFlags {
  data: string;
  every: string;
  tz: string;
  sql: string;
  /** Microseconds. */
  rest: number;
  watch?: boolean;
  retain?: string;
}

export const spec: CommandSpec<ScheduleFlags> = {
  name: "schedule",
  summary:
    "Runs batch at once and then by a timetable, never two at once; each successful run adds a line to batch_log.txt.",
  flags: [
    DATA_FLAG,
    {
      flags: "--every <when>",
      description: "an interval such as 10m, or a cron pattern of five fields",
      env: "TIDEMARK_BATCH_EVERY",
      default: "10m",
      parse: everyFlag,
    },
    {
      flags: "--tz <zone>",
      description: "time zone of the cron pattern, for example Europe/Berlin; the machine's own zone is not used",
      env: "TIDEMARK_TZ",
      default: "UTC",
      parse: zoneFlag,
    },
    SQL_FLAG,
    REST_FLAG,
    { flags: "--watch", description: "also run at once when a metric's file is added, changed or removed" },
    RETAIN_FLAG,
  ],
  examples: ["bun run schedule", "bun run schedule --every 30s --watch", 'bun run schedule --every "*/5 * * * *"'],
  async run({ data, every, tz, sql, rest, retain, watch }, { logger, signal }) {
    const timetable = parseEvery(every, tz);
    if (typeof timetable === "string") throw new TidemarkError("USAGE", timetable);
    const paths = openDataDir(data, logger);
    const release = lockStage(paths, "schedule");
    const batch_args = ["--data", data, "--sql", sql];
    const prune_args = retain ? ["--data", data, "--retain", retain] : undefined;
    const onWait = (status: ScheduleStatus) =>
      writeAtomically(paths.schedule, `${JSON.stringify(status)}\n`, { isDurable: false });
    logger.info(`a batch every ${every}`);
    const timing = { timetable, rest_ms: rest / 1_000, sql, watch: watch === true, onWait, signal };
    try {
      await schedule(paths, { ...timing, batch_args, prune_args, stdout: "ignore" }, logger);
    } finally {
      rmSync(paths.schedule, { force: true });
      release();
    }
    return 0;
  },
};

await runCommand(spec, import.meta.main);
