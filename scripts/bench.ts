/** `bun run bench`: the project's own figures, next to what limits them in the same run. */
import { json, table } from "./bench/report.ts";
import {
  type BenchOptions,
  benchNames,
  brokerFlag,
  listOfBenches,
  runBenches,
  scaleFlag,
} from "./bench/run-benches.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { JSON_FLAG, wholeNumber } from "./command/flags.ts";

export const spec: CommandSpec<BenchOptions & { json?: boolean }> = {
  name: "bench",
  summary:
    "Measures this machine: messages of the real shape through whole processes, medians and intervals of several runs.",
  flags: [
    { flags: "--only <names>", description: `some of: ${listOfBenches()}`, parse: benchNames },
    {
      flags: "--runs <n>",
      description: "runs per bench; fewer than 6 support no claim",
      parse: wholeNumber(1, 100),
      default: "6",
    },
    { flags: "--scale <x>", description: "multiplies the numbers of messages", parse: scaleFlag, default: "1" },
    { flags: "--log <url>", description: "a Kafka broker for the Kafka benches: kafka://host:port", parse: brokerFlag },
    JSON_FLAG,
  ],
  examples: [
    "bun run bench",
    "bun run bench --only embedded-drain,consume --runs 8",
    "bun run bench --only kafka-drain --log kafka://localhost:19092 --scale 10 --json",
  ],
  async run(options, context) {
    const { report, error } = await runBenches(options, context);
    process.stdout.write(options.json ? json(report) : table(report));
    if (error !== null) throw error;
    return 0;
  },
};

await runCommand(spec, import.meta.main);
