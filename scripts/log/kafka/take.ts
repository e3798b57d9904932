/**
 * Takes fetched records for a poll: from the reader's positions, as fetched or merged into one
 * order.
 */
import type { EachBatchPayload } from "kafkajs";
import type { LogBatch, LogPosition } from "../../contract/log.ts";
import { newestTime } from "../shared/batches.ts";
import type { FetchOrder } from "./flow.ts";
import { type Handed, type HandOver, holesIn, messageBatch } from "./handover.ts";
import type { PartitionMerge } from "./merged-fetch.ts";

export class Taker {
  /** The first offset not yet returned, by partition. */
  positions: ReadonlyMap<number, number> = new Map();
  /** Set while the reader has all partitions, and there are several. */
  merge: PartitionMerge | null = null;
  /** How long until a waiting record is due, milliseconds. */
  wait_ms = Number.POSITIVE_INFINITY;
  readonly handOver: HandOver;
  #positions = new Map<number, number>();
  #seen = new Map<number, number>();

  /**
   * `unsure` is called if a batch doesn't begin at the expected offset, and the log must be asked
   * why.
   */
  constructor(
    private readonly fetches: FetchOrder,
    private readonly unsure: () => void,
  ) {
    this.handOver = fetches.handOver;
  }

  begin(positions: ReadonlyMap<number, LogPosition>, merge: PartitionMerge | null): void {
    this.#positions = new Map([...positions].map(([partition, { next }]) => [partition, next]));
    this.#seen = new Map([...positions].map(([partition, { seen_us }]) => [partition, seen_us]));
    this.positions = this.#positions;
    this.merge = merge;
    this.wait_ms = Number.POSITIVE_INFINITY;
  }

  /** The newest append time of the records returned, µs since 1970 UTC; 0 if unknown. */
  seenOf(partition: number): number {
    return this.#seen.get(partition) ?? 0;
  }

  /** Takes a fetch's records; resolves when kafkajs may fetch again. */
  async receive({ batch, resolveOffset, heartbeat }: EachBatchPayload): Promise<void> {
    const { partition, messages } = batch;
    const records = messageBatch(partition, messages);
    const last = batch.lastOffset();
    const holes = this.fetches.came(partition, Number(last) + 1, (expected) => holesIn(batch, records, expected));
    this.merge?.came(partition, Number(last) + 1, Number(batch.highWatermark));
    if (await this.handOver.offer(records, holes, heartbeat)) resolveOffset(last);
  }

  /** A fetch returned only transaction markers and aborted records, of these offsets. */
  passed(partition: number, first: number, last: number, end: number): void {
    const lost = this.fetches.passed(partition, first, last + 1);
    if (lost > 0) this.unsure();
    this.merge?.came(partition, last + 1, end);
  }

  take(records_max: number): LogBatch[] {
    const align = (handed: Handed) => this.#align(handed);
    const given = (batch: LogBatch) => this.#given(batch);
    if (this.merge !== null) {
      const { batches, starving, wait_ms } = this.merge.take(records_max, align, given);
      this.wait_ms = wait_ms ?? Number.POSITIVE_INFINITY;
      this.fetches.next(starving, wait_ms !== null);
      return batches;
    }
    const { handOver } = this;
    const batches: LogBatch[] = [];
    let records = 0;
    for (let handed = handOver.waiting[0]; handed && records < records_max; handed = handOver.waiting[0]) {
      if (!align(handed)) break;
      if (handOver.waiting[0] !== handed) continue;
      const batch = handOver.take(handed, records_max - records);
      given(batch);
      batches.push(batch);
      records += batch.count;
    }
    return batches;
  }

  /**
   * Moves a waiting batch to the reader's position; false if it begins elsewhere, and the log is
   * asked first.
   */
  #align(handed: Handed): boolean {
    const position = this.#positions.get(handed.partition)!;
    const { offsets, count } = handed.records;
    let first = handed.from;
    if (offsets[first] === position) return true;
    // Holes are possible (transactions, lost records), but kafkajs also jumps silently if its
    // offset is gone.
    if (!handed.verified) {
      this.unsure();
      return false;
    }
    while (first < count && offsets[first]! < position) first++;
    this.handOver.skip(handed, first);
    return true;
  }

  #given(batch: LogBatch): void {
    const { partition, count, offsets } = batch;
    this.#seen.set(partition, newestTime(batch, this.seenOf(partition)));
    this.#positions.set(partition, offsets[count - 1]! + 1);
  }
}
