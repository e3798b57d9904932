/** `bun run replay`: a recording → a local server that speaks the exchange's protocol. */
import { BUNDLED_RECORDING } from "./base/project.ts";
import { untilAborted } from "./base/wait.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { AFTER_FLAG, AGAIN_FLAG, HISTORY_FLAG, LOOP_FLAG, productIds, SKEW_FLAG, speed } from "./command/feed-flags.ts";
import { HOST_FLAG, PORT_FLAG } from "./command/flags.ts";
import { asProducts, parseFaults, readRecording, startExchange } from "./simulator/index.ts";

interface ReplayFlags {
  /** Infinity: as fast as clients read. */
  speed: number;
  loop?: boolean;
  again?: boolean;
  port: number;
  host: string;
  after: number | ReadonlyMap<string, number>;
  as?: string[];
  /** Microseconds. */
  skew?: number;
  history: number;
  faults?: string;
}

export const spec: CommandSpec<ReplayFlags> = {
  name: "replay",
  summary:
    "Plays a recording (the bundled hour) as an exchange that speaks Coinbase's protocol, and prints its address.",
  args: [["[file]", "a recording, .jsonl.gz or .jsonl"]],
  flags: [
    {
      flags: "--speed <n>",
      description: "1 plays at the recorded pace, 60 plays an hour in a minute, max as fast as clients read",
      env: "TIDEMARK_SPEED",
      parse: speed,
      default: "1",
    },
    LOOP_FLAG,
    AGAIN_FLAG,
    {
      ...PORT_FLAG,
      description: "the server's port; 0 takes any free one",
      env: "TIDEMARK_REPLAY_PORT",
      default: "8400",
    },
    { ...HOST_FLAG, description: "the server's address", env: "TIDEMARK_REPLAY_HOST" },
    AFTER_FLAG,
    { flags: "--as <products>", description: "play each trade once per name, e.g. A-USD,B-USD", parse: productIds },
    SKEW_FLAG,
    HISTORY_FLAG,
    {
      flags: "--faults <json>",
      description: "faults to apply, for drills (docs/decisions/0027-scripted-faults.md lists them)",
    },
  ],
  examples: [
    "bun run replay",
    "bun run replay my.jsonl.gz --speed 60 --port 0",
    "bun run replay --speed max --loop",
    `bun run replay --speed max --faults '{"cut_after":[100,200]}'`,
  ],
  async run(options, { args, logger, signal }) {
    const file = args[0] ?? BUNDLED_RECORDING;
    const recorded = await readRecording(file, logger);
    const { speed, loop = false, again, after, host, port, history } = options;
    const exchange = startExchange({
      ...{ speed, loop, again, after, host, port, history },
      recorded: options.as ? asProducts(recorded, options.as) : recorded,
      skew_us: options.skew,
      faults: options.faults === undefined ? undefined : parseFaults(options.faults),
    });
    process.stdout.write(`${exchange.url}\n`);
    logger.info(`${recorded.length} trades of ${file} at ${exchange.url}: playing begins at the first subscription`);
    await Promise.race([exchange.ended, untilAborted(signal)]);
    await exchange.stop();
    logger.info(signal.aborted ? "stopped" : "the recording has ended; with --loop it is repeated");
    return 0;
  },
};

await runCommand(spec, import.meta.main);
