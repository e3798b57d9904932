/** Finds the blocks of an embedded log's file, checks them, and decodes them into batches. */
import type { Database, Statement } from "bun:sqlite";
import { TidemarkError } from "../../base/errors.ts";
import { OFFSETS_MAX } from "../../base/limits.ts";
import type { Logger } from "../../base/logger.ts";
import type { LogBatch, LogPosition, PartitionSpan } from "../../contract/log.ts";
import { firstOffset, otherLog } from "../shared/shorter.ts";
import { blockHead, decodeBlock, isKnownBlock, joinBlocks } from "./block.ts";
import { SMALL_BLOCK_BYTES } from "./embedded-limits.ts";
import type { Stamps } from "./stamps.ts";

type BlockRow = [position: number, count: number, checksum: number, payload: Uint8Array];
type EdgeRow = [position: number, count: number, appended_us: number];

/** Small blocks per query: 8 MB at most. */
const SMALL_BLOCKS = 2_000;

const SELECT = "SELECT position, count, checksum, payload FROM blocks WHERE position >= ? AND position < ?";

/**
 * One log file; keeps no position. Every method fails with STORE_CORRUPT for a damaged block, or as
 * SQLite does.
 */
export class BlockSource {
  readonly #any: Statement<unknown, [number, number, number]>;
  readonly #small: Statement<unknown, [number, number, number, number]>;
  readonly #base: Statement<unknown, [number, number]>;
  readonly #first: Statement<unknown, [number, number]>;
  readonly #last: Statement<unknown, [number, number]>;
  readonly #head: Statement<unknown, [number]>;
  /** The first and the last block of each partition as they were checked last. */
  readonly #checked = { first: new Map<number, EdgeRow>(), last: new Map<number, EdgeRow>() };
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
    const edge = "SELECT position, count, appended_us FROM blocks WHERE position >= ? AND position < ?";
    this.#first = db.query(`${edge} ORDER BY position LIMIT 1`);
    this.#last = db.query(`${edge} ORDER BY position DESC LIMIT 1`);
    this.#head = db.query("SELECT substr(payload, 1, 24) FROM blocks WHERE position = ?");
    this.#version = db.query("PRAGMA data_version");
    this.#time = db.query(
      "SELECT appended_us FROM blocks WHERE position >= ? AND position <= ? ORDER BY position DESC LIMIT 1",
    );
  }

  span(partition: number): PartitionSpan {
    const [low, high] = range(partition);
    const first = this.#edge("first", low, high);
    const last = this.#edge("last", low, high);
    if (first === null || last === null) return { partition, start: 0, end: 0 };
    return { partition, start: first[0] - low, end: last[0] + last[1] - low };
  }

  /** The next record's offset, and the newest append time (µs since 1970 UTC) so far. */
  newest(partition: number): { end: number; appended_us: number } {
    const last = this.#edge("last", ...range(partition));
    return last === null
      ? { end: 0, appended_us: 0 }
      : { end: last[0] + last[1] - range(partition)[0], appended_us: last[2] };
  }

  /** As Stamps.isNew, also after another process's record. */
  isNew(partition: number): boolean {
    return this.stamps.isNew(partition, this.newest(partition).appended_us);
  }

  /**
   * A flipped bit in the position of the first or last block would make the log seem shorter. The same
   * block is checked once: SQLite reads a block of 400 kB whole for its first bytes.
   */
  #edge(which: "first" | "last", low: number, high: number): EdgeRow | null {
    const statement = which === "first" ? this.#first : this.#last;
    const row = statement.values(low, high)[0] as EdgeRow | undefined;
    if (row === undefined) return null;
    const [position, count] = row;
    const known = this.#checked[which].get(low);
    if (known?.[0] !== position || known[1] !== count)
      this.#checkOffset(position, count, this.#head.values(position)[0]![0] as Uint8Array);
    this.#checked[which].set(low, row);
    return row;
  }

  /**
   * Changes when another process has written into the file: far cheaper than a query for records.
   */
  version(): number {
    return this.#version.values()[0]![0] as number;
  }

  /** The first offset of the block that holds `offset`. */
  baseOf(partition: number, offset: number): number {
    const [low] = range(partition);
    return ((this.#base.values(low, low + offset)[0]![0] as number | null) ?? low) - low;
  }

  /**
   * The offset to begin at; fails with LOG_SHORTER_THAN_CHECKPOINT if the position is not of this
   * log.
   */
  startOf(partition: number, position: LogPosition, group: string, log: { name: string; logger: Logger }): number {
    const span = this.span(partition);
    const next = firstOffset(span, position.next, group, log);
    const before_us = next > span.start ? this.timeOf(partition, next - 1) : null;
    // After a step back of append times, the newest one is not the one just before the offset.
    if (position.seen_us === 0 || before_us === null || before_us === position.seen_us) return next;
    if (before_us < position.seen_us && position.seen_us <= this.stamps.highest(partition)) return next;
    throw otherLog(partition, position, group, log.name);
  }

  /** When the record at `offset` was appended, or null if it is no longer kept. */
  timeOf(partition: number, offset: number): number | null {
    const [low] = range(partition);
    return (this.#time.values(low, low + offset)[0]?.[0] as number | undefined) ?? null;
  }

  /**
   * The batch that begins at `base`, a block's first offset; null at the end and before the start.
   * `small` guesses the size of the next blocks; the returned one is the next guess.
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

  /** The contiguous blocks from `position` on; a larger block between small ones ends them. */
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
    if (isKnownBlock(payload)) return;
    throw new TidemarkError(
      "SCHEMA_NEWER",
      `${this.path} was written by a newer Tidemark: the block at ${offsetText(position)} has a format that this one doesn't know.`,
      "Use that Tidemark, or another data directory.",
    );
  }

  /** The row's own numbers have no checksum: they must equal the block's. */
  #checkOffset(position: number, count: number, block: Uint8Array): void {
    const head = blockHead(block);
    if (head.count === count && head.base_offset === position % OFFSETS_MAX) return;
    throw this.#damage(position, "is at the wrong offset");
  }

  #damage(position: number, what: string): TidemarkError {
    return damage(this.path, `the block at ${offsetText(position)} ${what}`);
  }
}

/** A position for people. */
function offsetText(position: number): string {
  return `offset ${position % OFFSETS_MAX} of partition ${Math.floor(position / OFFSETS_MAX)}`;
}

/** STORE_CORRUPT for a log file; `what` completes the sentence. */
export function damage(path: string, what: string): TidemarkError {
  return new TidemarkError(
    "STORE_CORRUPT",
    `${path} is damaged: ${what}.`,
    "The records from there on can't be trusted. Restore the file from a copy, or move it away and start with a new log.",
  );
}

function range(partition: number): [low: number, high: number] {
  return [partition * OFFSETS_MAX, (partition + 1) * OFFSETS_MAX];
}
