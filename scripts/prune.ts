/** `bun run prune`: takes ticks that are in the archive out of ticks.db; every answer stays the same. */
import { prune } from "./archive/pruning.ts";
import { nowUs } from "./base/clock.ts";
import { openDataDir } from "./base/data-dir.ts";
import { TidemarkError } from "./base/errors.ts";
import { plural } from "./base/printable.ts";
import { openDatabase } from "./base/sqlite.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { DATA_FLAG, durationFlag, JSON_FLAG } from "./command/flags.ts";
import { lockStage } from "./command/stage-lock.ts";
import { TICKS_SCHEMA, WalRelief } from "./store/index.ts";

interface PruneFlags {
  data: string;
  /** Microseconds. */
  retain: number;
  json?: boolean;
}

export const spec: CommandSpec<PruneFlags> = {
  name: "prune",
  summary:
    "Takes ticks that are in the archive out of ticks.db, oldest first; answers stay the same, duplicates are still refused. The file keeps its size, and new ticks use the room.",
  flags: [
    DATA_FLAG,
    {
      flags: "--retain <duration>",
      description: "keep ticks that the log took within this time",
      env: "TIDEMARK_PRUNE_RETAIN",
      default: "7d",
      parse: durationFlag,
    },
    JSON_FLAG,
  ],
  examples: ["bun run prune", "bun run prune --retain 1d --json"],
  async run(options, { logger, signal }) {
    const paths = openDataDir(options.data, logger);
    if (!(await Bun.file(paths.ticks).exists())) {
      throw new TidemarkError("NO_DATA", `There is no ${paths.ticks} yet, so there is nothing to prune.`);
    }
    const release = lockStage(paths, "batch");
    const db = openDatabase(paths.ticks, { ...TICKS_SCHEMA, check: "rows" }, "NORMAL", 0);
    const relief = new WalRelief(db, paths.ticks);
    try {
      const before_us = nowUs() - options.retain;
      const pruned = prune(db, { archive: paths.archive, before_us, signal, relieve: () => relief.step() });
      if (options.json) process.stdout.write(`${JSON.stringify({ pruned })}\n`);
      else logger.info(`${plural(pruned, "tick")} pruned from ${paths.ticks}, kept in ${paths.archive}`);
    } finally {
      try {
        relief.end();
      } finally {
        db.close();
        release();
      }
    }
    return 0;
  },
};

await runCommand(spec, import.meta.main);
