/** `bun run start`: every stage as a child process, on the live feed or on a recording. */
import { type CommandSpec, runCommand } from "./command/cli.ts";
import {
  AGAIN_FLAG,
  CHANNEL_FLAG,
  FEED_FLAG,
  HEARTBEATS_FLAG,
  LOOP_FLAG,
  PRODUCTS_FLAG,
  productIds,
  speed,
} from "./command/feed-flags.ts";
import {
  ALLOW_HOST_FLAG,
  asText,
  BASE_PATH_FLAG,
  DATA_FLAG,
  durationFlag,
  HOST_FLAG,
  LOG_FLAG,
  PORT_FLAG,
  PRICE_FLAG,
} from "./command/flags.ts";
import { LATENESS_FLAG, WINDOW_FLAG, windowSizes } from "./command/window-flags.ts";
import { everyFlag } from "./stages/timetable.ts";
import { launch } from "./supervisor/launch.ts";
import type { StartOptions } from "./supervisor/path.ts";

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
    LOOP_FLAG,
    AGAIN_FLAG,
    {
      flags: "--speed <n>",
      description: "the recording's speed: 30 plays a minute in two seconds, max as fast as it can be read",
      env: "TIDEMARK_SPEED",
      parse: asText(speed),
      default: "30",
    },
    PORT_FLAG,
    HOST_FLAG,
    ALLOW_HOST_FLAG,
    BASE_PATH_FLAG,
    { ...PRODUCTS_FLAG, parse: asText(productIds) },
    CHANNEL_FLAG,
    HEARTBEATS_FLAG,
    FEED_FLAG,
    {
      flags: "--every <when>",
      description: "when the batch runs: an interval or a cron pattern, as for schedule (default: 1m, in a replay 5s)",
      env: "TIDEMARK_BATCH_EVERY",
      parse: everyFlag,
    },
    // Without these the stream's own defaults hold.
    { ...WINDOW_FLAG, parse: asText(windowSizes), default: undefined },
    { ...LATENESS_FLAG, parse: asText(durationFlag), default: undefined },
    { ...PRICE_FLAG, parse: asText(PRICE_FLAG.parse!) },
  ],
  examples: [
    "bun run start",
    "bun run start --replay --speed 100",
    "bun run start --replay --again",
    "bun run start --products BTC-USD,ETH-USD --port 9000",
  ],
  async run(options, context) {
    await launch(options, context);
    return 0;
  },
};

await runCommand(spec, import.meta.main);
