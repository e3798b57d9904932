/** A log's start and end offsets, for readers that never create or change an embedded log. */
import type { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import type { DataPaths } from "../base/data-dir.ts";
import type { Logger } from "../base/logger.ts";
import { openReadOnly, storeError } from "../base/sqlite.ts";
import type { Log, PartitionSpan } from "../contract/log.ts";
import type { Problem } from "../contract/problems.ts";
import { BlockSource } from "./embedded/block-source.ts";
import { FirstTicks } from "./embedded/first-ticks.ts";
import { Stamps } from "./embedded/stamps.ts";
import { openLog, parseLogUrl } from "./open.ts";

export interface LogEnds {
  /**
   * The partitions' spans; null if there is no log yet. Rejects with LOG_UNREACHABLE, LOG_SETTINGS,
   * STORE_CORRUPT or DATA_DIR.
   */
  ask(): Promise<PartitionSpan[] | null>;
  /**
   * After `ask`: the error to report if the user lacks a right that the pipeline needs; else null.
   */
  lacking(): Promise<Error | null>;
  /** After `ask`: problems of a log that can be read. */
  problems(): Problem[];
  /**
   * Embedded only, after `ask`: receipt of the first tick that a reader has not read
   * (embedded/first-ticks.ts); null if it is not known. Fails as `ask` does.
   */
  firstTick?(
    name: string,
    positions: ReadonlyMap<number, number>,
    product: string,
  ): { received_us: number | null } | null;
  /** Closes the log; the next `ask` opens it again. */
  reset(): void;
}

/**
 * Opens nothing before the first `ask`. Fails with USAGE for a URL that is not valid. `productOf`:
 * the product of a record that is a tick, else null; only `firstTick` needs it.
 */
export function logEnds(
  url: string,
  paths: DataPaths,
  logger: Logger,
  productOf: (record: Uint8Array) => string | null = () => null,
): LogEnds {
  return parseLogUrl(url).kind === "embedded"
    ? new EmbeddedEnds(paths.log, logger, new FirstTicks(productOf))
    : new OpenedEnds(url, paths, logger);
}

class EmbeddedEnds implements LogEnds {
  #db: Database | null = null;
  /** Of the open file. */
  #blocks: BlockSource | null = null;
  /** The open file's inode and modification time. */
  #file = "";
  /** The inode and birth time of the log whose ticks `first_ticks` knows. */
  #log = "";

  constructor(
    private readonly path: string,
    private readonly logger: Logger,
    private readonly first_ticks: FirstTicks,
  ) {}

  async ask(): Promise<PartitionSpan[] | null> {
    const stat = statSync(this.path, { throwIfNoEntry: false });
    const file = stat === undefined ? "" : `${stat.ino} ${stat.mtimeMs}`;
    if (file !== this.#file) this.#close();
    // A checkpoint changes the time only: what was read of the log is still true.
    const log = stat === undefined ? "" : `${stat.ino} ${stat.birthtimeMs}`;
    if (log !== this.#log) this.first_ticks.clear();
    this.#log = log;
    this.#db ??= openReadOnly(this.path);
    this.#file = file;
    const db = this.#db;
    if (db === null) return null;
    try {
      const source = this.#source(db);
      return Array.from({ length: partitionsOf(db) }, (_, partition) => source.span(partition));
    } catch (error) {
      this.reset();
      // A writer creates the file and its tables in two steps.
      if (/no such table/.test(String(error))) return null;
      throw storeError(this.path, error);
    }
  }

  firstTick(name: string, positions: ReadonlyMap<number, number>, product: string) {
    const db = this.#db;
    return db === null ? null : this.first_ticks.find(this.#source(db), partitionsOf(db), { name, positions, product });
  }

  #source(db: Database): BlockSource {
    this.#blocks ??= new BlockSource(db, this.path, this.#stamps(db));
    return this.#blocks;
  }

  problems(): Problem[] {
    return this.#db === null ? [] : this.#stamps(this.#db).problems();
  }

  #stamps(db: Database): Stamps {
    return new Stamps(db, { name: `embedded:${this.path}`, logger: this.logger });
  }

  async lacking(): Promise<null> {
    return null;
  }

  reset(): void {
    this.first_ticks.clear();
    this.#close();
  }

  #close(): void {
    this.#db?.close();
    this.#db = null;
    this.#blocks = null;
    this.#file = "";
  }
}

/** The number of partitions of an embedded log's file; 0 if it has none yet. */
export function partitionsOf(db: Database): number {
  const row = db.query<{ value: string }, []>("SELECT value FROM settings WHERE name = 'partitions'").get();
  return Number(row?.value ?? 0);
}

class OpenedEnds implements LogEnds {
  #log: Promise<Log> | null = null;

  constructor(
    private readonly url: string,
    private readonly paths: DataPaths,
    private readonly logger: Logger,
  ) {}

  async ask(): Promise<PartitionSpan[]> {
    this.#log ??= openLog(this.url, this.paths, { role: "reader", logger: this.logger });
    try {
      return await (await this.#log).spans();
    } catch (error) {
      this.reset();
      throw error;
    }
  }

  /** The stages check the append times of a cluster. */
  problems(): Problem[] {
    return [];
  }

  async lacking(): Promise<Error | null> {
    return (await (await this.#log)?.lacking?.()) ?? null;
  }

  reset(): void {
    const gone = this.#log;
    this.#log = null;
    void gone?.then((log) => log.close()).catch(() => {});
  }
}
