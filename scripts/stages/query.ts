/** One query by a user: runs in a process with a memory limit, and writes its rows. */
import { collect } from "../archive/collect.ts";
import { dataPaths, openDataDir } from "../base/data-dir.ts";
import type { Logger } from "../base/logger.ts";
import { plural } from "../base/printable.ts";
import { onAbort } from "../base/wait.ts";
import type { CommandContext } from "../command/cli.ts";
import { lockStage } from "../command/stage-lock.ts";
import { isLimited, openDestination, type PlannedQuery, runLimited, runPlanned } from "../metrics/index.ts";

/** Resolves with the exit status. `fresh`: collect into the archive first what is new, as a batch does. */
export async function runUserQuery(
  dir: string,
  plan: PlannedQuery,
  fresh: boolean,
  { logger, signal }: CommandContext,
): Promise<number> {
  // Collecting runs no SQL of the user's, so it needs no memory limit.
  if (fresh && !isLimited()) await collectNew(dir, logger);
  const status = await runLimited(signal);
  if (status !== null) return status;
  for (const name of plan.unused)
    logger.warn(`${plan.metric?.name ?? "the query"} doesn't use $${name}: --${name} has no effect`);
  const paths = dataPaths(dir);
  const destination = openDestination(plan.output, paths.root);
  onAbort(signal, () => {
    destination.abandon();
    process.exit(130);
  });
  const { rows, truncated } = await runPlanned(paths, plan, destination);
  if (truncated) logger.warn(`cut after ${plural(rows, "row")}; --limit N gives more`);
  if (plan.output !== "-") logger.info(`${plural(rows, "row")} in ${plan.output}`);
  return 0;
}

async function collectNew(dir: string, logger: Logger): Promise<void> {
  const paths = openDataDir(dir);
  const release = lockStage(paths, "batch");
  await collect(paths, logger).finally(release);
}
