/** The stream stage: records of the log → ticks → the window job → one commit of windows.db and the derived CSV files. */
import { monotonicMs, nowUs } from "../base/clock.ts";
import { diePoint } from "../base/die-point.ts";
import { formatDuration } from "../base/duration.ts";
import { FencedError } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import type { LogBatch, LogPosition } from "../contract/log.ts";
import { Problems } from "../contract/problems.ts";
import type { DeadLetter, Tick } from "../contract/tick.ts";
import type { ProductRow, WindowRow } from "../contract/window.ts";
import { after, countRecords, firstOffsets, type LogJob } from "../log/index.ts";
import { RunStats } from "../measure/run-stats.ts";
import { Extractor, parseRecord } from "../message/index.ts";
import { WindowCsv } from "../sink/stream-csv.ts";
import { MovedError, type ProductOrder, reportLost, type WindowStore } from "../store/index.ts";
import { type JobSettings, WindowJob } from "../window/index.ts";
import { noProgressMs } from "./progress.ts";
import { SkewWatch } from "./skew.ts";
import { StageHealth } from "./stage-health.ts";

const STATS_EVERY_MS = 1_000;

export class StreamStage implements LogJob {
  readonly positions = new Map<number, LogPosition>();
  readonly stats = new RunStats();
  /** All of this process; the page and doctor read them in the store. */
  readonly problems = new Problems();
  readonly counts = { ticks: 0, duplicates: 0, late: 0, skewed: 0, malformed: 0, windows: 0, revisions: 0 };
  readonly #skew: SkewWatch;
  readonly #job: WindowJob;
  readonly #csv: [size_us: number, file: WindowCsv][];
  readonly #extractor: Extractor;
  readonly #at = { partition: 0, offset: 0, appended_us: 0 };
  #dead: DeadLetter[] = [];
  /** Event-time high marks, by product: a commit that raises one is progress. */
  readonly #marks = new Map<string, number>();
  readonly #health: StageHealth;
  readonly #order: ProductOrder;
  #lost = 0;
  #statsDue_ms = 0;

  constructor(
    readonly store: WindowStore,
    readonly settings: JobSettings,
    csvDir: string,
    private readonly logger: Logger,
  ) {
    const smallest_us = Math.min(...settings.windows.map(({ size_us }) => size_us));
    this.#health = new StageHealth(store, this.problems, noProgressMs(2 * smallest_us + settings.lateness_us), logger);
    this.#skew = new SkewWatch(this.problems, logger, settings.max_skew_us);
    this.#job = new WindowJob(settings, store);
    this.#extractor = new Extractor({ quotes: false, rules: store.rules });
    this.#order = store.order;
    store.forgetLatencies();
    this.#csv = settings.windows.map(({ size_us }) => {
      const name = `windows_${formatDuration(size_us)}.csv`;
      return [size_us, new WindowCsv(csvDir, name, () => store.closedRows(size_us))];
    });
    store.derive(() => this.#derive([]));
  }

  /** Where to read a newly assigned partition from. What is in memory may be another process's by now, so it is forgotten. */
  assign(partition: number): LogPosition {
    this.#job.reset();
    const position = this.store.take(partition);
    this.positions.set(partition, position);
    return position;
  }

  revoke(partitions: number[]): void {
    this.#job.reset();
    for (const partition of partitions) this.positions.delete(partition);
  }

  allPositions(): Map<number, LogPosition> {
    return this.store.positions();
  }

  holds(all: boolean): void {
    this.store.order.holds(all);
  }

  isSpread(): boolean {
    return this.store.order.isSpread;
  }

  /** Takes records and commits what they change, or changes nothing and fails: then the same records may be given again. */
  handle(batches: LogBatch[]): void {
    if (batches.length > 0) {
      while (!this.#step(batches));
      this.#measure(batches);
    }
    if (monotonicMs() < this.#statsDue_ms) return;
    this.store.assertInPlace();
    if (this.#csv.some(([, csv]) => !csv.isInPlace())) this.store.derive(() => this.#derive([]));
    this.saveStats();
  }

  logAway(why: string | null): void {
    this.#health.logAway(why);
  }

  /**
   * Closes all open windows (`--flush`), those of partitions that other processes kept too: they are taken over, so that a process
   * that goes on finds itself fenced. When another one flushes at the same moment, its flush is as good.
   */
  flush(): void {
    this.#job.reset();
    const positions = new Map(
      [...this.store.positions().keys()].map((partition) => [partition, this.store.take(partition)]),
    );
    this.#job.flush(this.store.productIds());
    try {
      this.#commit(positions, 0, new Map());
    } catch (error) {
      if (!(error instanceof FencedError)) throw error;
    }
  }

  saveStats(): void {
    this.#statsDue_ms = monotonicMs() + STATS_EVERY_MS;
    reportLost(this.store, this.problems, this.logger);
    this.store.saveRun({ ...this.stats.counters(), ...this.#health.counters() }, this.stats.takeLatencies());
    this.#health.save();
  }

  close(): void {
    this.#health.end();
    this.saveStats();
    for (const [, csv] of this.#csv) csv.close();
    this.store.close();
  }

  /** False when the step was made on a product's state that another process has moved meanwhile: it is read again then. */
  #step(batches: LogBatch[]): boolean {
    try {
      for (const batch of batches) this.#read(batch);
      diePoint("stream-read");
      this.#commit(after(this.positions, batches), countRecords(batches), firstOffsets(batches));
      return true;
    } catch (error) {
      this.#job.reset();
      this.store.order.reset();
      this.#dead = [];
      this.#lost = 0;
      if (error instanceof MovedError) return false;
      throw error;
    }
  }

  #read(batch: LogBatch): void {
    const at = this.#at;
    at.partition = batch.partition;
    this.#order.begin(batch.partition, this.positions.get(batch.partition)?.seen_us ?? 0);
    for (let i = 0; i < batch.count; i++) {
      at.offset = batch.offsets[i]!;
      at.appended_us = batch.appended_us[i]!;
      this.#order.move(at.appended_us);
      const tick = this.#extractor.extract(batch.buffer(i), batch.starts[i]!, batch.ends[i]!);
      if (tick !== null) this.#tick(tick);
      else this.#readSlowly(batch.buffer(i).subarray(batch.starts[i]!, batch.ends[i]!));
    }
    this.#order.end();
    this.#lost += batch.lost ?? 0;
  }

  #tick(tick: Tick): void {
    this.#order.product(tick.product_id, this.#at.offset);
    this.#job.tick(tick, this.#at);
  }

  #readSlowly(value: Uint8Array): void {
    const parsed = parseRecord(value, this.store.rules);
    if (parsed.kind === "tick") this.#tick(parsed.tick);
    else if (parsed.kind === "heartbeat") {
      this.#order.product(parsed.product_id, this.#at.offset);
      this.#job.heartbeat(parsed.product_id, parsed.time_us, this.#at);
    } else if (parsed.kind === "dead")
      this.#dead.push({ ...this.#at, reason: parsed.reason, value: parsed.frame ?? value.slice() });
  }

  #commit(positions: ReadonlyMap<number, LogPosition>, records: number, firsts: ReadonlyMap<number, number>): void {
    const step = this.#job.take();
    const dead = this.#dead;
    const lost = this.#lost;
    this.#dead = [];
    this.#lost = 0;
    const counters = { records, lost, ...step.counts, malformed: dead.length, closed: step.closed.length };
    const derive = () => (step.closed.length > 0 ? this.#derive(step.closed) : {});
    this.store.commit({ ...step, dead, counters, positions, firsts, derive });
    for (const [partition, position] of positions) this.positions.set(partition, position);
    diePoint("stream-committed");
    this.#job.committed();
    this.#order.committed();
    this.stats.records += records;
    this.#skew.see(step.counts, this.#job.noticed);
    for (const [name, n] of Object.entries(step.counts)) this.counts[name as keyof typeof step.counts] += n;
    this.counts.malformed += dead.length;
    this.counts.windows += step.closed.length;
    this.counts.revisions += step.revisions.length;
    this.#finality(step.closed);
    const moved = this.#raisesMark(step.products) || step.closed.length > 0 || step.revisions.length > 0;
    this.#health.took({ accepted: step.counts.ticks, refused: dead.map(({ reason }) => reason), moved });
  }

  #raisesMark(products: readonly ProductRow[]): boolean {
    let raised = false;
    for (const { product_id, max_time_us } of products) {
      raised ||= max_time_us > (this.#marks.get(product_id) ?? Number.NEGATIVE_INFINITY);
      this.#marks.set(product_id, max_time_us);
    }
    return raised;
  }

  /** The CSV files' new lengths, by name. */
  #derive(closed: WindowRow[]): Record<string, number> {
    const lengths: Record<string, number> = {};
    for (const [size_us, csv] of this.#csv) {
      const rows = closed.filter((row) => row.size_us === size_us);
      lengths[csv.name] = csv.append(rows, this.store.counter(csv.name));
    }
    diePoint("stream-csv-written");
    return lengths;
  }

  /** Pipeline latency: the commit of the row that includes the tick − the log's receipt of the tick (design.md). */
  #measure(batches: LogBatch[]): void {
    const now_us = nowUs();
    for (const batch of batches) {
      let same = 0;
      for (let i = 0; i < batch.count; i += same) {
        const appended_us = batch.appended_us[i]!;
        for (same = 1; i + same < batch.count && batch.appended_us[i + same] === appended_us; ) same++;
        if (this.#skew.measures(appended_us, now_us)) this.stats.latency("pipeline", now_us - appended_us, same);
      }
    }
  }

  /** Finality: the commit of the final row − the window's end. */
  #finality(closed: WindowRow[]): void {
    const now_us = nowUs();
    for (const row of closed) this.stats.latency("finality", now_us - row.window_end_us, 1);
  }
}
