/** The matrix as data: what is done to the path, which figures must move by how much, which must not. */

import type { Cell, Sample } from "./cell-judge.ts";
import {
  AGE,
  CALM,
  COMPLETE,
  COST,
  FEED_LATENCY,
  FINALITY,
  family,
  from,
  held,
  INGEST,
  LAG,
  LATENCY,
  MAX,
  moves,
  NOW,
  NOW_S,
  SILENT,
  SOON,
  still,
} from "./cells.ts";
import type { InjectionName } from "./injections.ts";
import type { FeedPlan } from "./synthetic-feed.ts";

type Seconds = readonly [before: number, held: number, after: number];

export interface Scenario {
  name: string;
  /** What is true, in one sentence. */
  truth: string;
  injection: InjectionName;
  feed: FeedPlan;
  /** Allowed lateness of the stream. */
  lateness: string;
  /** Whether the recording ends: before the fault, after it, or not in this scenario. */
  ends: "before" | "after" | "never";
  seconds: { short: Seconds; whole: Seconds };
  /** A run this often, in these phases; null: only as the scenario needs it. */
  batch_every_s: number | null;
  runs: Sample["phase"][];
  /** The runs are started by `schedule` this often instead. */
  schedule: string | null;
  /** Names of calm cells that the fault moves. */
  moved: (keyof typeof CALM)[];
  cells: Cell[];
}

const FEED: FeedPlan = { rate: 200, speed: 1, to_minute_s: 2 };
const BASE = {
  feed: FEED,
  lateness: "1s",
  ends: "never",
  seconds: { short: [3, 2.5, 3.5], whole: [8, 8, 8] },
  batch_every_s: 2.5,
  runs: ["before", "during", "after"],
  schedule: null,
  moved: [],
} as const satisfies Omit<Scenario, "name" | "truth" | "injection" | "cells">;

/** From the process's start to its newest point, which is at most ten seconds old. */
const RATE = from(["rate", 0.4], ["rate", 2]);
const WAL_BYTES = from(["disk_bytes", 0.7], ["disk_bytes", 1.3]);
/** 16 to 25 % are missing when children and the end of a run are not counted. */
const BATCH_COST = from(["batch_cost", 0.86], ["batch_cost", 1.6]);

const NOT_ZERO = { least: 0.5, none: "/metrics has no tidemark" };

export const MATRIX: Scenario[] = [
  {
    ...BASE,
    name: "control",
    truth: "nothing is done",
    injection: "nothing",
    cells: [
      still("batch", FINALITY, "event_max_ms", "after", from(1_000, 1_400), { row: "L10" }),
      still("batch", FINALITY, "machine_max_ms", "after", from(1, ["gap", 1.05, SOON]), { row: "L10" }),
      still("stream", LATENCY, "p50_ms", "after", from(0.1, 500)),
      still("stream", INGEST, "p50_ms", "after", from(0, 500)),
      still("stream", "age, now", "age_ms", "after", SILENT, { quiet: true, row: "L8, L9" }),
      still("stream", "age, now", "perfect_ms", "after", SILENT, { quiet: true, row: "L9" }),
      still("batch", "age, now", "age_ms", "after", SILENT, { quiet: true, row: "L8" }),
      still("stream", "lag, now", "lag_ms", "after", from(0, 0), { quiet: true }),
      still("batch", "lag, now", "lag_ms", "after", from(0, 0), { quiet: true }),
      still("stream", LATENCY, "p50_ms", "after", { text: "wall time" }, { row: "L12" }),
      still("stream", AGE, "mean_ms", "after", { text: "recording" }, { row: "L12" }),
    ],
  },
  {
    ...BASE,
    name: "log stalled",
    truth: "the write lock of log.db is held",
    injection: "log stalled",
    moved: ["ingest", "latency", "age", "lag", "batch latency", "batch lag", "machine finality"],
    cells: [
      moves("stream", INGEST, "p99_ms", "after", held(0.8), { row: "L1" }),
      moves("stream", LATENCY, "p99_ms", "after", held(0.8), { row: "L1" }),
      moves("stream", LAG, "max_ms", "after", MAX, { row: "L1" }),
      moves("stream", AGE, "max_ms", "after", MAX, { row: "L1" }),
    ],
  },
  {
    ...BASE,
    name: "stream stopped",
    truth: "stream is stopped by SIGSTOP",
    injection: "stream stopped",
    seconds: { short: [3, 2.5, 3.5], whole: [8, 20, 8] },
    moved: ["latency", "age", "lag", "machine finality", "batch completeness"],
    cells: [
      moves("stream", "lag, now", "lag_ms", "during", NOW),
      moves("stream", "age, now", "age_ms", "during", NOW),
      moves("stream", "", family("lag_seconds", "stream"), "during", NOW_S),
      moves("stream", "", family("age_seconds", "stream"), "during", NOW_S),
      moves("stream", LAG, "max_ms", "after", MAX),
      moves("stream", AGE, "max_ms", "after", MAX),
      moves("stream", LATENCY, "p99_ms", "after", held(0.8)),
      still("batch", COMPLETE, "share", "always", { most: 1 }, { row: "L2" }),
    ],
  },
  {
    ...BASE,
    name: "consume stopped",
    truth: "consume is stopped by SIGSTOP",
    injection: "consume stopped",
    seconds: { short: [3, 5, 3], whole: [8, 20, 6] },
    batch_every_s: 1.5,
    moved: ["batch latency", "batch lag"],
    cells: [
      moves("batch", "lag, now", "lag_ms", "during", from(["held", 0.9], ["overdue", 1, SOON])),
      moves("batch", "age, now", "age_ms", "during", from(["held", 0.9], ["overdue", 1, SOON])),
      moves("batch", LAG, "max_ms", "after", from(["held", 0.8], ["overdue", 1.05, SOON])),
      moves("batch", LATENCY, "p99_ms", "after", from(["held", 0.8], ["overdue", 1.05, SOON])),
      moves("batch", "", family("lag_seconds", "batch"), "during", { least: ["held", 0.0009] }),
      moves("batch", COMPLETE, "share", "during", from(0.05, 0.9), { row: "L3" }),
    ],
  },
  {
    ...BASE,
    name: "run in progress",
    truth: "a run of the batch is stopped in its middle",
    injection: "run in progress",
    runs: ["before", "after"],
    moved: ["batch lag"],
    cells: [
      moves("batch", "lag, now", "lag_ms", "during", from(["held", 1], ["overdue", 1, SOON])),
      moves("batch", "age, now", "age_ms", "during", from(["held", 1], ["overdue", 1, SOON])),
      moves("batch", LAG, "max_ms", "after", from(["held", 1], ["gap", 1, SOON])),
      still("batch", COST, "cpu_seconds_per_million_ticks", "ratio", from(0.6, 1.4), { row: "L5" }),
    ],
  },
  {
    ...BASE,
    name: "stream killed",
    truth: "stream is killed and started again",
    injection: "stream killed",
    moved: ["latency", "age", "lag", "cost", "batch latency", "batch lag", "ingest", "finality", "machine finality"],
    cells: [
      moves("stream", "lag, now", "lag_ms", "during", NOW),
      moves("stream", "age, now", "age_ms", "during", NOW),
      moves("stream", LATENCY, "p99_ms", "after", from(["held", 0.8], ["held", 1, 6_000])),
    ],
  },
  {
    ...BASE,
    name: "feed ended",
    truth: "the recording has ended, and nothing follows",
    injection: "feed ended",
    ends: "before",
    seconds: { short: [7, 3.5, 0.5], whole: [15, 20, 1] },
    moved: ["batch latency", "batch lag"],
    cells: [
      moves("stream", "age, now", "age_ms", "during", { least: ["held", 0.7], none: "ended" }, { row: "L11" }),
      moves("batch", "age, now", "age_ms", "during", { least: ["held", 0.7], none: "ended" }, { row: "L11" }),
      moves("stream", "", family("age_seconds", "stream"), "during", NOT_ZERO, { row: "L11" }),
      moves("batch", "", family("age_seconds", "batch"), "during", NOT_ZERO, { row: "L11" }),
      moves("stream", "", family("freshness_seconds", "stream"), "during", NOT_ZERO, { row: "L11" }),
      moves("stream", "", "tidemark_feed_ended_timestamp_seconds", "after", { least: 1_700_000_000 }, { row: "L11" }),
      still("stream", AGE, "mean_ms", "drift", from(-100, 100), { row: "L11" }),
      still("stream", "lag, now", "lag_ms", "after", { least: 0, most: 0, none: "ended" }),
      still("batch", "lag, now", "lag_ms", "after", { least: 0, most: 0, none: "ended" }, { row: "L8" }),
      still("batch", COMPLETE, "share", "after", from(1, 1), { row: "L3" }),
    ],
  },
  {
    ...BASE,
    name: "ticks late",
    truth: "one tick of 80 comes 90 s of the recording late, which is played at 30 times its speed",
    injection: "nothing",
    feed: { rate: 200, speed: 30, to_minute_s: 30, late_every: 80 },
    ends: "after",
    moved: ["feed p99", "completeness", "age", "perfect age", "finality"],
    cells: [
      moves("stream", COMPLETE, "lacking", "after", from(["late", 1], ["late", 1]), { row: "L2" }),
      moves("stream", "completeness curve", "never", "after", from(0.005, 0.013)),
      still("batch", COMPLETE, "share", "after", from(1, 1), { row: "L3" }),
      still("batch", "completeness curve", "never", "after", from(0, 0)),
      still("stream", FINALITY, "event_max_ms", "after", from(1_000, 2_000)),
      still("stream", AGE, "mean_ms", "after", from(-3_000, 15_000), { minus: "perfect_mean_ms" }),
      moves("batch", AGE, "max_ms", "after", from(["rest", 30, -36_000], ["gap", 30, 36_000]), { row: "L12" }),
    ],
  },
  {
    ...BASE,
    name: "ticks lost and repeated",
    truth: "the exchange does not send one tick of 50, and sends every second one twice",
    injection: "nothing",
    feed: { ...FEED, drop_every: 50, twice_every: 2 },
    ends: "after",
    cells: [
      moves("stream", "", "missing_trade_ids", "after", from(["dropped", 1, -1], ["dropped", 1])),
      moves("stream", "", "tidemark_duplicates_total", "after", from(["twice", 1, -1], ["twice", 1, 1])),
      still("stream", COST, "ticks_per_second", "after", RATE, { row: "L6" }),
      still("batch", COMPLETE, "share", "after", from(1, 1)),
    ],
  },
  ...[2, -2].map(
    (skew_s): Scenario => ({
      ...BASE,
      name: skew_s > 0 ? "exchange ahead" : "exchange behind",
      truth: `the exchange's clock is ${Math.abs(skew_s)} s ${skew_s > 0 ? "ahead of" : "behind"} ours`,
      injection: "nothing",
      feed: { ...FEED, to_minute_s: 2 + skew_s, skew_s },
      seconds: { short: [3, 0, 3], whole: [8, 0, 8] },
      batch_every_s: null,
      moved: ["feed", "feed p99", "batch latency", "batch lag", "batch completeness"],
      cells: [
        moves("stream", FEED_LATENCY, "p50_ms", "after", from(["skew", -1, -300], ["skew", -1, 300])),
        moves("stream", "clock offset", "low_ms", "after", from(["skew", 1, -500], ["skew", 1])),
        moves("stream", "clock offset", "high_ms", "after", from(["skew", 1], ["skew", 1, 500])),
      ],
    }),
  ),
  {
    ...BASE,
    name: "stored tick deleted",
    truth: "a tick is deleted from ticks.db",
    injection: "stored tick deleted",
    feed: { ...FEED, to_minute_s: 3 },
    ends: "after",
    seconds: { short: [1, 0.5, 5.5], whole: [1, 0.5, 10] },
    runs: ["after"],
    moved: ["agreement", "batch latency", "batch lag"],
    cells: [
      moves("batch", "agreement", "unexplained", "after", from(1, 1)),
      moves("batch", COMPLETE, "lacking", "after", from(1, 1), { row: "L3" }),
    ],
  },
  {
    ...BASE,
    name: "machine used",
    truth: "another program uses what the processors have left, and a reader holds a snapshot of windows.db",
    injection: "machine used",
    ends: "after",
    seconds: { short: [1, 19, 1], whole: [1, 31, 1] },
    batch_every_s: null,
    schedule: "3s",
    moved: ["batch latency", "batch lag"],
    cells: [
      moves(
        "stream",
        "cost, machine",
        "unattributed_cpu_seconds",
        "after",
        from(["unattributed_cores", 0.5], ["unattributed_cores", 1.6, 0.2]),
        { over: "span_seconds" },
      ),
      moves("stream", COST, "disk_bytes", "during", WAL_BYTES),
      moves("stream", "", 'tidemark_stage_disk_bytes{stage="stream"}', "during", WAL_BYTES),
      still(
        "stream",
        COST,
        "cpu_seconds_per_million_ticks",
        "after",
        from(["stream_cost", 0.8], ["stream_cost", 1.25]),
      ),
      still("batch", "cost, all metrics", "cpu_seconds_per_million_ticks", "after", BATCH_COST, { row: "L4, L13" }),
      still("stream", COST, "written_bytes_per_tick", "after", from(["written", 0.7], ["written", 1.4]), { row: "L7" }),
      still("stream", COST, "ticks_per_second", "after", RATE, { row: "L6" }),
      still("batch", COST, "ticks_per_second", "after", RATE, { row: "L6" }),
    ],
  },
];

/** The cells of a scenario: its own, and the calm ones that it does not move. */
export function cellsOf({ moved, cells }: Scenario): Cell[] {
  const calm = Object.entries(CALM).filter(([name]) => !moved.some((one) => one === name));
  return [...cells, ...calm.map(([, cell]) => cell)];
}
