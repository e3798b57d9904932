/** `bun run rebuild`: removes both stores, so that the log is read again by this version's rules. */
import { type DataPaths, openDataDir } from "./base/data-dir.ts";
import { TidemarkError } from "./base/errors.ts";
import { RULES_VERSION } from "./base/limits.ts";
import { openReadOnly, removeStore } from "./base/sqlite.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { DATA_FLAG, LOG_FLAG } from "./command/flags.ts";
import { lockStage } from "./command/stage-lock.ts";
import { openLog } from "./log/index.ts";
import { removeCsv } from "./sink/stream-csv.ts";

interface RebuildOptions {
  data: string;
  log: string;
}

export const spec: CommandSpec<RebuildOptions> = {
  name: "rebuild",
  summary:
    "Removes windows.db, stream_csv/ and ticks.db together: the next stream and consume read the log again from its start, with the rules of this version.",
  flags: [DATA_FLAG, LOG_FLAG],
  examples: ["bun run rebuild", "bun run rebuild --log kafka://localhost:9092/raw_prices"],
  async run(options, { logger }) {
    const paths = openDataDir(options.data);
    const releases = ["stream", "consume", "batch"].map((stage) => lockStage(paths, stage));
    const log = await openLog(options.log, paths, { role: "reader", logger });
    try {
      for (const { partition, start } of await log.spans()) refuseLoss(paths, log.name, partition, start);
      // In this order: while one is left, it decides the rules of the next to be created.
      removeStore(paths.windows);
      removeCsv(paths.streamCsv);
      removeStore(paths.ticks);
      logger.info(
        `windows.db and ticks.db are removed; stream and consume read ${log.name} with rules ${RULES_VERSION}`,
      );
    } finally {
      await log.close();
      for (const release of releases) release();
    }
    return 0;
  },
};

/** The log is the only source of a rebuild: what it no longer holds would be lost. */
function refuseLoss(paths: DataPaths, log: string, partition: number, start: number): void {
  for (const path of [paths.windows, paths.ticks]) {
    const db = openReadOnly(path);
    try {
      if (db === null) continue;
      const row = db
        .query<{ first: number }, [number]>(
          `SELECT ${hasFirst(db) ? "first_offset" : "0"} AS first FROM offsets WHERE log_partition = ? AND next_offset > 0`,
        )
        .get(partition);
      if (row === null || row.first >= start) continue;
    } finally {
      db?.close();
    }
    throw new TidemarkError(
      "LOG_SHORTER_THAN_CHECKPOINT",
      `${log} holds partition ${partition} only from offset ${start}, and ${path} has read what was before: a rebuild would lose it.`,
      "Keep the stores as they are, or begin in another data directory.",
    );
  }
}

function hasFirst(db: NonNullable<ReturnType<typeof openReadOnly>>): boolean {
  return db.query("SELECT 1 FROM pragma_table_info('offsets') WHERE name = 'first_offset'").get() !== null;
}

await runCommand(spec, import.meta.main);
