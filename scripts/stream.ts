/** `bun run stream`: log → exact windows in windows.db and stream_csv/. */

import { openDataDir } from "./base/data-dir.ts";
import { formatDuration } from "./base/duration.ts";
import { TidemarkError } from "./base/errors.ts";
import { removeStore } from "./base/sqlite.ts";
import { type CommandSpec, invalid, runCommand } from "./command/cli.ts";
import { DATA_FLAG, durationFlag, JSON_FLAG, LOG_FLAG, POLL_FLAG } from "./command/flags.ts";
import { lockForLog } from "./command/stage-lock.ts";
import type { WindowSpec } from "./contract/window.ts";
import { follow, openLog, readingAgain } from "./log/index.ts";
import { removeCsv } from "./sink/stream-csv.ts";
import { StreamStage } from "./stages/stream.ts";
import { WindowStore } from "./store/index.ts";

interface StreamOptions {
  data: string;
  log: string;
  window: number[];
  every?: number;
  lateness: number;
  maxSkew: number;
  untilEnd?: boolean;
  pollRecords: number;
  flush?: boolean;
  rebuild?: boolean;
  json?: boolean;
}

export const spec: CommandSpec<StreamOptions> = {
  name: "stream",
  summary: "Reads the log and keeps exact windows per product in windows.db and stream_csv/.",
  flags: [
    DATA_FLAG,
    LOG_FLAG,
    {
      flags: "--window <sizes>",
      description: "window size, or several from one pass (10s,1m,1h)",
      env: "TIDEMARK_WINDOW",
      parse: windowSizes,
      default: "1m",
    },
    {
      flags: "--every <duration>",
      description: "a window begins this often (hopping; it divides the size)",
      env: "TIDEMARK_WINDOW_EVERY",
      parse: durationFlag,
    },
    {
      flags: "--lateness <duration>",
      description: "how long a window stays open for late ticks, in event time",
      env: "TIDEMARK_LATENESS",
      parse: durationFlag,
      default: "1m",
    },
    {
      flags: "--max-skew <duration>",
      description: "a tick stamped further ahead than this does not move the watermark",
      env: "TIDEMARK_MAX_SKEW",
      parse: durationFlag,
      default: "1m",
    },
    { flags: "--until-end", description: "stop at what is the end of the log now; open windows stay open" },
    { flags: "--flush", description: "close the windows that are still open at the end, marked as flushed" },
    { flags: "--rebuild", description: "forget windows.db and read the log again from its start" },
    POLL_FLAG,
    JSON_FLAG,
  ],
  examples: [
    "bun run stream",
    "bun run stream --until-end --json",
    "bun run stream --window 10s,1m,1h --lateness 30s --rebuild",
    "bun run stream --log kafka://localhost:9092/raw_prices",
  ],
  async run(options, { logger, signal }) {
    const specs = windowSpecs(options);
    const paths = openDataDir(options.data, logger);
    const release = lockForLog(paths, "stream", options);
    if (options.rebuild) {
      removeStore(paths.windows);
      removeCsv(paths.streamCsv);
    }
    const log = await openLog(options.log, paths, { role: "reader", logger });
    const store = new WindowStore(paths.windows);
    const older = store.olderRules();
    if (older !== null) logger.info(older);
    const lateness_us = asDuration(options.lateness);
    const max_skew_us = asDuration(options.maxSkew);
    const name = log.kind === "embedded" ? "embedded:" : log.name;
    store.keepSettings({ log: name, windows: JSON.stringify(specs), lateness_us, max_skew_us });
    const stage = new StreamStage(store, { windows: specs, lateness_us, max_skew_us }, paths.streamCsv, logger);
    logger.info(`reading ${log.name} into ${specs.map((w) => formatDuration(w.size_us)).join(", ")} windows`);
    try {
      await follow(log, stage, {
        group: store.group("stream"),
        until_end: options.untilEnd === true,
        signal,
        records_max: options.pollRecords,
        logger,
      });
      if (options.flush) stage.flush();
    } finally {
      stage.close();
      await log.close();
      release();
    }
    const summary = { ...stage.stats.summary(), ...stage.counts };
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    else logger.info(`${summary.records} records, ${summary.windows} windows closed, ${summary.late} late ticks`);
    return 0;
  },
};

function windowSizes(text: string): number[] {
  const sizes = text.split(",").map((part) => durationFlag(part));
  if (sizes.some((size) => size === 0)) throw invalid("A window has a size above 0.");
  if (new Set(sizes).size !== sizes.length) throw invalid("Name each window size once.");
  return sizes;
}

/** commander hands a default over as it stands and a flag's value parsed: both become microseconds here. */
function asDuration(value: number | string): number {
  return typeof value === "string" ? durationFlag(value) : value;
}

function windowSpecs(options: StreamOptions): WindowSpec[] {
  const sizes = typeof options.window === "string" ? windowSizes(options.window) : options.window;
  return sizes.map((size_us) => {
    const every_us = options.every ?? size_us;
    if (every_us === 0 || size_us % every_us !== 0) {
      throw new TidemarkError(
        "USAGE",
        `--every ${formatDuration(every_us)} does not divide the window of ${formatDuration(size_us)}.`,
      );
    }
    return { size_us, every_us };
  });
}

await runCommand(readingAgain(spec), import.meta.main);
