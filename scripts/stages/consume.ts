/** The consume stage: records of the log → ticks.db, one transaction per poll with its checkpoint. */
import { diePoint } from "../base/die-point.ts";
import type { Logger } from "../base/logger.ts";
import type { LogBatch } from "../contract/log.ts";
import type { FullTick } from "../contract/tick.ts";
import type { Parsed } from "../message/index.ts";
import type { Counters, TickCounts, TickStore } from "../store/index.ts";
import { noProgressMs } from "./progress.ts";
import { StoreJob } from "./store-job.ts";

export class ConsumeStage extends StoreJob<TickStore> {
  readonly counts: TickCounts = {
    ...{ inserted: 0, history: 0, duplicates: 0, conflicts: 0, unverified: 0, malformed: 0 },
  };
  /** Why records of the open transaction were refused. */
  #refused: string[] = [];

  constructor(store: TickStore, logger: Logger) {
    super(store, logger, { quotes: true, limit_ms: noProgressMs() });
    this.#reportConflict();
  }

  protected override take(batches: LogBatch[]): void {
    const { store } = this;
    const portion = this.portion(batches);
    diePoint("consume-read");
    this.#refused = [];
    store.begin();
    let counts: TickCounts;
    try {
      for (const batch of batches) this.read(batch);
      counts = store.commit(portion.positions, portion.records, portion.firsts, portion.lost);
    } catch (error) {
      store.order.reset();
      throw store.undo(error);
    }
    this.committed(portion);
    this.#count(counts);
  }

  protected override tick(tick: FullTick): void {
    this.store.tick(tick, this.at);
  }

  protected override other(record: Exclude<Parsed, { kind: "tick" }>, value: Uint8Array): void {
    const { store, at } = this;
    if (record.kind === "outage") store.outage({ ...record.outage, ...at });
    else if (record.kind === "walked") store.walked(record.walked);
    else if (record.kind === "gap") store.gap(record.gap, at.partition, at.offset);
    else if (record.kind === "dead") {
      this.#refused.push(record.reason);
      store.dead({ ...at, reason: record.reason, value: record.frame ?? value });
    }
  }

  protected override get ticks(): number {
    return this.counts.inserted;
  }

  protected override saveFigures(figures: Counters): void {
    this.store.saveFigures(figures);
  }

  #count(counts: TickCounts): void {
    for (const name of Object.keys(counts) as (keyof TickCounts)[]) this.counts[name] += counts[name];
    if (counts.conflicts > 0) this.#reportConflict();
    this.health.took({ accepted: counts.inserted, refused: this.#refused, moved: true });
  }

  /** Conflicts stay a problem until the store is rebuilt: each is a trade that no answer holds. */
  #reportConflict(): void {
    const conflict = this.store.conflict();
    if (conflict === null) return;
    const isFirst = !this.problems.list().some(({ code }) => code === "conflicts");
    this.problems.report({ code: "conflicts", ...conflict, stops: false });
    if (isFirst) this.logger.warn(conflict.sentence);
  }
}
