/** The consume stage: records of the log → ticks.db, one transaction a poll, the log positions inside it. */
import { monotonicMs } from "../base/clock.ts";
import { diePoint } from "../base/die-point.ts";
import type { Logger } from "../base/logger.ts";
import type { LogBatch, LogPosition } from "../contract/log.ts";
import { Problems } from "../contract/problems.ts";
import { after, countRecords, firstOffsets, type LogJob } from "../log/index.ts";
import { RunStats } from "../measure/run-stats.ts";
import { Extractor, parseRecord } from "../message/index.ts";
import { reportLost, type TickCounts, type TickStore } from "../store/index.ts";
import { noProgressMs } from "./progress.ts";
import { StageHealth } from "./stage-health.ts";

const STATS_EVERY_MS = 1_000;

export class ConsumeStage implements LogJob {
  readonly positions = new Map<number, LogPosition>();
  readonly stats = new RunStats();
  /** All of this process; the page and doctor read them in the store. */
  readonly problems = new Problems();
  readonly counts: TickCounts = { inserted: 0, duplicates: 0, conflicts: 0, unverified: 0, malformed: 0 };
  readonly #extractor: Extractor;
  readonly #health: StageHealth;
  /** Why messages of the open transaction were refused. */
  #refused: string[] = [];
  #statsDue_ms = 0;

  constructor(
    readonly store: TickStore,
    private readonly logger?: Logger,
  ) {
    this.#extractor = new Extractor({ quotes: true, rules: store.rules });
    this.#health = new StageHealth(store, this.problems, noProgressMs(), logger);
    this.#reportConflict();
  }

  /** Where to read a newly assigned partition from. */
  assign(partition: number): LogPosition {
    const position = this.store.take(partition);
    this.positions.set(partition, position);
    return position;
  }

  revoke(partitions: number[]): void {
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

  /** Takes records and commits them, or changes nothing and fails: then the same records may be given again. */
  handle(batches: LogBatch[]): void {
    if (batches.length > 0) this.#store(batches);
    if (monotonicMs() < this.#statsDue_ms) return;
    this.store.assertInPlace();
    this.saveStats();
  }

  saveStats(): void {
    this.#statsDue_ms = monotonicMs() + STATS_EVERY_MS;
    reportLost(this.store, this.problems, this.logger);
    this.store.saveFigures({ ...this.stats.counters(), ...this.#health.counters() });
    this.#health.save();
  }

  logAway(why: string | null): void {
    this.#health.logAway(why);
  }

  close(): void {
    this.#health.end();
    this.saveStats();
    this.store.close();
  }

  /** Conflicts stay a problem until the store is rebuilt: each is a trade that no answer holds. */
  #reportConflict(): void {
    const conflict = this.store.conflict();
    if (conflict === null) return;
    const isFirst = !this.problems.list().some(({ code }) => code === "conflicts");
    this.problems.report({ code: "conflicts", ...conflict, stops: false });
    if (isFirst) this.logger?.warn(conflict.sentence);
  }

  #store(batches: LogBatch[]): void {
    const positions = after(this.positions, batches);
    const records = countRecords(batches);
    const lost = batches.reduce((sum, batch) => sum + (batch.lost ?? 0), 0);
    const { order } = this.store;
    diePoint("consume-read");
    this.#refused = [];
    this.store.begin();
    let counts: TickCounts;
    try {
      for (const batch of batches) {
        order.begin(batch.partition, this.positions.get(batch.partition)?.seen_us ?? 0);
        for (let i = 0; i < batch.count; i++) this.#record(batch, i);
        order.end();
      }
      counts = this.store.commit(positions, records, firstOffsets(batches), lost);
    } catch (error) {
      order.reset();
      throw this.store.undo(error);
    }
    order.committed();
    for (const [partition, position] of positions) this.positions.set(partition, position);
    for (const name of Object.keys(counts) as (keyof TickCounts)[]) this.counts[name] += counts[name];
    if (counts.conflicts > 0) this.#reportConflict();
    this.stats.records += records;
    this.#health.took({ accepted: counts.inserted, refused: this.#refused, moved: true });
  }

  #record(batch: LogBatch, i: number): void {
    const bytes = batch.buffer(i);
    const [partition, offset, appended_us] = [batch.partition, batch.offsets[i]!, batch.appended_us[i]!];
    this.store.order.move(appended_us);
    const tick = this.#extractor.extract(bytes, batch.starts[i]!, batch.ends[i]!);
    if (tick !== null) {
      this.store.order.product(tick.product_id, offset);
      this.store.tick(tick, partition, offset, appended_us);
      return;
    }
    const value = bytes.subarray(batch.starts[i]!, batch.ends[i]!);
    const parsed = parseRecord(value, this.store.rules);
    if (parsed.kind === "tick") {
      this.store.order.product(parsed.tick.product_id, offset);
      this.store.tick(parsed.tick, partition, offset, appended_us);
    } else if (parsed.kind === "outage") this.store.outage({ ...parsed.outage, partition, offset, appended_us });
    else if (parsed.kind === "gap") this.store.gap(parsed.gap, partition, offset);
    else if (parsed.kind === "dead") {
      this.#refused.push(parsed.reason);
      this.store.dead({ partition, offset, appended_us, reason: parsed.reason, value: parsed.frame ?? value });
    }
  }
}
