/** `bun run consume`: log → ticks.db, every tick once. */
import { type CommandSpec, runCommand } from "./common/cli.ts";
import { TidemarkError } from "./common/errors.ts";
import { DATA_FLAG, JSON_FLAG, LOG_FLAG, openDataDir, POLL_FLAG } from "./common/settings.ts";
import { lockStage } from "./common/stage-lock.ts";
import { follow } from "./log/follow.ts";
import { openLog } from "./log/open.ts";
import { ConsumeStage } from "./stages/consume.ts";
import { TickStore } from "./store/tick-store.ts";

interface ConsumeOptions {
  data: string;
  log: string;
  untilEnd?: boolean;
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
    POLL_FLAG,
    JSON_FLAG,
  ],
  examples: [
    "bun run consume",
    "bun run consume --until-end --json",
    "bun run consume --log kafka://localhost:9092/raw_prices",
  ],
  async run(options, { logger, signal }) {
    const paths = openDataDir(options.data);
    const release = options.log.startsWith("kafka:") ? () => {} : lockStage(paths, "consume");
    const log = await openLog(options.log, paths, { role: "reader", logger });
    const store = new TickStore(paths.ticks);
    keepLog(store, log.kind === "embedded" ? "embedded:" : log.name);
    const stage = new ConsumeStage(store);
    const reader = await log.reader({
      group: "tidemark-consume",
      position: (partition) => stage.assign(partition),
      onRevoked: (partitions) => stage.revoke(partitions),
    });
    logger.info(`reading ${log.name} into ${paths.ticks}`);
    try {
      await follow(log, reader, {
        until_end: options.untilEnd === true,
        signal,
        records_max: options.pollRecords,
        positions: stage.positions,
        handle: (batches) => stage.handle(batches),
      });
    } finally {
      await reader.close();
      stage.close();
      await log.close();
      release();
    }
    const summary = { ...stage.stats.summary(), ...stage.counts };
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    else
      logger.info(
        `${summary.records} records, ${summary.inserted} stored, ${summary.duplicates} duplicates, ${summary.malformed} malformed`,
      );
    return 0;
  },
};

/** The positions in ticks.db belong to one log; another one's ticks would be skipped or read twice. */
function keepLog(store: TickStore, name: string): void {
  const before = store.setting("log");
  if (before !== null && before !== name) {
    store.close();
    throw new TidemarkError(
      "SETTINGS_CHANGED",
      `${store.path} was filled from ${before}, and --log is now ${name}.`,
      "Use that log, or another data directory with --data DIR.",
    );
  }
  store.saveSetting("log", name);
}

await runCommand(spec, import.meta.main);
