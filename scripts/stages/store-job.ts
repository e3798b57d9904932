/** What stream and consume share: a job that reads the log, commits to its store and reports on itself. */
import { monotonicMs } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { LogBatch, LogPosition } from "../contract/log.ts";
import { Problems } from "../contract/problems.ts";
import type { FullTick, Position } from "../contract/tick.ts";
import { after, countRecords, firstOffsets, type LogJob } from "../log/index.ts";
import { CostMeter } from "../measure/cost-meter.ts";
import { RunStats } from "../measure/run-stats.ts";
import { Extractor, type Parsed, parsedAt, parseRecord } from "../message/index.ts";
import { type CheckpointStore, type Counters, reportLost } from "../store/index.ts";
import { StageHealth } from "./stage-health.ts";

const REPORT_EVERY_MS = 1_000;

/** The records of one commit. */
export interface Portion {
  /** After them, in their partitions. */
  positions: ReadonlyMap<number, LogPosition>;
  records: number;
  /** The first offset of each partition. */
  firsts: ReadonlyMap<number, number>;
  /** Records that the log has lost before them. */
  lost: number;
}

/** Indexes of records that a stage skips, by batch: history, and the notes of `backfill`. */
export type Skipped = ReadonlyMap<LogBatch, ReadonlySet<number>>;

/** The i-th record of a batch; null if it is neither a tick nor a heartbeat, and for history. */
export type ReadEvent = (batch: LogBatch, i: number) => { product_id: string; time_us: number; isTick: boolean } | null;

export abstract class StoreJob<Store extends CheckpointStore> implements LogJob {
  readonly positions = new Map<number, LogPosition>();
  readonly stats = new RunStats();
  /** All of this process; the page and doctor read them in the store. */
  protected readonly problems = new Problems();
  protected readonly health: StageHealth;
  /** Where the current record is in the log, and its receipt (NaN: none); the object is reused. */
  protected readonly at: Position & { received_us: number } = {
    ...{ partition: 0, offset: 0, appended_us: 0 },
    received_us: Number.NaN,
  };
  /** Of the records that were read since it was cleared; empty for a stage that takes history. */
  protected readonly skipped = new Map<LogBatch, Set<number>>();
  readonly #extractor: Extractor;
  readonly #skipsHistory: boolean;
  readonly #meter = new CostMeter();
  #reportDue_ms = 0;

  /**
   * `quotes`: whether ticks need best_bid and best_ask. `limit_ms`: see StageHealth. `skipsHistory`:
   * trades of `backfill` are for the other stage only.
   */
  constructor(
    protected readonly store: Store,
    protected readonly logger: Logger,
    { quotes, limit_ms, skipsHistory = false }: { quotes: boolean; limit_ms: number; skipsHistory?: boolean },
  ) {
    this.#skipsHistory = skipsHistory;
    this.health = new StageHealth(store, this.problems, limit_ms, logger);
    this.#extractor = new Extractor({ quotes, rules: store.rules });
  }

  /** Takes records and commits what they change, or changes nothing and fails. */
  protected abstract take(batches: LogBatch[]): void;
  /** Takes the current record's tick. */
  protected abstract tick(tick: FullTick): void;
  /** Takes the current record, which is not a tick; its bytes are valid until the call returns. */
  protected abstract other(record: Exclude<Parsed, { kind: "tick" }>, value: Uint8Array): void;
  /** Trades that this process has taken, each once. */
  protected abstract readonly ticks: number;
  /** Stores the process's figures; `isLast`: it ends. */
  protected abstract saveFigures(figures: Counters, isLast: boolean): void;

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

  logAway(why: string | null): void {
    this.health.logAway(why);
  }

  /** Takes records, and reports once a second. If it fails, the same records may be passed again. */
  handle(batches: LogBatch[]): void {
    if (batches.length > 0) this.take(batches);
    this.store.relieve();
    if (monotonicMs() < this.#reportDue_ms) return;
    this.assertInPlace();
    this.#report();
  }

  close(): void {
    this.health.end();
    this.#report(true);
    this.store.close();
  }

  /** Fails with DATA_DIR if the store's file was removed or replaced; for once a second. */
  protected assertInPlace(): void {
    this.store.assertInPlace();
  }

  protected portion(batches: LogBatch[]): Portion {
    return {
      positions: after(this.positions, batches),
      records: countRecords(batches),
      firsts: firstOffsets(batches),
      lost: batches.reduce((sum, { lost }) => sum + (lost ?? 0), 0),
    };
  }

  /** The portion is stored. */
  protected committed({ positions, records }: Portion): void {
    this.store.order.committed();
    for (const [partition, position] of positions) this.positions.set(partition, position);
    this.stats.records += records;
  }

  /** Passes each record of a batch to `tick` or `other`, in order. */
  protected read(batch: LogBatch): void {
    const { at } = this;
    const { order } = this.store;
    at.partition = batch.partition;
    order.begin(batch.partition, this.positions.get(batch.partition)?.seen_us ?? 0);
    for (let i = 0; i < batch.count; i++) {
      at.offset = batch.offsets[i]!;
      at.appended_us = batch.appended_us[i]!;
      at.received_us = batch.received_us[i]!;
      order.move(at.appended_us);
      const tick = this.#extractor.extract(batch.buffer(i), batch.starts[i]!, batch.ends[i]!);
      if (tick !== null) this.#tick(tick);
      else this.#parse(batch, i);
    }
    order.end();
  }

  /** Reads a record again that was taken. */
  protected readonly event: ReadEvent = (batch, i) => {
    const parsed = parsedAt(this.#extractor, batch.buffer(i), batch.starts[i]!, batch.ends[i]!, this.store.rules);
    if (this.#skipsHistory && isHistory(parsed)) return null;
    if (parsed.kind === "tick") return { ...parsed.tick, isTick: true };
    return parsed.kind === "heartbeat" ? { ...parsed, isTick: false } : null;
  };

  /** What the extractor leaves: rare ticks, heartbeats, notes of ours, and records that are not valid. */
  #parse(batch: LogBatch, i: number): void {
    const value = batch.buffer(i).subarray(batch.starts[i]!, batch.ends[i]!);
    const parsed = parseRecord(value, this.store.rules);
    if (this.#skipsHistory && isHistory(parsed)) this.#skip(batch, i);
    else if (parsed.kind === "tick") this.#tick(parsed.tick);
    else {
      // The stream keeps proofs of history, and measures none.
      if (this.#skipsHistory && parsed.kind === "unissued" && parsed.unissued.source === "backfill")
        this.#skip(batch, i);
      this.other(parsed, value);
    }
  }

  #skip(batch: LogBatch, i: number): void {
    const skipped = this.skipped.get(batch) ?? new Set();
    this.skipped.set(batch, skipped.add(i));
  }

  #tick(tick: FullTick): void {
    this.store.order.product(tick.product_id, this.at.offset);
    this.tick(tick);
  }

  #report(isLast = false): void {
    this.#reportDue_ms = monotonicMs() + REPORT_EVERY_MS;
    reportLost(this.store, this.problems, this.logger);
    this.saveFigures({ ...this.stats.counters(), ...this.health.counters() }, isLast);
    this.health.save();
    if (this.#meter.note(this.ticks, isLast)) this.store.saveCost(this.#meter.text());
  }
}

/** A trade that `backfill` has loaded, or its note. */
function isHistory(parsed: Parsed): boolean {
  return parsed.kind === "walked" || (parsed.kind === "tick" && parsed.tick.source === "backfill");
}
