/** Where answers come from: the stages' files, read only, and the log's ends. */
import { type DataPaths, readKind } from "../../scripts/base/data-dir.ts";
import { type KnownFeedStatus, parseFeedStatus } from "../../scripts/contract/feed-status.ts";
import type { Prices } from "../../scripts/contract/prices.ts";
import { parseScheduleStatus, type ScheduleStatus } from "../../scripts/contract/schedule-status.ts";
import type { ExchangeClock } from "../../scripts/measure/age.ts";
import { CostMeter } from "../../scripts/measure/cost-meter.ts";
import { EnergyMeter } from "../../scripts/measure/energy.ts";
import { ClosingRows } from "./closing-rows.ts";
import { KeptBars } from "./kept-bars.ts";
import { KeptClosed } from "./kept-closed.ts";
import { KeptText } from "./kept-text.ts";
import type { LogView } from "./log-view.ts";
import { MetricResults } from "./metric-results.ts";
import { MissedRuns } from "./missed-runs.ts";
import { PerCommit } from "./per-commit.ts";
import { RunSnapshots } from "./run-snapshots.ts";
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
  readonly #fromWindows: PerCommit;
  readonly #fromTicks: PerCommit;
  readonly #feed: KeptText<KnownFeedStatus | null>;
  readonly #schedule: KeptText<ScheduleStatus | null>;
  readonly #again: KeptText<string | null>;
  readonly closings: ClosingRows;
  /** Closed windows as the main chart draws them. */
  readonly bars: KeptBars;
  /** Rows of closed windows as other parts show them. */
  readonly closed: KeptClosed;
  readonly runs: RunSnapshots;
  /** Due times at which no run began. */
  readonly missed: MissedRuns;

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
    this.#feed = new KeptText(paths.feed, parseFeedStatus);
    this.#schedule = new KeptText(paths.schedule, parseScheduleStatus);
    this.#again = new KeptText(paths.address, (text) => text.split("\n")[1] || null);
    this.#fromWindows = new PerCommit(this.windows);
    this.#fromTicks = new PerCommit(this.ticks);
    this.closings = new ClosingRows(this.windows);
    this.bars = new KeptBars(this.windows);
    this.closed = new KeptClosed(this.windows);
    this.runs = new RunSnapshots(this.results, this.metrics);
    this.missed = new MissedRuns(this.results);
  }

  /** For what is derived from windows.db: calls `make` once per `name` and commit of the stream. */
  once<T>(name: string, make: () => T): T {
    return this.#fromWindows.once(name, make);
  }

  /** The same of ticks.db, per commit of consume. */
  onceOfTicks<T>(name: string, make: () => T): T {
    return this.#fromTicks.once(name, make);
  }

  /** Null before the first `produce`, or when its file can't be understood. */
  feed(): KnownFeedStatus | null {
    return this.#feed.value;
  }

  /** Null while no `schedule` runs, or before its first batch has ended. */
  schedule(): ScheduleStatus | null {
    return this.#schedule.value;
  }

  /** What to type to play the recording again; null unless `start` plays one here. */
  get again(): string | null {
    return this.#again.value;
  }

  /**
   * Does the work, which must not wait for anything, with what can be read: to it a file that can't
   * be read is empty, and that file's `failure` is set. Of each file it sees one commit.
   */
  leniently<T>(work: () => T): T {
    const before = this.windows.lenient;
    for (const file of this.#files) file.lenient = true;
    try {
      return this.atOneCommit(work);
    } finally {
      for (const file of this.#files) file.lenient = before;
    }
  }

  /**
   * Does the work, which must not wait for anything, on one commit of each file: no count in it
   * contradicts a list.
   */
  atOneCommit<T>(work: () => T): T {
    return this.#files.reduce<() => T>((inner, file) => () => file.atOneCommit(inner), work)();
  }

  get #files(): StoreFile[] {
    return [this.windows, this.ticks, this.results];
  }

  /** What feeds this data directory; null when nothing has yet. */
  get mode(): "live" | "replay" | null {
    return readKind(this.paths);
  }

  /** The same with a replay's speed; null: it has none, or is not known. */
  get kind(): { mode: Sources["mode"]; speed: number | null } {
    return { mode: this.mode, speed: this.feed()?.replay?.speed ?? null };
  }

  /**
   * The exchange's clock: ours when live, the recording's in a replay (docs/semantics.md "Live and
   * replay"). A sentence if a replay has none.
   */
  exchangeClock(feed: KnownFeedStatus | null): ExchangeClock | string {
    if (this.mode !== "replay") return (at_us) => at_us;
    const replay = feed?.replay;
    if (!replay) return "the replay's clock is not known: feed.json is missing";
    const { clock_us, as_of_us, speed } = replay;
    if (speed === null)
      return feed.heartbeats === 0
        ? "the replay's clock is not known before its first heartbeat"
        : "a replay at full speed has no clock to compare with";
    return (at_us) => clock_us + (at_us - as_of_us) * speed;
  }

  close(): void {
    for (const file of this.#files) file.close();
  }
}

/** The files of a data directory for a command, which asks the log nothing. */
export function openSources(paths: DataPaths): Sources {
  const last = { spans: null, asked_us: null, error: null, away_us: null };
  return new Sources(paths, { name: "", last, refresh: () => Promise.resolve() });
}
