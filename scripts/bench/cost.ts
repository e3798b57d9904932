/** The stream's cost per million messages, which must not grow with products, windows and messages. */
import { NO_BROKER, stageRate } from "./drain.ts";
import { type Bench, type BenchContext, type Figure, MEMORY_MB_MAX, measure, type Skipped } from "./figure.ts";
import { filledLog } from "./logs.ts";
import { BUSY } from "./ticks.ts";

const MESSAGES = 1_000_000;
const CASES = [
  { products: 1, window: "1m" },
  { products: 1, window: "1s" },
  { products: 1, window: "1h" },
  { products: 10, window: "1m" },
  { products: 100, window: "1m" },
];

export const cost: Bench = {
  name: "cost",
  about: "CPU time of stream for a million messages of 1, 10 and 100 products, in windows of 1s, 1m and 1h",
  async run(context) {
    const figures: Figure[] = [];
    for (const { products, window } of CASES) {
      const names = Array.from({ length: products }, (_, i) => (i === 0 ? "BTC-USD" : `COIN${i}-USD`));
      const spec = { ...BUSY, products: names };
      const log = await filledLog(context, "embedded", spec, Math.round(MESSAGES * context.scale));
      const figure = `${products} product${products === 1 ? "" : "s"}, ${window}`;
      const once = async () => {
        const { cpu_s_per_million } = await stageRate("stream", log, ["--window", window]);
        return { [figure]: cpu_s_per_million };
      };
      figures.push(...(await measure("cost", context, { [figure]: { unit: "s" } }, once)));
    }
    return figures;
  },
};

const GROWING = [2_000_000, 20_000_000];

export const memory: Bench = {
  name: "memory",
  about: "peak memory of stream over 2M and over 20M messages, on both logs; 8 GB of disk a log",
  long: true,
  async run(context) {
    const figures: (Figure | Skipped)[] = [];
    for (const kind of ["embedded", "kafka"] as const) {
      if (kind === "kafka" && context.kafka === null) figures.push({ bench: "memory on Kafka", skipped: NO_BROKER });
      else for (const messages of GROWING) figures.push(...(await grown(kind, messages, context)));
    }
    return figures;
  },
};

async function grown(kind: "embedded" | "kafka", messages: number, context: BenchContext): Promise<Figure[]> {
  const log = await filledLog(context, kind, BUSY, Math.round(messages * context.scale));
  const name = `${kind}, ${messages / 1e6}M`;
  const shape = {
    [name]: { unit: "messages/s" },
    [`${name}, peak memory`]: { unit: "MB", goal: { most: MEMORY_MB_MAX } },
  } as const;
  return measure("memory", context, shape, async () => {
    const { rate, peak_mb } = await stageRate("stream", log);
    return { [name]: rate, [`${name}, peak memory`]: peak_mb };
  });
}
