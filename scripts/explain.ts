/** `bun run explain`: one window on both sides, its late ticks, its ticks, and what they recompute to. */
import { explainText, openSources, parseWindowId, windowDetail } from "../web/model/index.ts";
import { dataPaths, replayed } from "./base/data-dir.ts";
import { TidemarkError } from "./base/errors.ts";
import { usFromIso } from "./base/iso.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { DATA_FLAG, JSON_FLAG, timeFlag } from "./command/flags.ts";
import { recomputedText, recomputeSides } from "./window/index.ts";

interface ExplainOptions {
  data: string;
  asOf?: string;
  json?: boolean;
}

/** Ticks that are read: all of any window that fits in memory. */
const TICKS_MAX = 1_000_000;

export const spec: CommandSpec<ExplainOptions> = {
  name: "explain",
  summary:
    "Explains one window: every column of stream and batch, late ticks, revisions, the record that closed it, and the window computed again from its ticks.",
  args: [["<window>", "PRODUCT@START/SIZE, for example BTC-USD@2023-09-05T16:30/1m; START is UTC"]],
  flags: [
    DATA_FLAG,
    {
      flags: "--as-of <time>",
      description: "only what was known then, by the clock of the machine that ran the stages",
      env: "TIDEMARK_AS_OF",
      parse: timeFlag,
    },
    JSON_FLAG,
  ],
  examples: [
    "bun run explain BTC-USD@2023-09-05T16:30/1m",
    "bun run explain BTC-USD@2023-09-05T16:30/5m --data data/replay",
    "bun run explain BTC-USD@2023-09-05T16:30/1m --as-of 2026-11-27T12:00:30 --json",
  ],
  async run({ data, asOf, json }, { args }) {
    const named = parseWindowId(args[0] ?? "");
    const paths = dataPaths(data);
    const sources = openSources(paths);
    try {
      if (sources.windows.db === null && sources.results.db === null) {
        const hint = replayed(paths) ?? "Run the path first: bun run start";
        throw new TidemarkError("NO_DATA", `There are no windows in ${paths.root} yet.`, hint);
      }
      const as_of_us = asOf === undefined ? null : usFromIso(asOf);
      const detail = await windowDetail(sources, named, { as_of_us, limit: TICKS_MAX, archive: true });
      const recomputed = recomputeSides(detail, (iso) => usFromIso(iso) ?? 0);
      const text = json
        ? `${JSON.stringify({ ...detail, recomputed })}\n`
        : explainText(detail, recomputed.map(recomputedText));
      process.stdout.write(text);
      return 0;
    } finally {
      sources.close();
    }
  },
};

await runCommand(spec, import.meta.main);
