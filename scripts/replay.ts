/** `bun run replay`: a recording → a local server that speaks the exchange's protocol. */
import { resolve } from "node:path";
import { untilAborted } from "./base/wait.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { afterIds, productIds, speed } from "./command/feed-flags.ts";
import { wholeNumber } from "./command/flags.ts";
import { asProducts, parseFaults, readRecording, startExchange } from "./simulator/index.ts";

interface ReplayFlags {
  speed: string | number;
  loop?: boolean;
  port: string | number;
  host: string;
  after: number | ReadonlyMap<string, number>;
  as?: string[];
  faults?: string;
}

const BUNDLED = resolve(import.meta.dir, "../data/recordings/coinbase-btc-usd-2023-09-05T16.jsonl.gz");

export const spec: CommandSpec<ReplayFlags> = {
  name: "replay",
  summary:
    "Plays a recording (the bundled hour) as an exchange that speaks Coinbase's protocol, and prints its address.",
  args: [["[file]", "a recording, .jsonl.gz or .jsonl"]],
  flags: [
    {
      flags: "--speed <n>",
      description: "1 plays at the recorded pace, 60 an hour in a minute, max as fast as clients read",
      env: "TIDEMARK_SPEED",
      parse: speed,
      default: "1",
    },
    { flags: "--loop", description: "play again and again; times and trade ids move on, so that they keep rising" },
    {
      flags: "--port <port>",
      description: "the server's port; 0 takes any free one",
      env: "TIDEMARK_REPLAY_PORT",
      parse: wholeNumber(0, 65_535),
      default: "8400",
    },
    {
      flags: "--host <address>",
      description: "the server's address",
      env: "TIDEMARK_REPLAY_HOST",
      default: "127.0.0.1",
    },
    {
      flags: "--after <ids>",
      description: "begin after this trade id, or after one each: BTC-USD:123,ETH-USD:45",
      parse: afterIds,
      default: 0,
    },
    {
      flags: "--as <products>",
      description: "play each trade once for every name, e.g. A-USD,B-USD",
      parse: productIds,
    },
    { flags: "--faults <json>", description: "faults to commit, for drills (docs/decisions/0004-feed.md lists them)" },
  ],
  examples: [
    "bun run replay",
    "bun run replay my.jsonl.gz --speed 60 --port 0",
    "bun run replay --speed max --loop",
    `bun run replay --speed max --faults '{"cut_after":[100,200]}'`,
  ],
  async run(options, { args, logger, signal }) {
    const file = args[0] ?? BUNDLED;
    const recorded = await readRecording(file, logger);
    const exchange = startExchange({
      recorded: options.as ? asProducts(recorded, options.as) : recorded,
      speed: typeof options.speed === "number" ? options.speed : speed(options.speed),
      loop: options.loop === true,
      after: options.after,
      host: options.host,
      port: Number(options.port),
      faults: options.faults === undefined ? undefined : parseFaults(options.faults),
    });
    process.stdout.write(`${exchange.url}\n`);
    logger.info(`${recorded.length} trades of ${file} at ${exchange.url}: the play begins with the first subscription`);
    await Promise.race([exchange.ended, untilAborted(signal)]);
    await exchange.stop();
    logger.info(signal.aborted ? "stopped" : "the recording has ended");
    return 0;
  },
};

await runCommand(spec, import.meta.main);
