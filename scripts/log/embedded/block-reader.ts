/** Reads an embedded log: whole blocks into batches, in order, from a job's own position on. */
import type { Database, Statement } from "bun:sqlite";
import { monotonicMs } from "../../base/clock.ts";
import { TidemarkError } from "../../base/errors.ts";
import { LOG_LOOK_MS, LOG_LOOK_RUNG_MS, OFFSETS_MAX, POLL_BYTES_MAX, SMALL_BLOCK_BYTES } from "../../base/limits.ts";
import type { Logger } from "../../base/logger.ts";
import { storeError } from "../../base/sqlite.ts";
import type { LogBatch, LogPosition, LogReader, PartitionSpan, ReaderOptions } from "../../contract/log.ts";
import { sliceBatch } from "../shared/batches.ts";
import { firstOffset, otherLog, positionOf } from "../shared/shorter.ts";
import { Waiter } from "../shared/waiter.ts";
import { listen } from "./bell.ts";
import { blockHead, decodeBlock, joinBlocks } from "./block.ts";
import type { Stamps } from "./stamps.ts";

type BlockRow = [position: number, count: number, checksum: number, payload: Uint8Array];
type EdgeRow = [position: number, count: number, head: Uint8Array, appended_us: number];

/** Small blocks read at once: 8 MB at most. */
const SMALL_BLOCKS = 2_000;

const SELECT = "SELECT position, count, checksum, payload FROM blocks WHERE position >= ? AND position < ?";

/** Finds the blocks of one log file; keeps no position. */
export class BlockSource {
  readonly #any: Statement<unknown, [number, number, number]>;
  readonly #small: Statement<unknown, [number, number, number, number]>;
  readonly #base: Statement<unknown, [number, number]>;
  readonly #first: Statement<unknown, [number, number]>;
  readonly #last: Statement<unknown, [number, number]>;
  readonly #time: Statement<unknown, [number, number]>;
  readonly #version: Statement<unknown, []>;

  constructor(
    db: Database,
    readonly path: string,
    readonly stamps: Stamps,
  ) {
    this.#any = db.query(`${SELECT} ORDER BY position LIMIT ?`);
    this.#small = db.query(`${SELECT} AND length(payload) < ? ORDER BY position LIMIT ?`);
    this.#base = db.query("SELECT max(position) FROM blocks WHERE position >= ? AND position <= ?");
    const edge = `SELECT position, count, substr(payload, 1, 24), appended_us FROM blocks WHERE position >= ? AND position < ?`;
    this.#first = db.query(`${edge} ORDER BY position LIMIT 1`);
    this.#last = db.query(`${edge} ORDER BY position DESC LIMIT 1`);
    this.#version = db.query("PRAGMA data_version");
    this.#time = db.query(
      "SELECT appended_us FROM blocks WHERE position >= ? AND position <= ? ORDER BY position DESC LIMIT 1",
    );
  }

  span(partition: number): PartitionSpan {
    const [low, high] = range(partition);
    const first = this.#edge(this.#first, low, high);
    const last = this.#edge(this.#last, low, high);
    if (first === null || last === null) return { partition, start: 0, end: 0 };
    return { partition, start: first[0] - low, end: last[0] + last[1] - low };
  }

  /** Where the next record goes, and the newest append time so far. */
  newest(partition: number): { end: number; appended_us: number } {
    const last = this.#edge(this.#last, ...range(partition));
    return last === null
      ? { end: 0, appended_us: 0 }
      : { end: last[0] + last[1] - range(partition)[0], appended_us: last[3] };
  }

  /** A flipped bit in the position of the first or last block would make the log look shorter. */
  #edge(statement: Statement<unknown, [number, number]>, low: number, high: number): EdgeRow | null {
    const row = statement.values(low, high)[0] as EdgeRow | undefined;
    if (row !== undefined) this.#checkOffset(row[0], row[1], row[2]);
    return row ?? null;
  }

  /** Another number whenever another process has written into the file: far cheaper than a look for records. */
  version(): number {
    return this.#version.values()[0]![0] as number;
  }

  /** The first offset of the block that holds `offset`. */
  baseOf(partition: number, offset: number): number {
    const [low] = range(partition);
    return ((this.#base.values(low, low + offset)[0]![0] as number | null) ?? low) - low;
  }

  /** Where a job begins, compared with what the log holds: LOG_SHORTER_THAN_CHECKPOINT when its position isn't of this log. */
  startOf(partition: number, position: LogPosition, group: string, log: { name: string; logger: Logger }): number {
    const span = this.span(partition);
    const next = firstOffset(span, position.next, group, log);
    const before_us = next > span.start ? this.timeOf(partition, next - 1) : null;
    // Where append times stepped back after a wrong clock, the newest one that a job noted is not the last one before its offset.
    if (position.seen_us === 0 || before_us === null || before_us === position.seen_us) return next;
    if (before_us < position.seen_us && position.seen_us <= this.stamps.highest(partition)) return next;
    throw otherLog(partition, position, group, log.name);
  }

  /** When the record at `offset` was appended, or null when it isn't kept. */
  timeOf(partition: number, offset: number): number | null {
    const [low] = range(partition);
    return (this.#time.values(low, low + offset)[0]?.[0] as number | undefined) ?? null;
  }

  /**
   * The batch that begins at `base`, a block's first offset; null at the end, and before the start. `small` is a guess at
   * what comes, and the answer's is the next guess.
   */
  read(partition: number, base: number, small: boolean): { batch: LogBatch; small: boolean } | null {
    const [low, high] = range(partition);
    if (small) {
      const near = Math.min(low + base + 10 * SMALL_BLOCKS, high);
      const rows = this.#small.values(low + base, near, SMALL_BLOCK_BYTES, SMALL_BLOCKS) as BlockRow[];
      const batch = this.#join(partition, low + base, rows);
      if (batch) return { batch, small: true };
    }
    const row = (this.#any.values(low + base, high, 1) as BlockRow[])[0];
    if (!row) return null;
    if (row[0] === low + base) {
      this.#check(row);
      return { batch: decodeBlock(partition, row[3]), small: row[3].length < SMALL_BLOCK_BYTES };
    }
    if (this.span(partition).start < base) throw this.#damage(low + base, "is missing");
    return null;
  }

  /** The unbroken run of blocks from `position` on; larger blocks between small ones end it. */
  #join(partition: number, position: number, rows: BlockRow[]): LogBatch | null {
    const blocks: Uint8Array[] = [];
    let next = position;
    for (const row of rows) {
      if (row[0] !== next) break;
      this.#check(row);
      blocks.push(row[3]);
      next += row[1];
    }
    if (blocks.length === 0) return null;
    return joinBlocks(partition, blocks, next - position);
  }

  #check(row: BlockRow): void {
    const [position, count, checksum, payload] = row;
    if (Bun.hash.crc32(payload) !== checksum) throw this.#damage(position, "fails its checksum");
    this.#checkOffset(position, count, payload);
  }

  /** The row's own numbers have no checksum: they must say what the block says. */
  #checkOffset(position: number, count: number, block: Uint8Array): void {
    const says = blockHead(block);
    if (says.count === count && says.base_offset === position % OFFSETS_MAX) return;
    throw this.#damage(position, "stands in the wrong place");
  }

  #damage(position: number, what: string): TidemarkError {
    const partition = Math.floor(position / OFFSETS_MAX);
    return damage(this.path, `the block at offset ${position % OFFSETS_MAX} of partition ${partition} ${what}`);
  }
}

/** The one error for a log file that can't be trusted. */
export function damage(path: string, what: string): TidemarkError {
  return new TidemarkError(
    "STORE_CORRUPT",
    `${path} is damaged: ${what}.`,
    "The records from there on can't be trusted. Restore the file from a copy, or move it away and start anew.",
  );
}

function range(partition: number): [low: number, high: number] {
  return [partition * OFFSETS_MAX, (partition + 1) * OFFSETS_MAX];
}

/** Where a reader is in one partition. */
interface Cursor {
  partition: number;
  /** First offset not yet given. */
  next: number;
  /** Of the job's checkpoint: when the record before it was appended; 0 when that is not known. */
  seen_us: number;
  /** Read, but not yet given. */
  rest: LogBatch | null;
  small: boolean;
  checked: boolean;
}

export class EmbeddedReader implements LogReader {
  readonly #waiter = new Waiter();
  readonly #deafen: () => void;
  readonly #cursors: Cursor[];
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

  /** How long to wait before looking without a ring: rarely where rings come, until something is found that none told of. */
  #look_ms = LOG_LOOK_MS;

  async poll(limits: { records_max: number; timeout_ms: number }): Promise<LogBatch[]> {
    const deadline = monotonicMs() + limits.timeout_ms;
    for (let [news, rung] = [true, true]; ; ) {
      const batches = news ? this.#take(limits.records_max) : [];
      if (batches.length > 0 && !rung) this.#look_ms = LOG_LOOK_MS;
      const left = deadline - monotonicMs();
      const woken = this.#waiter.takeWoken();
      if (batches.length > 0 || woken || left <= 0) {
        if (batches.length === 0) this.log.assertInPlace();
        return batches;
      }
      rung = await this.#waiter.wait(Math.min(left, this.#look_ms));
      if (rung) this.#look_ms = LOG_LOOK_RUNG_MS;
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
    // The partition that came first this time comes last the next time, so that none starves.
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
      // At the end: the usual case. Else retention went past this position, or the file is another one.
      if (this.source.span(cursor.partition).end !== cursor.next) cursor.checked = false;
      return null;
    }
    cursor.small = found.small;
    return sliceBatch(found.batch, cursor.next - base, found.batch.count);
  }

  /** Compares the job's position with what the log holds, and gives the first offset of the block to read. */
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
