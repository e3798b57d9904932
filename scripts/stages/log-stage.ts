/** What `stream` and `consume` have in common: lock, log, store, settings, following the log. */
import { type DataPaths, openDataDir } from "../base/data-dir.ts";
import type { CommandContext } from "../command/cli.ts";
import { lockForLog } from "../command/stage-lock.ts";
import { follow, type LogJob, openLog } from "../log/index.ts";

/** Options of both commands. */
export interface LogStageOptions {
  data: string;
  log: string;
  untilEnd?: boolean;
  rebuild?: boolean;
  /** Records per commit, at most. */
  pollRecords: number;
  json?: boolean;
}

/** A store that remembers which log, and with which settings, it was made from. */
interface LogStore {
  group(name: string): string;
  /** A sentence when the store keeps to rules of an older version. */
  olderRules(): string | null;
  /** Fails with SETTINGS_CHANGED when they differ from the stored ones. */
  keepSettings(settings: Record<string, string | number>): void;
}

interface LogStagePlan<Store extends LogStore, Stage extends LogJob & { close(): void }> {
  name: "stream" | "consume";
  /** Removes what the stage has stored, for `rebuild`. */
  forget(paths: DataPaths): void;
  openStore(paths: DataPaths): Store;
  /** As in FollowOptions. */
  gather_ms?: number;
  /** What must not change over a store, besides its log. */
  settings: Record<string, string | number>;
  openStage(store: Store, paths: DataPaths): Stage;
  /** What the log is read into, for one log line. */
  into(paths: DataPaths): string;
  /** Called when the log was followed without an error. */
  atEnd?(stage: Stage): unknown;
}

/** Runs a stage until the end of the log or the signal. Resolves with the closed stage. */
export async function runLogStage<Store extends LogStore, Stage extends LogJob & { close(): void }>(
  options: LogStageOptions,
  { logger, signal }: CommandContext,
  plan: LogStagePlan<Store, Stage>,
): Promise<Stage> {
  const paths = openDataDir(options.data, logger);
  const release = lockForLog(paths, plan.name, options);
  if (options.rebuild) plan.forget(paths);
  const log = await openLog(options.log, paths, { role: plan.gather_ms ? "relief" : "reader", logger });
  const store = plan.openStore(paths);
  const older = store.olderRules();
  if (older !== null) logger.info(older);
  store.keepSettings({ log: log.kind === "embedded" ? "embedded:" : log.name, ...plan.settings });
  const stage = plan.openStage(store, paths);
  logger.info(`reading ${log.name} into ${plan.into(paths)}`);
  try {
    await follow(log, stage, {
      group: store.group(plan.name),
      until_end: options.untilEnd === true,
      signal,
      records_max: options.pollRecords,
      gather_ms: plan.gather_ms,
      logger,
    });
    plan.atEnd?.(stage);
  } finally {
    try {
      stage.close();
    } finally {
      await log.close().finally(release);
    }
  }
  return stage;
}
