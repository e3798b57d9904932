/** The result of a bench: figures with all their runs, and the goal of each. */
import type { Logger } from "../base/logger.ts";
import { median } from "../base/median.ts";

export interface Figure {
  bench: string;
  figure: string;
  unit: "messages/s" | "rows/s" | "× raw client" | "ms" | "MB" | "s" | "% of a core" | "updates/s" | "×" | "ticks";
  /** One value per run, in the order of the runs. */
  values: number[];
  /** In the figure's unit; without one the figure is there for comparison. */
  goal?: { least: number } | { most: number };
}

/** A bench that can't run here, and why. */
export interface Skipped {
  bench: string;
  skipped: string;
}

export interface BenchContext {
  runs: number;
  /** Multiplies the numbers of messages. */
  scale: number;
  /** A directory of the bench's own, removed afterwards. */
  dir: string;
  /** `kafka://host:port` or `kafka+ssl://…`, its topic unused, or null. */
  kafka: string | null;
  logger: Logger;
  signal: AbortSignal;
}

export interface Bench {
  name: string;
  /** One line for --help and the documents. */
  about: string;
  /** Runs only when it is named. */
  long?: boolean;
  run(context: BenchContext): Promise<(Figure | Skipped)[]>;
}

/** Peak memory of a job, independent of how much it reads. */
export const MEMORY_MB_MAX = 250;

/** The smallest value that at least `share` of the values don't exceed. */
export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? 0;
}

export function isMet({ goal, values }: Figure): boolean | null {
  if (goal === undefined) return null;
  return "least" in goal ? median(values) >= goal.least : median(values) <= goal.most;
}

/**
 * Repeats a measurement and turns its runs into figures: one value of each name per run. A run that a
 * signal interrupts is left out.
 */
export async function measure(
  bench: string,
  context: BenchContext,
  shape: Record<string, Pick<Figure, "unit" | "goal">>,
  once: (run: number) => Promise<Record<string, number>>,
): Promise<Figure[]> {
  const figures = Object.entries(shape).map(([figure, rest]): Figure => ({ bench, figure, ...rest, values: [] }));
  for (let run = 0; run < context.runs && !context.signal.aborted; run++) {
    const values = await once(run).catch((error) => {
      if (context.signal.aborted) return null;
      throw error;
    });
    if (values === null) break;
    for (const one of figures) one.values.push(values[one.figure]!);
    context.logger.info(`${bench}, run ${run + 1} of ${context.runs}: ${shown(values, shape)}`);
  }
  return figures.filter(({ values }) => values.length > 0);
}

function shown(values: Record<string, number>, shape: Record<string, Pick<Figure, "unit">>): string {
  return Object.entries(shape)
    .map(([name, { unit }]) => `${name} ${round(values[name]!)} ${unit}`)
    .join(", ");
}

/** Three significant digits, at most two after the point. */
export function round(value: number): string {
  const places = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(places).replace(/\B(?=(\d{3})+$)/g, places === 0 ? "," : "");
}
