/** `bun run witness`: stored minutes against the exchange's own candles, each difference with its rule. */
import { archivedTicks } from "../web/model/index.ts";
import { witnessJson, witnessText, witnessTotals } from "./audit/index.ts";
import { dataPaths } from "./base/data-dir.ts";
import { usFromIso } from "./base/iso.ts";
import { type CommandSpec, runCommand } from "./command/cli.ts";
import { FEED_FLAG, isReplay, REST_FLAG } from "./command/feed-flags.ts";
import { DATA_FLAG, JSON_FLAG, timeFlag } from "./command/flags.ts";
import { restUrlOf } from "./feed/index.ts";
import { runWitness } from "./stages/witness.ts";

interface WitnessFlags {
  data: string;
  feed: string;
  rest?: string;
  product?: string;
  from?: string;
  to?: string;
  json?: boolean;
}

/** Ticks of one page that the archive returns, at most: hundreds of minutes of the busiest day. */
const TICKS_MAX = 5_000_000;

export const spec: CommandSpec<WitnessFlags> = {
  name: "witness",
  summary:
    "Compares stored minutes, and the stream's windows of 1m, with the exchange's own candles, and explains each difference: late ticks, lacking ids, a candle that the exchange revised.",
  flags: [
    DATA_FLAG,
    FEED_FLAG,
    { ...REST_FLAG, description: "where candles and trades are requested (default: the feed's own)" },
    { flags: "--product <id>", description: "the product (default: the first by name)", env: "TIDEMARK_PRODUCT" },
    {
      flags: "--from <time>",
      description: "the first minute, UTC (default: the last whole hour stored)",
      env: "TIDEMARK_FROM",
      parse: timeFlag,
    },
    { flags: "--to <time>", description: "the end, exclusive, UTC", env: "TIDEMARK_TO", parse: timeFlag },
    JSON_FLAG,
  ],
  examples: [
    "bun run witness",
    "bun run witness --from 2026-11-27T14:00 --to 2026-11-27T15:00",
    "bun run witness --data data/replay --feed ws://127.0.0.1:8400 --json",
  ],
  async run({ data, feed, rest, product = null, from, to, json }, { logger, signal }) {
    const paths = dataPaths(data);
    const time = (text?: string) => (text === undefined ? null : usFromIso(text));
    const span = { from_us: time(from), to_us: time(to) };
    const rest_url = rest ?? restUrlOf(feed);
    const isSimulator = isReplay(feed);
    const archived = (of: { product: string; from_us: number; to_us: number }) =>
      archivedTicks(paths, of, TICKS_MAX, signal);
    const report = await runWitness(paths, { product, ...span, rest_url, isSimulator, archived }, { logger, signal });
    process.stdout.write(json ? `${JSON.stringify(witnessJson(report))}\n` : witnessText(report));
    return witnessTotals(report).unexplained === 0 && report.unchecked === null ? 0 : 1;
  },
};

await runCommand(spec, import.meta.main);
