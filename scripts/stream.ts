/** `bun run stream`: log → exact windows in windows.db and stream_csv/. */
import { formatDuration } from "./base/duration.ts";
import { plural } from "./base/printable.ts";
import { removeStore } from "./base/sqlite.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { DATA_FLAG, JSON_FLAG, LOG_FLAG, POLL_FLAG } from "./command/flags.ts";
import { LATENESS_FLAG, MAX_SKEW_FLAG, WINDOW_EVERY_FLAG, WINDOW_FLAG, windowSpecs } from "./command/window-flags.ts";
import { readingAgain } from "./log/index.ts";
import { removeCsv } from "./sink/stream-csv.ts";
import { type LogStageOptions, runLogStage } from "./stages/log-stage.ts";
import { StreamStage } from "./stages/stream.ts";
import { WindowStore } from "./store/index.ts";

/** Durations in microseconds. */
interface StreamOptions extends LogStageOptions {
  window: number[];
  every?: number;
  lateness: number;
  maxSkew: number;
  flush?: boolean;
}

export const spec: CommandSpec<StreamOptions> = {
  name: "stream",
  summary: "Reads the log and keeps exact windows per product in windows.db and stream_csv/.",
  flags: [
    DATA_FLAG,
    LOG_FLAG,
    WINDOW_FLAG,
    WINDOW_EVERY_FLAG,
    LATENESS_FLAG,
    MAX_SKEW_FLAG,
    { flags: "--until-end", description: "stop at the current end of the log; open windows stay open" },
    {
      flags: "--flush",
      description: "when it ends, also after Ctrl-C, close the windows that are still open (final = 2)",
    },
    { flags: "--rebuild", description: "remove windows.db and stream_csv/, and read the log again from its start" },
    POLL_FLAG,
    JSON_FLAG,
  ],
  examples: [
    "bun run stream",
    "bun run stream --until-end --json",
    "bun run stream --window 10s,1m,1h --lateness 30s --rebuild",
    "bun run stream --log kafka://localhost:9092/raw_prices",
  ],
  async run(options, context) {
    const windows = windowSpecs(options.window, options.every);
    const { lateness: lateness_us, maxSkew: max_skew_us } = options;
    const stage = await runLogStage(options, context, {
      name: "stream",
      forget: (paths) => {
        removeStore(paths.windows);
        removeCsv(paths.streamCsv);
      },
      openStore: (paths) => new WindowStore(paths.windows),
      settings: { windows: JSON.stringify(windows), lateness_us, max_skew_us },
      openStage: (store, paths) => new StreamStage(store, { windows, lateness_us, max_skew_us }, paths, context.logger),
      into: () => `${windows.map(({ size_us }) => formatDuration(size_us)).join(", ")} windows`,
      atEnd: (stage) => options.flush && stage.flush(),
    });
    const summary = { ...stage.stats.summary(), ...stage.counts };
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    else
      context.logger.info(
        `${plural(summary.records, "record")}, ${plural(summary.windows, "window")} closed, ${plural(summary.late, "late tick")}`,
      );
    return 0;
  },
};

await runCommand(readingAgain(spec), import.meta.main);
