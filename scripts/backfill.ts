/** `bun run backfill`: history from the exchange's REST → log. */
import { nowUs } from "./base/clock.ts";
import { claimKind, openDataDir } from "./base/data-dir.ts";
import { TidemarkError } from "./base/errors.ts";
import { usFromIso } from "./base/iso.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { FEED_FLAG, isReplay, PRODUCTS_FLAG, REST_FLAG } from "./command/feed-flags.ts";
import { DATA_FLAG, JSON_FLAG, LOG_FLAG, timeFlag, wholeNumber } from "./command/flags.ts";
import { lockStage } from "./command/stage-lock.ts";
import { restUrlOf } from "./feed/index.ts";
import { openLog } from "./log/index.ts";
import { Backfill } from "./stages/backfill.ts";
import { BackfillProgress } from "./stages/backfill-progress.ts";
import { backfilledText } from "./stages/backfilled.ts";
import { walkState } from "./stages/walk-state.ts";

interface BackfillFlags {
  data: string;
  log: string;
  feed: string;
  products: string[];
  rest?: string;
  /** ISO 8601. */
  from?: string;
  trades?: number;
  json?: boolean;
}

export const spec: CommandSpec<BackfillFlags> = {
  name: "backfill",
  summary: "Loads trades from before the feed's first one, newest first, so that the batch has history at once.",
  flags: [
    { flags: "--from <time>", description: "back to this day or UTC time, e.g. 2026-11-01", parse: timeFlag },
    {
      flags: "--trades <n>",
      description: "trades per product before the feed's first one, with those loaded before",
      parse: wholeNumber(1, 1_000_000_000),
    },
    PRODUCTS_FLAG,
    DATA_FLAG,
    LOG_FLAG,
    { ...FEED_FLAG, description: "the exchange whose REST has the history; one on this machine is a replay" },
    { ...REST_FLAG, description: "where trades are loaded from (default: the feed's own)" },
    JSON_FLAG,
  ],
  examples: [
    "bun run backfill --from 2026-11-01",
    "bun run backfill --trades 100000 --products BTC-USD,ETH-USD",
    "bun run backfill --feed ws://127.0.0.1:8400 --data data/replay --trades 5000",
  ],
  async run({ from, trades, products, feed, rest, data, log: log_url, json }, { logger, signal }) {
    if (from === undefined && trades === undefined)
      throw new TidemarkError("USAGE", "backfill needs --from or --trades.", "Use for example --trades 100000.");
    const from_us = from === undefined ? null : usFromIso(from)!;
    if (from_us !== null && from_us > nowUs())
      throw new TidemarkError("USAGE", `--from ${from} is in the future.`, "Give a day or time that is over.");
    const paths = openDataDir(data, logger);
    const release = lockStage(paths, "backfill");
    claimKind(paths, isReplay(feed) ? "replay" : "live");
    const log = await openLog(log_url, paths, { role: "writer", logger });
    const [write, columns] = [(text: string) => void process.stderr.write(text), () => process.stderr.columns || 1e9];
    const progress = new BackfillProgress(write, process.stderr.isTTY === true, columns);
    const limits = { from_us, trades: trades ?? null };
    const backfill = new Backfill({ ...limits, products, rest_url: rest ?? restUrlOf(feed), logger, progress });
    try {
      await backfill.run(log, await walkState(log, paths, products), signal);
    } finally {
      await log.close();
      release();
      const summary = { ...backfill.stats.summary(), products: backfill.products };
      if (json) process.stdout.write(`${JSON.stringify(summary)}\n`);
      else for (const product of backfill.products) logger.info(backfilledText(product));
    }
    return 0;
  },
};

await runCommand(spec, import.meta.main);
