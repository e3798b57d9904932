/** The batch as whole processes, over 1M and 10M stored ticks with 10,000 new ones since its last run. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Bench, type BenchContext, type Figure, MEMORY_MB_MAX } from "./figure.ts";
import { append } from "./logs.ts";
import { measureSides, type Side } from "./repeat.ts";
import { runStage } from "./stage.ts";
import { BUSY, TickMaker } from "./ticks.ts";

const SIZES = [1_000_000, 10_000_000];
const NEW_TICKS = 10_000;
const SUMMARY = "market_summary";
const SUMMARY_S_MAX: Record<number, number> = { 1000000: 0.3, 10000000: 0.6 };
const ALL_S_MAX = 2.5;
const TAIL_GROWTH_MAX = 1.5;

export const batch: Bench = {
  name: "batch",
  about: "batch over 1M and 10M stored ticks with 10,000 new ones: the summary alone, and all metrics",
  async run(context) {
    const dirs = SIZES.map(() => mkdtempSync(join(context.dir, "batch-")));
    try {
      const first: Figure[] = [];
      const sides: Side[] = [];
      for (const [i, size] of SIZES.entries()) {
        const stores = new Stores(dirs[i]!, context);
        await stores.grow(Math.round(size * context.scale));
        const { seconds } = await runStage("batch", ["--data", dirs[i]!, "--json"]);
        const figure = `${nameOf(size)}, the first run, all of it new`;
        first.push({ bench: "batch", figure, unit: "s", values: [seconds] });
        sides.push(over(size, dirs[i]!, stores));
      }
      const [over10, over1] = SIZES.toReversed().map((size) => `${nameOf(size)}, ${SUMMARY}`) as [string, string];
      const growth = { figure: "10k new: 10M ÷ 1M", of: over10, over: over1, goal: { most: TAIL_GROWTH_MAX } };
      return [...first, ...(await measureSides("batch", context, sides, [growth]))];
    } finally {
      for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
    }
  },
};

const nameOf = (size: number) => `${size / 1e6}M`;

/** Each run has 10,000 new ticks for the summary, and as many for all metrics. */
function over(size: number, data: string, stores: Stores): Side {
  const part = nameOf(size);
  const summary = `${part}, ${SUMMARY}`;
  const [all, peak] = [`${part}, all metrics`, `${summary}, peak memory`];
  return {
    part,
    shape: {
      [summary]: { unit: "s", goal: { most: SUMMARY_S_MAX[size]! } },
      [peak]: { unit: "MB", goal: { most: MEMORY_MB_MAX } },
      [all]: { unit: "s", goal: { most: ALL_S_MAX } },
    },
    once: async () => {
      await stores.grow(NEW_TICKS);
      const one = await runStage("batch", ["--data", data, "--metric", SUMMARY, "--json"]);
      await stores.grow(NEW_TICKS);
      const every = await runStage("batch", ["--data", data, "--json"]);
      return { [summary]: one.seconds, [peak]: one.peak_mb, [all]: every.seconds };
    },
  };
}

/** ticks.db and windows.db as consume and stream make them from a log that grows. */
class Stores {
  readonly #maker = new TickMaker(BUSY);

  constructor(
    private readonly data: string,
    private readonly context: BenchContext,
  ) {}

  async grow(count: number): Promise<void> {
    await append("embedded:", this.data, this.#maker, count, this.context);
    for (const stage of ["consume", "stream"]) await runStage(stage, ["--data", this.data, "--until-end", "--json"]);
  }
}
