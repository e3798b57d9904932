/** The log in one SQLite file: append-only blocks, several processes at once, retention. Nothing to install. */
import type { Database, Statement } from "bun:sqlite";
import { statSync } from "node:fs";
import { monotonicMs, nowUs } from "../../base/clock.ts";
import { type DataPaths, nearOf } from "../../base/data-dir.ts";
import { systemCode, TidemarkError } from "../../base/errors.ts";
import {
  BLOCK_BYTES_MAX,
  BLOCK_RECORDS_MAX,
  LOG_BUSY_MS,
  OFFSETS_MAX,
  PARTITIONS_MAX,
  RETAIN_GAP_US,
  RETAIN_SETTLE_MS,
} from "../../base/limits.ts";
import type { Logger } from "../../base/logger.ts";
import { openDatabase, type SchemaSpec, storeError } from "../../base/sqlite.ts";
import type {
  AppendRecord,
  Log,
  LogBatch,
  LogPosition,
  LogReader,
  PartitionSpan,
  ReaderOptions,
} from "../../contract/log.ts";
import type { Problem } from "../../contract/problems.ts";
import { AppendQueue } from "../shared/append-queue.ts";
import { newestPerKey, sliceBatch } from "../shared/batches.ts";
import { Partitioner } from "../shared/partition.ts";
import { Bell } from "./bell.ts";
import { encodeBlock } from "./block.ts";
import { BlockSource, damage, EmbeddedReader } from "./block-reader.ts";
import CREATE from "./log.sql" with { type: "text" };
import { dropBlocks, type Retention } from "./retention.ts";
import { Stamps } from "./stamps.ts";

/** Retention looks this often, and drops so many blocks of a partition in one go. */
const RETAIN_EVERY_MS = 60_000;
const RETAIN_BLOCKS = 200;

export const LOG_SCHEMA: SchemaSpec = { create: CREATE, version: 1, check: "rows" };

export interface EmbeddedOptions {
  /** A writer's commits are power-durable; a reader only notes how far its group is. */
  role: "writer" | "reader";
  /** For a new log; an older one keeps its own, and another number given is LOG_SETTINGS. */
  partitions?: number;
  /** A writer drops records that are older than this, microseconds; without it all are kept. */
  retain_us?: number;
  logger: Logger;
}

/** Opens or makes `log.db` in the data directory. */
export function openEmbedded(paths: DataPaths, options: EmbeddedOptions): EmbeddedLog {
  const db = openDatabase(paths.log, LOG_SCHEMA, options.role === "writer" ? "FULL" : "NORMAL");
  try {
    const partitions = settlePartitions(db, options.partitions);
    db.exec(`PRAGMA busy_timeout = ${LOG_BUSY_MS}`);
    return new EmbeddedLog(db, paths.log, partitions, options);
  } catch (error) {
    db.close();
    throw storeError(paths.log, error);
  }
}

function settlePartitions(db: Database, wanted: number | undefined): number {
  const insert = db.query<unknown, [string]>("INSERT OR IGNORE INTO settings VALUES ('partitions', ?)");
  const select = db.query<{ value: string }, []>("SELECT value FROM settings WHERE name = 'partitions'");
  if (!select.get()) insert.run(String(wanted ?? 1));
  const partitions = Number(select.get()!.value);
  if (!(Number.isInteger(partitions) && partitions >= 1 && partitions <= PARTITIONS_MAX)) {
    throw damage(db.filename, `it says that it has ${select.get()!.value} partitions`);
  }
  if (wanted !== undefined && wanted !== partitions) {
    throw new TidemarkError(
      "LOG_SETTINGS",
      `The log has ${partitions} partition${partitions === 1 ? "" : "s"}, not ${wanted}, and a log keeps the number it was made with.`,
      "Leave the number out, or use another data directory.",
    );
  }
  return partitions;
}

export class EmbeddedLog implements Log {
  readonly kind = "embedded";
  readonly name: string;
  readonly #source: BlockSource;
  readonly #stamps: Stamps;
  readonly #partitioner: Partitioner;
  readonly #bell: Bell;
  readonly #insert: Statement<unknown, [number, number, number, number, Uint8Array]>;
  readonly #queue = new AppendQueue((records) => this.#commitWhenFree(records));
  readonly #retain_us: number | null;
  readonly #inode: number;
  readonly logger: Logger;
  #retainDue_ms = 0;
  #closed = false;

  constructor(
    private readonly db: Database,
    private readonly path: string,
    private readonly partitions: number,
    options: EmbeddedOptions,
  ) {
    this.logger = options.logger;
    this.#retain_us = options.role === "writer" ? (options.retain_us ?? null) : null;
    this.#inode = statSync(path).ino;
    this.name = `embedded:${nearOf(path)}`;
    this.#stamps = new Stamps(db, this);
    this.#source = new BlockSource(db, path, this.#stamps);
    this.#partitioner = new Partitioner(partitions);
    this.#bell = new Bell(bellOf(path));
    this.#insert = db.query("INSERT INTO blocks VALUES (?, ?, ?, ?, ?)");
  }

  /**
   * Resolves when the records survive a loss of power. What is given while a commit waits for its turn shares the next one.
   * Rejects with DISK_FULL when there is no room: then none of these records are in the log, and they may be given again.
   */
  append(records: AppendRecord[]): Promise<void> {
    return this.#queue.append(records);
  }

  /** A lock held elsewhere (a backup, a shell) is waited for, in pieces that leave the event loop free. */
  async #commitWhenFree(records: AppendRecord[]): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        this.#commit(records);
        this.#bell.ring();
        await this.#retainSome();
        return;
      } catch (error) {
        if (!/BUSY|LOCKED/.test(systemCode(error)) || this.#closed) throw storeError(this.path, error);
        if (tries % 50 === 10) this.logger.warn(`another process holds the lock of ${this.name}: waiting for it`);
        await Bun.sleep(LOG_BUSY_MS / 4);
      }
    }
  }

  #commit(records: AppendRecord[]): void {
    this.assertInPlace();
    this.db.exec("BEGIN IMMEDIATE");
    try {
      for (const [partition, group] of this.#partitioner.group(records)) this.#write(partition, group);
      this.db.exec("COMMIT");
    } catch (error) {
      if (this.db.inTransaction) this.db.exec("ROLLBACK");
      throw error;
    }
  }

  #write(partition: number, records: AppendRecord[]): void {
    const low = partition * OFFSETS_MAX;
    const newest = this.#source.newest(partition);
    let position = low + newest.end;
    const appended_us = this.#stamps.next(partition, newest.appended_us);
    // After such a gap the clock may be wrong, and by a wrong clock all records may look old.
    if (newest.end > 0 && appended_us - newest.appended_us > RETAIN_GAP_US) {
      this.#retainDue_ms = monotonicMs() + RETAIN_SETTLE_MS;
    }
    for (let from = 0; from < records.length; ) {
      const to = blockEnd(records, from);
      const block = encodeBlock(records, from, to, position - low, appended_us);
      this.#insert.run(position, to - from, appended_us, Bun.hash.crc32(block), block);
      position += to - from;
      from = to;
    }
  }

  /** SQLite goes on in a file that was deleted under it, and nobody would ever read what goes in there. */
  assertInPlace(): void {
    if (statSync(this.path, { throwIfNoEntry: false })?.ino === this.#inode) return;
    throw new TidemarkError(
      "DATA_DIR",
      `${this.path} was removed or replaced while it was in use.`,
      "Bring it back, or start again: a new log is made then, and what was read from the old one is not mixed with it.",
    );
  }

  async spans(): Promise<PartitionSpan[]> {
    return Array.from({ length: this.partitions }, (_, partition) => this.#source.span(partition));
  }

  async tail(records: number): Promise<LogBatch[]> {
    const batches: LogBatch[] = [];
    for (const { partition, start, end } of await this.spans()) {
      const from = Math.max(start, end - records);
      let base = this.#source.baseOf(partition, from);
      for (let small = true; base < end; ) {
        const found = this.#source.read(partition, base, small);
        if (found === null) break;
        batches.push(sliceBatch(found.batch, Math.max(0, from - base), found.batch.count));
        base += found.batch.count;
        small = found.small;
      }
    }
    return newestPerKey(batches);
  }

  async reader(options: ReaderOptions): Promise<LogReader> {
    const { path, name, partitions, logger } = this;
    const commit = this.#noteCommitted.bind(this);
    const assertInPlace = this.assertInPlace.bind(this);
    const log = { path, name, partitions, logger, bell: bellOf(path), commit, assertInPlace };
    return new EmbeddedReader(this.#source, options, log);
  }

  /** For lag display only, so that a full disk or a lock held elsewhere is no reason to stop a job. */
  #noteCommitted(group: string, positions: { partition: number; next: number }[]): void {
    const upsert = this.db.query<unknown, [string, number, number]>(
      "INSERT OR REPLACE INTO committed VALUES (?, ?, ?)",
    );
    try {
      this.db.transaction(() => {
        for (const { partition, next } of positions) upsert.run(group, partition, next);
      })();
    } catch (error) {
      this.logger.debug({ error }, `how far ${group} is could not be noted in ${this.name}`);
    }
  }

  async verify(group: string, positions: ReadonlyMap<number, LogPosition>): Promise<void> {
    for (const [partition, position] of positions)
      if (position.next > 0) this.#source.startOf(partition, position, group, this);
  }

  async committed(group: string): Promise<{ partition: number; next: number }[]> {
    const select = this.db.query<{ partition: number; next: number }, [string]>(
      "SELECT log_partition AS partition, next_offset AS next FROM committed WHERE group_name = ? ORDER BY log_partition",
    );
    return select.all(group);
  }

  /**
   * Drops whole blocks that are older than `older_than_us` or before the offset `before`, oldest first. The newest block of a partition
   * always stays: it says where the log ends. Returns the number of records dropped.
   */
  async retain({ before, ...keep }: Retention): Promise<number> {
    let dropped = 0;
    for (const { partition, start, end } of await this.spans()) {
      if (end === 0) continue;
      const low = partition * OFFSETS_MAX;
      const last = low + this.#source.baseOf(partition, end);
      const limit = before?.get(partition);
      const until = dropBlocks(
        this.db,
        { low, last },
        { ...keep, ...(limit === undefined ? {} : { before: low + limit }) },
      );
      dropped += Math.max(0, until - low - start);
    }
    return dropped;
  }

  /** Looks once a minute for what is too old, and drops a little with each append until that is gone. */
  async #retainSome(): Promise<void> {
    if (this.#retain_us === null || monotonicMs() < this.#retainDue_ms) return;
    const dropped = await this.retain({ older_than_us: nowUs() - this.#retain_us, blocks_max: RETAIN_BLOCKS });
    if (dropped === 0) this.#retainDue_ms = monotonicMs() + RETAIN_EVERY_MS;
  }

  problems(): Problem[] {
    return this.#stamps.problems();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue.idle();
    this.#bell.close();
    this.db.close();
  }
}

/** The file that readers watch. */
function bellOf(path: string): string {
  return path.replace(/\.db$/, ".notify");
}

function blockEnd(records: AppendRecord[], from: number): number {
  const most = Math.min(records.length, from + BLOCK_RECORDS_MAX);
  let bytes = 0;
  let to = from;
  while (to < most) {
    bytes += records[to]!.value.length;
    if (bytes > BLOCK_BYTES_MAX && to > from) break;
    to++;
  }
  return to;
}
