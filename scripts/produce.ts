/** `bun run produce`: feed → log. */
import { claimKind, openDataDir } from "./base/data-dir.ts";
import { plural } from "./base/printable.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import {
  CHANNEL_FLAG,
  FEED_FLAG,
  type FeedFlags,
  feedOptions,
  HEARTBEATS_FLAG,
  PRODUCTS_FLAG,
  REST_FLAG,
} from "./command/feed-flags.ts";
import { DATA_FLAG, durationFlag, JSON_FLAG, LOG_FLAG, PARTITIONS_FLAG } from "./command/flags.ts";
import { lockStage } from "./command/stage-lock.ts";
import { restUrlOf } from "./feed/index.ts";
import { openLog } from "./log/index.ts";
import { Producer } from "./stages/produce.ts";

interface ProduceFlags extends FeedFlags {
  data: string;
  log: string;
  rest?: string;
  partitions?: number;
  /** Microseconds. */
  retain?: number;
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
    REST_FLAG,
    PARTITIONS_FLAG,
    {
      flags: "--retain <duration>",
      description: "how long the log keeps records (on Kafka: when the topic is created; default: keep forever)",
      env: "TIDEMARK_RETAIN",
      parse: durationFlag,
    },
    HEARTBEATS_FLAG,
    { flags: "--until-end", description: "stop when the server closes with code 1000, as a replay does" },
    JSON_FLAG,
  ],
  examples: [
    "bun run produce",
    "bun run produce --channel matches --products BTC-USD,ETH-USD",
    "bun run produce --feed ws://127.0.0.1:8400 --until-end --json",
    "bun run produce --log kafka://localhost:9092/raw_prices",
  ],
  async run(options, { logger, signal }) {
    const paths = openDataDir(options.data, logger);
    const release = lockStage(paths, "produce");
    const feed = feedOptions(options);
    claimKind(paths, feed.kind);
    const { partitions, retain: retain_us } = options;
    const log = await openLog(options.log, paths, { role: "writer", logger, partitions, retain_us });
    const rest_url = options.rest ?? restUrlOf(feed.url);
    const producer = new Producer({ ...feed, rest_url, status_path: paths.feed, logger });
    try {
      await producer.runInto(log, signal);
    } finally {
      await log.close();
      release();
    }
    const summary = { ...producer.stats.summary(), ...producer.counts };
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    else
      logger.info(`${plural(summary.records, "record")} into ${log.name}, ${plural(summary.reconnects, "reconnect")}`);
    return 0;
  },
};

await runCommand(spec, import.meta.main);
