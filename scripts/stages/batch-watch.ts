/** `batch --watch`: a batch whenever a metric's file has changed, each in a process of its own. */
import { openDataDir } from "../base/data-dir.ts";
import type { CommandContext } from "../command/cli.ts";
import { lockStage } from "../command/stage-lock.ts";
import type { BatchOptions } from "./batch.ts";
import { schedule } from "./schedule.ts";

/**
 * Runs until the signal, under the schedule's lock: a schedule of the same directory would meet these
 * runs.
 */
export async function watchMetrics(
  { data, sql, metric, engine, master, json }: BatchOptions & { data: string; json?: boolean },
  { logger, signal }: CommandContext,
): Promise<void> {
  const paths = openDataDir(data);
  const release = lockStage(paths, "schedule");
  const only = metric ? ["--metric", metric] : [];
  const flags = ["--data", data, "--sql", sql, "--engine", engine, "--master", master];
  const batch_args = [...flags, ...only, ...(json ? ["--json"] : [])];
  logger.info(`a batch whenever a file in ${sql} changes`);
  try {
    await schedule(paths, { timetable: null, sql, watch: true, batch_args, stdout: "inherit", signal }, logger);
  } finally {
    release();
  }
}
