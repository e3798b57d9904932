/** `bun run record`: feed → recording. */
import { nowUs } from "./base/clock.ts";
import { TidemarkError } from "./base/errors.ts";
import { isoFromUs } from "./base/iso.ts";
import { plural } from "./base/printable.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { CHANNEL_FLAG, FEED_FLAG, type FeedFlags, feedOptions, PRODUCTS_FLAG } from "./command/feed-flags.ts";
import { durationFlag, JSON_FLAG } from "./command/flags.ts";
import { restUrlOf } from "./feed/index.ts";
import { RecordingWriter } from "./simulator/recording.ts";
import { Producer } from "./stages/produce.ts";

interface RecordFlags extends FeedFlags {
  /** Microseconds. */
  for?: number;
  json?: boolean;
}

export const spec: CommandSpec<RecordFlags> = {
  name: "record",
  summary: "Writes the feed's trades to a recording that replay plays; Ctrl-C ends it properly.",
  args: [["[file]", "the recording to write (PRODUCTS-TIME.jsonl.gz)"]],
  flags: [
    FEED_FLAG,
    CHANNEL_FLAG,
    PRODUCTS_FLAG,
    { flags: "--for <duration>", description: "stop after this long, e.g. 1h", parse: durationFlag },
    { flags: "--until-end", description: "stop when the server closes with 1000" },
    JSON_FLAG,
  ],
  examples: ["bun run record --for 1h", "bun run record eth.jsonl.gz --products ETH-USD --channel matches"],
  async run(options, { args, logger, signal }) {
    const feed = feedOptions(options);
    const time = isoFromUs(nowUs()).slice(0, 16).replace(":", "");
    const writer = new RecordingWriter(args[0] ?? `${feed.products.join("-").toLowerCase()}-${time}.jsonl.gz`);
    const producer = new Producer({ ...feed, rest_url: restUrlOf(feed.url), status_path: null, logger });
    const until =
      options.for === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(options.for / 1_000)]);
    try {
      await producer.run((records) => writer.write(records), until);
    } finally {
      await writer.close();
    }
    if (writer.lines === 0)
      throw new TidemarkError(
        "NO_DATA",
        `Nothing was received from ${options.feed}: no recording was written.`,
        "Check --products, and record for longer: a quiet product may have no trade for minutes.",
      );
    const summary = { ...producer.stats.summary(), ...producer.counts, file: writer.path };
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    else logger.info(`${plural(writer.lines, "message")} in ${writer.path}`);
    return 0;
  },
};

await runCommand(spec, import.meta.main);
