/** `bun run consume`: log → ticks.db, every tick once. */
import { plural } from "./base/printable.ts";
import { removeStore } from "./base/sqlite.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { DATA_FLAG, JSON_FLAG, LOG_FLAG, POLL_FLAG } from "./command/flags.ts";
import { readingAgain } from "./log/index.ts";
import { ConsumeStage } from "./stages/consume.ts";
import { type LogStageOptions, runLogStage } from "./stages/log-stage.ts";
import { TickStore } from "./store/index.ts";

/** The batch reads ticks.db once per run: a commit per moment would write many times the bytes. */
const GATHER_MS = 200;

export const spec: CommandSpec<LogStageOptions> = {
  name: "consume",
  summary:
    "Reads the log and stores every tick once in ticks.db; malformed messages go to its dead_letters with the reason.",
  flags: [
    DATA_FLAG,
    LOG_FLAG,
    { flags: "--until-end", description: "stop at the current end of the log" },
    { flags: "--rebuild", description: "remove ticks.db and read the log again from its start" },
    POLL_FLAG,
    JSON_FLAG,
  ],
  examples: [
    "bun run consume",
    "bun run consume --until-end --json",
    "bun run consume --rebuild --until-end",
    "bun run consume --log kafka://localhost:9092/raw_prices",
  ],
  async run(options, context) {
    const stage = await runLogStage(options, context, {
      name: "consume",
      forget: ({ ticks }) => removeStore(ticks),
      openStore: ({ ticks }) => new TickStore(ticks),
      gather_ms: GATHER_MS,
      settings: {},
      openStage: (store) => new ConsumeStage(store, context.logger),
      into: ({ ticks }) => ticks,
    });
    const summary = { ...stage.stats.summary(), ...stage.counts };
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    else
      context.logger.info(
        `${plural(summary.records, "record")}, ${summary.inserted} stored, ${plural(summary.duplicates, "duplicate")}, ${plural(summary.conflicts, "conflict")}, ${summary.malformed} malformed`,
      );
    return 0;
  },
};

await runCommand(readingAgain(spec), import.meta.main);
