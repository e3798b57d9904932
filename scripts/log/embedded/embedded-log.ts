/** The log in one SQLite file: append-only blocks, many processes at once, retention. */
import type { Database, Statement } from "bun:sqlite";
import { statSync } from "node:fs";
import { monotonicMs, nowUs } from "../../base/clock.ts";
import { type DataPaths, nearOf } from "../../base/data-dir.ts";
import { passes, systemCode, TidemarkError } from "../../base/errors.ts";
import { OFFSETS_MAX, PARTITIONS_MAX } from "../../base/limits.ts";
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
import { SCHEMA_VERSIONS } from "../../contract/schema-versions.ts";
import { AppendQueue } from "../shared/append-queue.ts";
import { newestPerKey } from "../shared/batches.ts";
import { Partitioner } from "../shared/partition.ts";
import { readLast } from "../shared/read-to-end.ts";
import { Bell } from "./bell.ts";
import { encodeBlock } from "./block.ts";
import { BlockSource, damage } from "./block-source.ts";
import { BLOCK_BYTES_MAX, BLOCK_RECORDS_MAX, LOG_BUSY_MS, RETAIN_GAP_US, RETAIN_SETTLE_MS } from "./embedded-limits.ts";
import { EmbeddedReader } from "./embedded-reader.ts";
import CREATE from "./log.sql" with { type: "text" };
import { dropBlocks, type Retention } from "./retention.ts";
import { Stamps } from "./stamps.ts";
import { WalSync } from "./wal-sync.ts";

/** Retention checks this often, and drops at most this many blocks of a partition at a time. */
const [RETAIN_EVERY_MS, RETAIN_BLOCKS] = [60_000, 200];

/** Version 2 has the same tables: it lets a program that knows no receipt times refuse the file. */
export const LOG_SCHEMA: SchemaSpec = {
  create: CREATE,
  version: SCHEMA_VERSIONS["log.db"],
  migrations: { 1: "" },
  check: "rows",
  page_bytes: 2_048,
};

/** Bytes of WAL after which a commit of each moves them into the file, and waits for the disk. */
const WAL_BYTES = { writer: 16_384_000, reader: 0, relief: 4_096_000 };

interface EmbeddedOptions {
  /** `relief`: a reader that may wait for the disk, and moves the WAL into the file for the writer. */
  role: "writer" | "reader" | "relief";
  /** For a new log; with an existing one of another number opening fails with LOG_SETTINGS. */
  partitions?: number;
  /** A writer drops records older than this, microseconds; default: keep forever. */
  retain_us?: number;
  logger: Logger;
}

/** Opens `log.db`, or creates it. Fails with LOG_SETTINGS or a storeError. */
export function openEmbedded(paths: DataPaths, options: EmbeddedOptions): EmbeddedLog {
  const db = openDatabase(paths.log, LOG_SCHEMA, "NORMAL", WAL_BYTES[options.role]);
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
    throw damage(db.filename, `its number of partitions is ${select.get()!.value}`);
  }
  if (wanted !== undefined && wanted !== partitions) {
    throw new TidemarkError(
      "LOG_SETTINGS",
      `The log has ${partitions} partition${partitions === 1 ? "" : "s"}, not ${wanted}. The number is fixed when the log is created.`,
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
  readonly #sync: WalSync;
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
    this.#sync = new WalSync(db, path);
    this.#insert = db.query("INSERT INTO blocks VALUES (?, ?, ?, ?, ?)");
  }

  /**
   * Resolves when the records survive `kill -9` and readers see them; they survive a loss of power
   * soon after (docs/decisions/0085-seen-before-synced.md). Appends during a commit share the next.
   * Rejects with DISK_FULL: then none of these records is in the log: they can be appended again.
   */
  append(records: AppendRecord[]): Promise<void> {
    return this.#queue.append(records);
  }

  /** Waits while another process holds the lock (a backup, a shell), without blocking. */
  async #commitWhenFree(records: AppendRecord[]): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        this.#commit(records);
        this.#bell.ring();
        this.#sync.committed();
        break;
      } catch (error) {
        if (!/BUSY|LOCKED/.test(systemCode(error)) || this.#closed) throw storeError(this.path, error);
        if (tries % 50 === 10) this.logger.warn(`another process holds the lock of ${this.name}: waiting for it`);
        await Bun.sleep(LOG_BUSY_MS / 4);
      }
    }
    await this.#retainSome();
  }

  #commit(records: AppendRecord[]): void {
    this.assertInPlace();
    const groups = [...this.#partitioner.group(records)];
    this.#sync.begin(groups.every(([partition]) => this.#source.isNew(partition)) ? "NORMAL" : "FULL");
    this.db.exec("BEGIN IMMEDIATE");
    try {
      for (const [partition, group] of groups) this.#write(partition, group);
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
    // After a gap this long the clock may be wrong, which would make every record look old.
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

  /** SQLite keeps writing to a deleted file; those records would be lost. Fails with DATA_DIR. */
  assertInPlace(): void {
    if (statSync(this.path, { throwIfNoEntry: false })?.ino === this.#inode) return;
    throw new TidemarkError(
      "DATA_DIR",
      `${this.path} was removed or replaced while it was in use.`,
      "Restore it, or start again with a new log: the stages refuse to mix the two.",
    );
  }

  async spans(): Promise<PartitionSpan[]> {
    return Array.from({ length: this.partitions }, (_, partition) => this.#source.span(partition));
  }

  readLast(records: number): AsyncGenerator<LogBatch> {
    return readLast(this, records, "tidemark-tail");
  }

  async tail(records: number): Promise<LogBatch[]> {
    return newestPerKey(await Array.fromAsync(this.readLast(records)));
  }

  async reader(options: ReaderOptions): Promise<LogReader> {
    const { path, name, partitions, logger } = this;
    const commit = this.#noteCommitted.bind(this);
    const assertInPlace = this.assertInPlace.bind(this);
    const log = { path, name, partitions, logger, bell: bellOf(path), commit, assertInPlace };
    return new EmbeddedReader(this.#source, options, log);
  }

  /** For lag display only: neither a full disk nor a lock held elsewhere may stop a job. */
  #noteCommitted(group: string, positions: { partition: number; next: number }[]): void {
    const upsert = this.db.query<unknown, [string, number, number]>(
      "INSERT OR REPLACE INTO committed VALUES (?, ?, ?)",
    );
    try {
      this.db.transaction(() => {
        for (const { partition, next } of positions) upsert.run(group, partition, next);
      })();
    } catch (error) {
      this.logger.debug({ error }, `the offsets of ${group} could not be stored in ${this.name}`);
    }
  }

  async verify(group: string, positions: ReadonlyMap<number, LogPosition>): Promise<void> {
    const read = [...positions].filter(([, { next }]) => next > 0);
    for (const [partition, position] of read) this.#source.startOf(partition, position, group, this);
  }

  async committed(group: string): Promise<{ partition: number; next: number }[]> {
    const select = this.db.query<{ partition: number; next: number }, [string]>(
      "SELECT log_partition AS partition, next_offset AS next FROM committed WHERE group_name = ? ORDER BY log_partition",
    );
    return select.all(group);
  }

  /**
   * Drops whole blocks, oldest first; a partition's newest block stays, since it holds the end
   * offset. Returns how many records.
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

  /** Checks once a minute, then drops a few blocks with each append until none is too old. */
  async #retainSome(): Promise<void> {
    if (this.#retain_us === null || monotonicMs() < this.#retainDue_ms) return;
    const oldest = { older_than_us: nowUs() - this.#retain_us, blocks_max: RETAIN_BLOCKS };
    // The records are in the log already: an error that passes must not append them again.
    const dropped = await this.retain(oldest).catch((error) =>
      passes(storeError(this.path, error)) ? 0 : Promise.reject(storeError(this.path, error)),
    );
    if (dropped === 0) this.#retainDue_ms = monotonicMs() + RETAIN_EVERY_MS;
  }

  problems(): Problem[] {
    return this.#stamps.problems();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue.idle();
    await this.#sync.end().finally(() => {
      this.#bell.close();
      this.db.close();
    });
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
