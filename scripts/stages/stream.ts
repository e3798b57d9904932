/** The stream stage: records of the log → the window job → one commit of windows.db and stream_csv/. */
import { nowUs } from "../base/clock.ts";
import type { DataPaths } from "../base/data-dir.ts";
import { diePoint } from "../base/die-point.ts";
import { formatDuration } from "../base/duration.ts";
import { FencedError } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { LogBatch, LogPosition } from "../contract/log.ts";
import type { DeadLetter, FullTick } from "../contract/tick.ts";
import type { ProductRow, WindowRow } from "../contract/window.ts";
import type { Parsed } from "../message/index.ts";
import { WindowCsv } from "../sink/stream-csv.ts";
import { type Counters, MovedError, type WindowStore } from "../store/index.ts";
import { type JobSettings, type StepResult, WindowJob } from "../window/index.ts";
import { closingsOf } from "./closings.ts";
import { FeedClock } from "./feed-clock.ts";
import { noProgressMs } from "./progress.ts";
import { SkewWatch } from "./skew.ts";
import { type Portion, StoreJob } from "./store-job.ts";
import { StreamMeasures } from "./stream-measures.ts";

type StreamPaths = Pick<DataPaths, "streamCsv" | "feed">;

export class StreamStage extends StoreJob<WindowStore> {
  readonly counts = {
    ...{ ticks: 0, duplicates: 0, late: 0, skewed: 0, malformed: 0, windows: 0, revisions: 0 },
    /** Trades that `backfill` has loaded, and its notes: only `consume` takes them. */
    skipped: 0,
  };
  readonly #job: WindowJob;
  readonly #csv: [size_us: number, file: WindowCsv][];
  readonly #skew: SkewWatch;
  readonly #measures: StreamMeasures;
  /** Event-time high marks, by product: a commit that raises one is progress. */
  readonly #marks = new Map<string, number>();
  /** Records of the open step that are not valid. */
  #dead: DeadLetter[] = [];

  /** `paths`: of stream_csv/, and of feed.json. */
  constructor(store: WindowStore, settings: JobSettings, paths: StreamPaths, logger: Logger) {
    const smallest_us = Math.min(...settings.windows.map(({ size_us }) => size_us));
    const limit_ms = noProgressMs(2 * smallest_us + settings.lateness_us);
    super(store, logger, { quotes: false, limit_ms, skipsHistory: true });
    this.#skew = new SkewWatch(this.problems, logger, settings.max_skew_us);
    this.#job = new WindowJob(settings, store);
    const clock = new FeedClock(paths.feed);
    this.#measures = new StreamMeasures(store, this.#skew, clock, this.stats.started_us, smallest_us, () => [
      ...this.positions.keys(),
    ]);
    this.#csv = settings.windows.map(({ size_us }) => {
      const name = `windows_${formatDuration(size_us)}.csv`;
      return [size_us, new WindowCsv(paths.streamCsv, name, () => store.closedRows(size_us))];
    });
    store.derive(() => this.#derive([]));
  }

  /** What is in memory may be older than what another process has committed, so it is forgotten. */
  override assign(partition: number): LogPosition {
    this.#job.reset();
    this.#measures.reset();
    return super.assign(partition);
  }

  override revoke(partitions: number[]): void {
    this.#job.reset();
    this.#measures.reset();
    super.revoke(partitions);
  }

  /**
   * Closes all open windows (`--flush`), also those of partitions that other processes own: they are
   * taken over. If another process flushes at the same moment, its flush counts.
   */
  flush(): void {
    this.#job.reset();
    this.#measures.reset();
    const partitions = [...this.store.positions().keys()];
    const positions = new Map(partitions.map((partition) => [partition, this.store.take(partition)]));
    this.#job.flush(this.store.productIds());
    try {
      this.#commit({ positions, records: 0, firsts: new Map(), lost: 0 }, []);
    } catch (error) {
      if (!(error instanceof FencedError)) throw error;
    }
  }

  override close(): void {
    super.close();
    for (const [, csv] of this.#csv) csv.close();
  }

  protected override take(batches: LogBatch[]): void {
    while (!this.#step(batches));
    this.#measures.latencies(batches, this.skipped);
    this.skipped.clear();
  }

  protected override tick(tick: FullTick): void {
    this.#job.tick(tick, this.at);
  }

  protected override other(record: Exclude<Parsed, { kind: "tick" }>, value: Uint8Array): void {
    if (record.kind === "heartbeat") {
      this.store.order.product(record.product_id, this.at.offset);
      this.#job.heartbeat(record.product_id, record.time_us, this.at);
    } else if (record.kind === "unissued") {
      this.store.order.product(record.unissued.product_id, this.at.offset);
      this.#job.unissued(record.unissued, this.at);
    } else if (record.kind === "dead")
      this.#dead.push({ ...this.at, reason: record.reason, value: record.frame ?? value.slice() });
  }

  protected override get ticks(): number {
    return this.counts.ticks;
  }

  protected override saveFigures(figures: Counters, isLast: boolean): void {
    this.#measures.save({ ...figures, run_unreceived: this.#measures.unreceived }, isLast);
  }

  /** A CSV file that was removed is written again. */
  protected override assertInPlace(): void {
    super.assertInPlace();
    if (this.#csv.some(([, csv]) => !csv.isInPlace())) this.store.derive(() => this.#derive([]));
  }

  /** False if another process has committed one of the products meanwhile: its state is read again. */
  #step(batches: LogBatch[]): boolean {
    this.skipped.clear();
    try {
      for (const batch of batches) this.read(batch);
      diePoint("stream-read");
      this.#commit(this.portion(batches), batches);
      return true;
    } catch (error) {
      this.#job.reset();
      this.#measures.failed();
      this.store.order.reset();
      this.#dead = [];
      if (error instanceof MovedError) return false;
      throw error;
    }
  }

  #commit(portion: Portion, batches: readonly LogBatch[]): void {
    const step = this.#job.take();
    const dead = this.#dead;
    this.#dead = [];
    const { positions, records, firsts, lost } = portion;
    const skipped = this.skipped.values().reduce((sum, { size }) => sum + size, 0);
    const counters = { records, lost, ...step.counts, malformed: dead.length, closed: step.closed.length, skipped };
    const derive = () => (step.closed.length > 0 ? this.#derive(step.closed) : {});
    const closings = closingsOf(step.closed, batches, this.event, nowUs());
    this.#measures.prepare(step, firsts);
    this.store.commit({ ...step, dead, counters, positions, firsts, closings, derive });
    diePoint("stream-committed");
    this.#measures.committed(step, batches, this.event, this.skipped);
    this.#job.committed();
    this.committed(portion);
    this.#count(step, dead);
    this.counts.skipped += skipped;
  }

  /** Appends closed windows to the CSV files. Returns the files' new lengths, by name. */
  #derive(closed: WindowRow[]): Counters {
    const lengths: Counters = {};
    for (const [size_us, csv] of this.#csv) {
      const rows = closed.filter((row) => row.size_us === size_us);
      lengths[csv.name] = csv.append(rows, this.store.counter(csv.name));
    }
    diePoint("stream-csv-written");
    return lengths;
  }

  #count(step: StepResult, dead: DeadLetter[]): void {
    this.#skew.see(step.counts, this.#job.noticed);
    for (const [name, n] of Object.entries(step.counts)) this.counts[name as keyof typeof step.counts] += n;
    this.counts.malformed += dead.length;
    this.counts.windows += step.closed.length;
    this.counts.revisions += step.revisions.length;
    const moved = this.#raisesMark(step.products) || step.closed.length > 0 || step.revisions.length > 0;
    this.health.took({ accepted: step.counts.ticks, refused: dead.map(({ reason }) => reason), moved });
  }

  #raisesMark(products: readonly ProductRow[]): boolean {
    let raised = false;
    for (const { product_id, max_time_us } of products) {
      raised ||= max_time_us > (this.#marks.get(product_id) ?? Number.NEGATIVE_INFINITY);
      this.#marks.set(product_id, max_time_us);
    }
    return raised;
  }
}
