/** The result of a bench: figures with all their runs, and what each of them supports. */
import type { Logger } from "../base/logger.ts";
import { median } from "../base/median.ts";
import { differenceIn, medianCoverage } from "../measure/statistics.ts";
import type { Conditions } from "./conditions.ts";

export interface Figure {
  bench: string;
  figure: string;
  unit:
    | "messages/s"
    | "rows/s"
    | "ms"
    | "MB"
    | "s"
    | "bytes"
    | "kB"
    | "kB/s"
    | "% of a core"
    | "updates/s"
    | "count"
    | "×"
    | "ticks"
    | "ticks/s";
  /** One value per valid run, in the order of the runs. */
  values: number[];
  /** Runs that are named in the report and not in `values`. */
  invalid?: number;
  /** Of a cost: messages per second, or the figure of the same bench that is this rate. */
  at?: number | string;
  /** In the figure's unit; without one the figure is there for comparison. */
  goal?: { least: number } | { most: number };
  /** The values are ratios of pairs: the report shows whether they support a difference. */
  isRatio?: boolean;
}

/** A bench that can't run here, and why. */
export interface Skipped {
  bench: string;
  skipped: string;
}

/** One run: what it measured, under which conditions, and whether it counts. */
export interface RunRecord {
  bench: string;
  /** The figures' common part, where a bench measures several things. */
  part: string;
  /** Counts from 1. */
  run: number;
  /** By figure; null: too few samples for a percentile. */
  values: Record<string, number | null>;
  /** Why the run does not count; null if it does. */
  invalid: string | null;
  conditions: Conditions;
  /** Steal or other processes above their limits: the run counts, and is marked. */
  disturbed: string[];
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
  /** Every run so far. */
  records: RunRecord[];
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

/** A figure's runs in numbers; nulls when no run counts. */
export function summaryOf({ values, invalid, isRatio }: Figure) {
  const isEmpty = values.length === 0;
  return {
    median: isEmpty ? null : median(values),
    min: isEmpty ? null : Math.min(...values),
    max: isEmpty ? null : Math.max(...values),
    n: values.length,
    coverage: medianCoverage(values.length),
    invalid: invalid ?? 0,
    ...(isRatio && { difference: differenceIn(values) }),
  };
}

/** Whether the median meets the goal, for the reader: no test judges it. Null without one or the other. */
export function isMet({ goal, values }: Figure): boolean | null {
  if (goal === undefined || values.length === 0) return null;
  return "least" in goal ? median(values) >= goal.least : median(values) <= goal.most;
}

/** Three significant digits, at most two after the point. */
export function round(value: number): string {
  const places = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  const digits = value.toFixed(places).replace(/^-(?=[0.]+$)/, "");
  return digits.replace(/\B(?=(\d{3})+$)/g, places === 0 ? "," : "");
}
