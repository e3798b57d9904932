/** Where answers come from: the stages' files, read only, and the log's ends. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { nowUs } from "../../scripts/base/clock.ts";
import { type DataPaths, readKind } from "../../scripts/base/data-dir.ts";
import type { LogView } from "./log-view.ts";
import { MetricResults } from "./metric-results.ts";
import { StoreFile } from "./store-file.ts";

/** What `produce` reports in feed.json, once a second. */
const feedSchema = z.object({
  state: z.string(),
  waiting_for: z.string().nullable(),
  kind: z.enum(["live", "replay"]),
  channel: z.string(),
  products: z.array(z.string()),
  as_of_us: z.number(),
  newest_us: z.number().nullable(),
  latency_p50_ms: z.number().nullable(),
  latency_p99_ms: z.number().nullable(),
  buffered: z.number(),
  reconnects: z.number(),
  outages: z.number(),
  incomplete: z.number(),
  garbled: z.number(),
  gaps_open: z.number(),
  replay: z.object({ clock_us: z.number(), as_of_us: z.number(), speed: z.number().nullable() }).nullable(),
  run_pid: z.number(),
  run_started_us: z.number(),
  run_records: z.number(),
  run_cpu_us: z.number(),
  run_peak_rss_bytes: z.number(),
  /** Absent from files of an older `produce`. */
  last_tick_us: z.number().nullish(),
  lost_since_tick: z.number().nullish(),
  problems: z.unknown().optional(),
});
export type Feed = z.infer<typeof feedSchema>;

/** What `schedule` reports after each run; it removes schedule.json when it is stopped. */
const scheduleSchema = z.object({
  pid: z.number(),
  due_us: z.number().nullable(),
  began_us: z.number(),
  status: z.number(),
});
export type Schedule = z.infer<typeof scheduleSchema>;

export class Sources {
  readonly windows: StoreFile;
  readonly ticks: StoreFile;
  readonly results: StoreFile;
  /** Metrics' results, of `results`. */
  readonly metrics: MetricResults;

  constructor(
    readonly paths: DataPaths,
    readonly log: LogView,
  ) {
    this.windows = new StoreFile(paths.windows);
    this.ticks = new StoreFile(paths.ticks);
    this.results = new StoreFile(paths.results);
    this.metrics = new MetricResults(this.results);
  }

  /** Null before the first `produce`, or when its file can't be understood. */
  feed(): Feed | null {
    return parsed(this.paths.feed, feedSchema);
  }

  /** Null while no `schedule` runs, or before its first batch has ended. */
  schedule(): Schedule | null {
    return parsed(this.paths.schedule, scheduleSchema);
  }

  /**
   * Does the work, which must not wait for anything, with what can be read: to it a file that can't
   * be read is empty, and that file's `failure` is set.
   */
  leniently<T>(work: () => T): T {
    const before = this.windows.lenient;
    for (const file of this.#files) file.lenient = true;
    try {
      return work();
    } finally {
      for (const file of this.#files) file.lenient = before;
    }
  }

  get #files(): StoreFile[] {
    return [this.windows, this.ticks, this.results];
  }

  /** What feeds this data directory; null when nothing has yet. */
  get mode(): "live" | "replay" | null {
    return readKind(this.paths);
  }

  /**
   * The exchange's time now, microseconds: ours when live, the recording's clock in a replay
   * (docs/semantics.md "Live and replay"). Null when a replay's clock isn't known.
   */
  exchangeNowUs(feed: Feed | null): number | null {
    if (this.mode !== "replay") return nowUs();
    const replay = feed?.replay;
    if (!replay) return null;
    return replay.speed ? replay.clock_us + (nowUs() - replay.as_of_us) * replay.speed : replay.clock_us;
  }

  close(): void {
    for (const file of this.#files) file.close();
  }
}

function parsed<T>(path: string, schema: z.ZodType<T>): T | null {
  try {
    return schema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return null;
  }
}
