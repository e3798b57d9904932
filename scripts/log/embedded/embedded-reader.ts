/** Reads an embedded log from a job's own position: whole blocks, in order, woken by the bell. */
import { monotonicMs } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import { storeError } from "../../base/sqlite.ts";
import type { LogBatch, LogReader, ReaderOptions } from "../../contract/log.ts";
import { sliceBatch } from "../shared/batches.ts";
import { positionOf } from "../shared/shorter.ts";
import { Waiter } from "../shared/waiter.ts";
import { listen } from "./bell.ts";
import type { BlockSource } from "./block-source.ts";
import { LOG_POLL_MS, LOG_POLL_RUNG_MS, POLL_BYTES_MAX } from "./embedded-limits.ts";

/** Where a reader is in one partition. */
interface Cursor {
  partition: number;
  /** The first offset not yet returned. */
  next: number;
  /** When the record before it was appended, µs since 1970 UTC; 0 if that is unknown. */
  seen_us: number;
  /** Read, but not yet returned. */
  rest: LogBatch | null;
  small: boolean;
  checked: boolean;
}

export class EmbeddedReader implements LogReader {
  readonly #waiter = new Waiter();
  readonly #deafen: () => void;
  readonly #cursors: Cursor[];
  /** How long to wait for a ring before polling: longer once rings arrive, until one was missed. */
  #wait_ms = LOG_POLL_MS;
  #version = -1;

  constructor(
    private readonly source: BlockSource,
    private readonly options: ReaderOptions,
    private readonly log: {
      name: string;
      path: string;
      bell: string;
      partitions: number;
      logger: Logger;
      commit: (group: string, positions: { partition: number; next: number }[]) => void;
      assertInPlace(): void;
    },
  ) {
    this.#deafen = listen(log.bell, () => this.#waiter.ring());
    this.#cursors = Array.from({ length: log.partitions }, (_, partition) => ({
      partition,
      ...positionOf(options.position(partition)),
      rest: null,
      small: true,
      checked: false,
    }));
  }

  async poll(limits: { records_max: number; timeout_ms: number }): Promise<LogBatch[]> {
    const deadline = monotonicMs() + limits.timeout_ms;
    for (let [news, rung] = [true, true]; ; ) {
      const batches = news ? this.#take(limits.records_max) : [];
      if (batches.length > 0 && !rung) this.#wait_ms = LOG_POLL_MS;
      const left = deadline - monotonicMs();
      const woken = this.#waiter.takeWoken();
      if (batches.length > 0 || woken || left <= 0) {
        if (batches.length === 0) this.log.assertInPlace();
        return batches;
      }
      rung = await this.#waiter.wait(Math.min(left, this.#wait_ms));
      if (rung) this.#wait_ms = LOG_POLL_RUNG_MS;
      const version = this.source.version();
      news = rung || version !== this.#version;
      this.#version = version;
    }
  }

  #take(records_max: number): LogBatch[] {
    const taken: LogBatch[] = [];
    let records = 0;
    let bytes = 0;
    try {
      for (const cursor of this.#cursors) {
        while (records < records_max && bytes < POLL_BYTES_MAX) {
          const batch = this.#next(cursor, records_max - records);
          if (batch === null) break;
          taken.push(batch);
          records += batch.count;
          bytes += batch.ends[batch.count - 1]! - batch.starts[0]!;
        }
      }
    } catch (error) {
      throw storeError(this.log.path, error);
    }
    // The partition that came first comes last the next time, so that none starves.
    if (this.#cursors.length > 1 && records >= records_max) this.#cursors.push(this.#cursors.shift()!);
    return taken;
  }

  #next(cursor: Cursor, records_max: number): LogBatch | null {
    let batch = cursor.rest ?? this.#read(cursor);
    if (batch === null) return null;
    cursor.rest = null;
    if (batch.count > records_max) {
      cursor.rest = sliceBatch(batch, records_max, batch.count);
      batch = sliceBatch(batch, 0, records_max);
    }
    cursor.next = batch.offsets[batch.count - 1]! + 1;
    cursor.seen_us = batch.appended_us[batch.count - 1]!;
    return batch;
  }

  #read(cursor: Cursor): LogBatch | null {
    const base = cursor.checked ? cursor.next : this.#start(cursor);
    const found = this.source.read(cursor.partition, base, cursor.small);
    if (found === null) {
      // Usually the end; else retention has passed this position, or the file is another one.
      if (this.source.span(cursor.partition).end !== cursor.next) cursor.checked = false;
      return null;
    }
    cursor.small = found.small;
    return sliceBatch(found.batch, cursor.next - base, found.batch.count);
  }

  /**
   * Checks the job's position against the log, and returns the first offset of the block to read.
   */
  #start(cursor: Cursor): number {
    cursor.next = this.source.startOf(cursor.partition, cursor, this.options.group, this.log);
    cursor.checked = true;
    const { end } = this.source.span(cursor.partition);
    return cursor.next === end ? end : this.source.baseOf(cursor.partition, cursor.next);
  }

  wake(): void {
    this.#waiter.wake();
  }

  async commit(positions: { partition: number; next: number }[]): Promise<void> {
    this.log.commit(this.options.group, positions);
  }

  async close(): Promise<void> {
    this.#waiter.wake();
    this.#deafen();
  }
}
