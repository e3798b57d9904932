/** `bun run consume`: log → ticks.db, every tick once. */

import { openDataDir } from "./base/data-dir.ts";
import { removeStore } from "./base/sqlite.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { DATA_FLAG, JSON_FLAG, LOG_FLAG, POLL_FLAG } from "./command/flags.ts";
import { lockForLog } from "./command/stage-lock.ts";
import { follow, openLog, readingAgain } from "./log/index.ts";
import { ConsumeStage } from "./stages/consume.ts";
import { TickStore } from "./store/index.ts";

interface ConsumeOptions {
  data: string;
  log: string;
  untilEnd?: boolean;
  rebuild?: boolean;
  pollRecords: number;
  json?: boolean;
}

export const spec: CommandSpec<ConsumeOptions> = {
  name: "consume",
  summary:
    "Reads the log and stores every tick once in ticks.db; malformed messages go to its dead_letters with the reason.",
  flags: [
    DATA_FLAG,
    LOG_FLAG,
    { flags: "--until-end", description: "stop at what is the end of the log now" },
    { flags: "--rebuild", description: "forget ticks.db and read the log again from its start" },
    POLL_FLAG,
    JSON_FLAG,
  ],
  examples: [
    "bun run consume",
    "bun run consume --until-end --json",
    "bun run consume --rebuild --until-end",
    "bun run consume --log kafka://localhost:9092/raw_prices",
  ],
  async run(options, { logger, signal }) {
    const paths = openDataDir(options.data, logger);
    const release = lockForLog(paths, "consume", options);
    if (options.rebuild) removeStore(paths.ticks);
    const log = await openLog(options.log, paths, { role: "reader", logger });
    const store = new TickStore(paths.ticks);
    const older = store.olderRules();
    if (older !== null) logger.info(older);
    store.keepSettings({ log: log.kind === "embedded" ? "embedded:" : log.name });
    const stage = new ConsumeStage(store, logger);
    logger.info(`reading ${log.name} into ${paths.ticks}`);
    try {
      await follow(log, stage, {
        group: store.group("consume"),
        until_end: options.untilEnd === true,
        signal,
        records_max: options.pollRecords,
        logger,
      });
    } finally {
      stage.close();
      await log.close();
      release();
    }
    const summary = { ...stage.stats.summary(), ...stage.counts };
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    else
      logger.info(
        `${summary.records} records, ${summary.inserted} stored, ${summary.duplicates} duplicates, ${summary.conflicts} conflicts, ${summary.malformed} malformed`,
      );
    return 0;
  },
};

await runCommand(readingAgain(spec), import.meta.main);
