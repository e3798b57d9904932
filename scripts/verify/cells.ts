/** How a cell of the matrix is written, and those that must not move unless a fault moves them. */
import type { Bound, Cell, Wanted, When } from "./cell-judge.ts";

export const FEED_LATENCY = "feed latency, since start";
export const INGEST = "ingest latency, since start";
export const LATENCY = "pipeline latency, since start";
export const AGE = "age, since start";
export const LAG = "lag, since start";
export const FINALITY = "finality, since start";
export const COMPLETE = "completeness, since start";
export const COST = "cost, since start";

/** What a process of the path may take on a loaded machine, in milliseconds. Faults are larger. */
export const SOON = 1_200;

export const from = (least: Bound, most: Bound): Wanted => ({ least, most });
/** A time that grows by the length of the fault; it may be larger by what the machine adds. */
export const held = (share: number, plus = 0): Wanted => from(["held", share, plus], ["held", 1.05, SOON]);

/** The age of any answer about a product that is silent. */
export const SILENT = from(["silent", 1, -700], ["silent", 1, SOON]);

/** Of a fault that lasts: its end, and the largest of samples that are taken once per second. */
export const NOW = from(["held", 0.9, -400], ["held", 1, 3_000]);
export const MAX = from(["held", 1, -1_150], ["held", 1, 3_000]);

/** A figure that must not move. */
export const still = (
  side: Cell["side"],
  word: string,
  field: string,
  when: When,
  wanted: Wanted,
  more: Partial<Cell> = {},
): Cell => ({ side, word, field, when, wanted, ...more });
/** A family of /metrics by pipeline, in seconds. */
export const family = (name: string, pipeline: Cell["side"]): string => `tidemark_${name}{pipeline="${pipeline}"}`;
/** A figure in which the fault must be seen. */
export const moves = (...cell: Parameters<typeof still>): Cell => ({ ...still(...cell), moves: true });

const MEAN_ABOVE_PERFECT = { minus: "perfect_mean_ms", row: "L9" };

/** The same as NOW, in seconds. */
export const NOW_S = from(["held", 0.0009, -0.4], ["held", 0.001, 3]);

/** What a process of the path may take; a longer fault allows more, and is still seen. */
const LITTLE = { most: ["soon", 1] } as const;

export const CALM = {
  ingest: still("stream", INGEST, "p99_ms", "after", LITTLE),
  feed: still("stream", FEED_LATENCY, "p50_ms", "after", from(-300, 300)),
  "feed p99": still("stream", FEED_LATENCY, "p99_ms", "after", LITTLE),
  latency: still("stream", LATENCY, "p99_ms", "after", LITTLE),
  "batch latency": still("batch", LATENCY, "p99_ms", "after", from(["rest", 0.5], ["gap", 1.05, SOON])),
  age: still("stream", AGE, "mean_ms", "after", from(-10, 500), MEAN_ABOVE_PERFECT),
  "perfect age": still("stream", AGE, "perfect_mean_ms", "after", from(-300, 500), { row: "L9" }),
  lag: still("stream", LAG, "max_ms", "after", { least: 0, ...LITTLE }),
  "batch lag": still("batch", LAG, "max_ms", "after", from(["rest", 1, -SOON], ["gap", 1, SOON])),
  finality: still("stream", FINALITY, "event_max_ms", "after", from(1_000, 1_400), { row: "L10" }),
  "machine finality": still("stream", FINALITY, "machine_max_ms", "after", { least: 0, ...LITTLE }, { row: "L10" }),
  completeness: still("stream", COMPLETE, "share", "always", from(1, 1), { row: "L2" }),
  "batch completeness": still("batch", COMPLETE, "share", "always", from(0, 1), { row: "L3" }),
  agreement: still("batch", "agreement", "unexplained", "always", from(0, 0)),
  cost: still("stream", COST, "cpu_seconds_per_hour", "after", from(1, 1_800)),
} satisfies Record<string, Cell>;
