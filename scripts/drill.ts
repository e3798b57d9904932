/** `bun run drill`: kills and restarts the stages over a copy of the log, and compares the results. */
import { plural } from "./base/printable.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { DATA_FLAG, JSON_FLAG, LOG_FLAG, wholeNumber } from "./command/flags.ts";
import { type DrillOptions, runDrill } from "./drill/drill-run.ts";

export const spec: CommandSpec<DrillOptions & { json?: boolean }> = {
  name: "drill",
  summary:
    "Repeats, delays and garbles some messages in a copy of the log, kills, stops and restarts the stages over it, sets the clock under them, adds a user's files to their folders, and compares what they stored with an undisturbed run. Your data is only read.",
  flags: [
    {
      ...DATA_FLAG,
      description: "the data directory whose log is copied; without a log in it the bundled recording is used",
    },
    { ...LOG_FLAG, description: "where the copies go: embedded:, or kafka://host:port for topics of their own" },
    {
      flags: "--rounds <n>",
      description: "the number of rounds",
      env: "TIDEMARK_ROUNDS",
      parse: wholeNumber(1, 10_000),
      default: "5",
    },
    {
      flags: "--seed <n>",
      description: "decides the faults: round r uses seed + r",
      env: "TIDEMARK_SEED",
      parse: wholeNumber(0, 2 ** 31),
      default: "1",
    },
    JSON_FLAG,
  ],
  examples: [
    "bun run drill",
    "bun run drill --rounds 100 --seed 7",
    "bun run drill --log kafka://localhost:9092 --rounds 20",
  ],
  async run(options, { logger, signal }) {
    const summary = await runDrill(options, logger, signal);
    const { rounds, failed, seed } = summary;
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    else logger.info(`${plural(rounds, "round")}, ${failed} with a difference; seed ${seed}`);
    return failed === 0 ? 0 : 1;
  },
};

await runCommand(spec, import.meta.main);
