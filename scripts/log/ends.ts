/** A log's start and end offsets, for readers that never create or change an embedded log. */
import type { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import type { DataPaths } from "../base/data-dir.ts";
import type { Logger } from "../base/logger.ts";
import { openReadOnly, storeError } from "../base/sqlite.ts";
import type { Log, PartitionSpan } from "../contract/log.ts";
import type { Problem } from "../contract/problems.ts";
import { BlockSource } from "./embedded/block-source.ts";
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
  /** Closes the log; the next `ask` opens it again. */
  reset(): void;
}

/** Opens nothing before the first `ask`. Fails with USAGE for a URL that is not valid. */
export function logEnds(url: string, paths: DataPaths, logger: Logger): LogEnds {
  return parseLogUrl(url).kind === "embedded"
    ? new EmbeddedEnds(paths.log, logger)
    : new OpenedEnds(url, paths, logger);
}

class EmbeddedEnds implements LogEnds {
  #db: Database | null = null;
  /** The open file's inode and modification time. */
  #file = "";

  constructor(
    private readonly path: string,
    private readonly logger: Logger,
  ) {}

  async ask(): Promise<PartitionSpan[] | null> {
    const stat = statSync(this.path, { throwIfNoEntry: false });
    const file = stat === undefined ? "" : `${stat.ino} ${stat.mtimeMs}`;
    if (file !== this.#file) this.reset();
    this.#db ??= openReadOnly(this.path);
    this.#file = file;
    const db = this.#db;
    if (db === null) return null;
    try {
      const row = db.query<{ value: string }, []>("SELECT value FROM settings WHERE name = 'partitions'").get();
      const source = new BlockSource(db, this.path, this.#stamps(db));
      return Array.from({ length: Number(row?.value ?? 0) }, (_, partition) => source.span(partition));
    } catch (error) {
      this.reset();
      // A writer creates the file and its tables in two steps.
      if (/no such table/.test(String(error))) return null;
      throw storeError(this.path, error);
    }
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
    this.#db?.close();
    this.#db = null;
    this.#file = "";
  }
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
