/** The stream's cost per million messages, which must not grow with products, windows and messages. */
import { plural } from "../base/printable.ts";
import { stageRate } from "./drain.ts";
import { type Bench, type Figure, MEMORY_MB_MAX, type Skipped } from "./figure.ts";
import { type FilledLog, filledLog } from "./logs.ts";
import { measure, onBothLogs, type Side } from "./repeat.ts";
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
  about:
    "CPU time of stream for a million messages at full speed, of 1, 10 and 100 products, in windows of 1s, 1m and 1h",
  async run(context) {
    const figures: Figure[] = [];
    for (const { products, window } of CASES) {
      const names = Array.from({ length: products }, (_, i) => (i === 0 ? "BTC-USD" : `COIN${i}-USD`));
      const spec = { ...BUSY, products: names };
      const log = await filledLog(context, "embedded", spec, Math.round(MESSAGES * context.scale));
      const figure = `${plural(products, "product")}, ${window}`;
      const once = async () => {
        const { cpu_s_per_million, rate } = await stageRate("stream", log, ["--window", window]);
        return { [figure]: cpu_s_per_million, [`${figure}, rate`]: rate };
      };
      const shape = {
        [figure]: { unit: "s", at: `${figure}, rate` },
        [`${figure}, rate`]: { unit: "messages/s" },
      } as const;
      figures.push(...(await measure("cost", context, shape, once, { part: figure })));
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
    for (const messages of GROWING) {
      const logs = new Map<string, FilledLog>();
      for (const kind of context.kafka === null ? (["embedded"] as const) : (["embedded", "kafka"] as const))
        logs.set(kind, await filledLog(context, kind, BUSY, Math.round(messages * context.scale)));
      const side = (kind: string) => grown(`${kind}, ${messages / 1e6}M`, logs.get(kind)!);
      const found = await onBothLogs("memory", context, side, []);
      figures.push(...found.filter((one) => messages === GROWING[0] || !("skipped" in one)));
    }
    return figures;
  },
};

function grown(part: string, log: FilledLog): Side {
  const peak = `${part}, peak memory`;
  return {
    part,
    shape: { [part]: { unit: "messages/s" }, [peak]: { unit: "MB", goal: { most: MEMORY_MB_MAX } } },
    once: async () => {
      const { rate, peak_mb } = await stageRate("stream", log);
      return { [part]: rate, [peak]: peak_mb };
    },
  };
}
