/** `bun run produce`: feed → log. */

import { claimKind, openDataDir } from "./base/data-dir.ts";
import { diePoint } from "./base/die-point.ts";
import { PARTITIONS_MAX } from "./base/limits.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { CHANNEL_FLAG, FEED_FLAG, HEARTBEATS_FLAG, isReplay, PRODUCTS_FLAG, productIds } from "./command/feed-flags.ts";
import { DATA_FLAG, durationFlag, JSON_FLAG, LOG_FLAG, wholeNumber } from "./command/flags.ts";
import { lockStage } from "./command/stage-lock.ts";
import { restUrlOf } from "./feed/index.ts";
import { openLog } from "./log/index.ts";
import { Producer } from "./stages/produce.ts";

interface ProduceFlags {
  data: string;
  log: string;
  feed: string;
  channel: "ticker" | "matches";
  products: string[] | string;
  rest?: string;
  partitions?: number;
  retain?: number;
  heartbeats?: boolean;
  untilEnd?: boolean;
  json?: boolean;
}

export const spec: CommandSpec<ProduceFlags> = {
  name: "produce",
  summary: "Takes trades from the feed and appends each message, as it came, to the log.",
  flags: [
    DATA_FLAG,
    LOG_FLAG,
    FEED_FLAG,
    CHANNEL_FLAG,
    PRODUCTS_FLAG,
    {
      flags: "--rest <url>",
      description: "where gaps of the full tape are filled from (the feed's own by default)",
      env: "TIDEMARK_REST",
    },
    {
      flags: "--partitions <n>",
      description: "partitions of a log that is made now",
      env: "TIDEMARK_PARTITIONS",
      parse: wholeNumber(1, PARTITIONS_MAX),
    },
    {
      flags: "--retain <duration>",
      description: "how long the log keeps records (on Kafka: of a topic that is made now); for ever unless told",
      env: "TIDEMARK_RETAIN",
      parse: durationFlag,
    },
    HEARTBEATS_FLAG,
    { flags: "--until-end", description: "stop when the server closes with 1000, as a replay does at its end" },
    JSON_FLAG,
  ],
  examples: [
    "bun run produce",
    "bun run produce --channel matches --products BTC-USD,ETH-USD",
    "bun run produce --feed ws://127.0.0.1:8400 --until-end --json",
    "bun run produce --log kafka://localhost:9092/raw_prices",
  ],
  async run(options, { logger, signal }) {
    const kind = isReplay(options.feed) ? "replay" : "live";
    const paths = openDataDir(options.data, logger);
    const release = lockStage(paths, "produce");
    claimKind(paths, kind);
    const { partitions, retain: retain_us } = options;
    const log = await openLog(options.log, paths, { role: "writer", logger, partitions, retain_us });
    const producer = new Producer({
      kind,
      url: options.feed,
      channel: options.channel,
      products: [options.products].flat().flatMap(productIds),
      heartbeats: options.heartbeats === true,
      until_end: options.untilEnd === true,
      rest_url: options.rest ?? restUrlOf(options.feed),
      status_path: paths.feed,
      logger,
    });
    try {
      await producer.resume(log);
      await producer.run(async (records) => {
        diePoint("produce-before-append");
        await log.append(records);
        diePoint("produce-appended");
      }, signal);
    } finally {
      await log.close();
      release();
    }
    const summary = { ...producer.stats.summary(), ...producer.counts };
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    else logger.info(`${summary.records} records into ${log.name}, ${summary.reconnects} reconnects`);
    return 0;
  },
};

await runCommand(spec, import.meta.main);
