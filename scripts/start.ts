/** `bun run start`: every stage as a child process, on the live feed or, where that can't be reached, on the bundled recording. */
import { rmSync } from "node:fs";
import { requireFreePort } from "./base/port.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import {
  CHANNEL_FLAG,
  FEED_FLAG,
  HEARTBEATS_FLAG,
  isReplay,
  PRODUCTS_FLAG,
  productIds,
  speed,
} from "./command/feed-flags.ts";
import { DATA_FLAG, durationFlag, hostFlag, LOG_FLAG, wholeNumber } from "./command/flags.ts";
import { checkLogUrl } from "./log/index.ts";
import { readRecording } from "./simulator/index.ts";
import { addressFile, claim, withRoom } from "./supervisor/claim.ts";
import { recordingOf, type StartOptions, supervise } from "./supervisor/path.ts";
import { reachable } from "./supervisor/reachable.ts";

export const spec: CommandSpec<StartOptions> = {
  name: "start",
  summary: "Starts everything and prints the page's address. Without the live feed it plays the bundled recording.",
  flags: [
    DATA_FLAG,
    LOG_FLAG,
    {
      flags: "--replay [file]",
      description: "play a recording (the bundled one) instead of the live feed",
      env: "TIDEMARK_REPLAY",
    },
    {
      flags: "--speed <n>",
      description: "the recording's speed: 30 plays a minute in two seconds; max as fast as it goes",
      env: "TIDEMARK_SPEED",
      parse: checked(speed),
      default: "30",
    },
    {
      flags: "--port <port>",
      description: "the page's port; 0 takes any free one",
      env: "TIDEMARK_PORT",
      parse: wholeNumber(0, 65_535),
      default: "8321",
    },
    {
      flags: "--host <address>",
      description: "the page's address",
      env: "TIDEMARK_HOST",
      parse: hostFlag,
      default: "127.0.0.1",
    },
    { ...PRODUCTS_FLAG, parse: checked(productIds) },
    CHANNEL_FLAG,
    HEARTBEATS_FLAG,
    FEED_FLAG,
    {
      flags: "--every <duration>",
      description: "how often the batch runs (1m live, 5s in a replay)",
      env: "TIDEMARK_BATCH_EVERY",
      parse: durationFlag,
    },
    {
      flags: "--window <sizes>",
      description: "window sizes for the stream",
      env: "TIDEMARK_WINDOW",
      parse: checked((text) => text.split(",").map(durationFlag)),
    },
    {
      flags: "--lateness <duration>",
      description: "allowed lateness for the stream",
      env: "TIDEMARK_LATENESS",
      parse: checked(durationFlag),
    },
  ],
  examples: [
    "bun run start",
    "bun run start --replay --speed 100",
    "bun run start --products BTC-USD,ETH-USD --port 9000",
  ],
  async run(options, context) {
    checkLogUrl(options.log);
    requireFreePort(options.host, Number(options.port));
    if (options.replay) await readRecording(recordingOf(options), context.logger);
    const feed = options.replay ? null : await reachable(options.feed, context);
    const replay = feed === null || isReplay(feed);
    const dir = replay ? `${options.data}/replay` : options.data;
    const kind = replay ? "replay" : "live";
    const [paths, release] = await withRoom(context, () => claim(dir, kind, context.logger));
    try {
      if (replay)
        context.logger.info(`what is played is stored in ${paths.root}: use --data ${paths.root} with other commands`);
      return await supervise(options, paths, feed, context);
    } finally {
      rmSync(addressFile(paths), { force: true });
      release();
    }
  },
};

/** A flag that is handed on as it was given, once it has been understood here: a child's complaint would come too late. */
function checked(parse: (text: string) => unknown): (text: string) => string {
  return (text) => {
    parse(text);
    return text;
  };
}

await runCommand(spec, import.meta.main);
