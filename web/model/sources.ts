/** Where answers come from: the stages' files, read only, and the log's ends. */
import { readFileSync } from "node:fs";
import { nowUs } from "../../scripts/base/clock.ts";
import { type DataPaths, readKind } from "../../scripts/base/data-dir.ts";
import { type KnownFeedStatus, parseFeedStatus } from "../../scripts/contract/feed-status.ts";
import type { Prices } from "../../scripts/contract/prices.ts";
import { parseScheduleStatus, type ScheduleStatus } from "../../scripts/contract/schedule-status.ts";
import { CostMeter } from "../../scripts/measure/cost-meter.ts";
import { EnergyMeter } from "../../scripts/measure/energy.ts";
import type { LogView } from "./log-view.ts";
import { MetricResults } from "./metric-results.ts";
import { StoreFile } from "./store-file.ts";

/** The stages' files of one data directory. */
export class Sources {
  readonly windows: StoreFile;
  readonly ticks: StoreFile;
  readonly results: StoreFile;
  /** Metrics' results, of `results`. */
  readonly metrics: MetricResults;
  /** Of this process; the server lets it note its points. */
  readonly meter = new CostMeter();
  readonly energy = new EnergyMeter();

  /** `prices`: for money; null: none is shown. */
  constructor(
    readonly paths: DataPaths,
    readonly log: LogView,
    readonly prices: Prices | null = null,
  ) {
    this.windows = new StoreFile(paths.windows);
    this.ticks = new StoreFile(paths.ticks);
    this.results = new StoreFile(paths.results);
    this.metrics = new MetricResults(this.results);
  }

  /** Null before the first `produce`, or when its file can't be understood. */
  feed(): KnownFeedStatus | null {
    return parseFeedStatus(textOf(this.paths.feed));
  }

  /** Null while no `schedule` runs, or before its first batch has ended. */
  schedule(): ScheduleStatus | null {
    return parseScheduleStatus(textOf(this.paths.schedule));
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
  exchangeNowUs(feed: KnownFeedStatus | null): number | null {
    if (this.mode !== "replay") return nowUs();
    const replay = feed?.replay;
    if (!replay) return null;
    return replay.speed ? replay.clock_us + (nowUs() - replay.as_of_us) * replay.speed : replay.clock_us;
  }

  close(): void {
    for (const file of this.#files) file.close();
  }
}

/** "" when the file can't be read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
