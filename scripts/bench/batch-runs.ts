/** The batch as whole processes, over 1M and 10M stored ticks with 10,000 new ones since its last run. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Bench, type BenchContext, type Figure, MEMORY_MB_MAX, measure } from "./figure.ts";
import { append } from "./logs.ts";
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
    const figures: Figure[] = [];
    const tails: number[][] = [];
    for (const size of SIZES) {
      const { figures: ofSize, tail } = await over(size, context);
      figures.push(...ofSize);
      tails.push(tail);
    }
    // Fewer after a signal.
    const growth = tails[1]!.map((seconds, run) => seconds / tails[0]![run]!);
    const goal = { most: TAIL_GROWTH_MAX };
    if (growth.length === 0) return figures;
    return [...figures, { bench: "batch", figure: "10k new: 10M ÷ 1M", unit: "×", values: growth, goal }];
  },
};

/** `tail`: seconds of the summary in each run. */
async function over(size: number, context: BenchContext): Promise<{ figures: Figure[]; tail: number[] }> {
  const data = mkdtempSync(join(context.dir, "batch-"));
  const stores = new Stores(data, context);
  const name = `${size / 1e6}M`;
  const summary = `${name}, ${SUMMARY}`;
  const [all, peak] = [`${name}, all metrics`, `${summary}, peak memory`];
  try {
    await stores.grow(Math.round(size * context.scale));
    const first = await runStage("batch", ["--data", data, "--json"]);
    const shape = {
      [summary]: { unit: "s", goal: { most: SUMMARY_S_MAX[size]! } },
      [peak]: { unit: "MB", goal: { most: MEMORY_MB_MAX } },
      [all]: { unit: "s", goal: { most: ALL_S_MAX } },
    } as const;
    const figures = await measure("batch", context, shape, async () => {
      await stores.grow(NEW_TICKS);
      const one = await runStage("batch", ["--data", data, "--metric", SUMMARY, "--json"]);
      await stores.grow(NEW_TICKS);
      const every = await runStage("batch", ["--data", data, "--json"]);
      return { [summary]: one.seconds, [peak]: one.peak_mb, [all]: every.seconds };
    });
    const archive: Figure = {
      bench: "batch",
      figure: `${name}, the first run, all of it new`,
      unit: "s",
      values: [first.seconds],
    };
    return { figures: [archive, ...figures], tail: figures[0]?.values ?? [] };
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
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
