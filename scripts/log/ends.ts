/** Where a log begins and ends, for who only looks: opens it when asked, creates and changes nothing of an embedded one. */
import type { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import type { DataPaths } from "../base/data-dir.ts";
import type { TidemarkError } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { openReadOnly, storeError } from "../base/sqlite.ts";
import type { Log, PartitionSpan } from "../contract/log.ts";
import type { Problem } from "../contract/problems.ts";
import { BlockSource } from "./embedded/block-reader.ts";
import { Stamps } from "./embedded/stamps.ts";
import { openLog, parseLogUrl } from "./open.ts";

export interface LogEnds {
  /** Null: there is no log yet. Rejects with LOG_UNREACHABLE, LOG_SETTINGS, STORE_CORRUPT or DATA_DIR. */
  ask(): Promise<PartitionSpan[] | null>;
  /** What of the rights that the path needs is lacking on a cluster that has answered `ask`; null: nothing. */
  lacking(): Promise<TidemarkError | null>;
  /** What is wrong with a log that has answered `ask`, although it answers. */
  problems(): Problem[];
  /** Forgets what was opened; the next question opens it again. */
  reset(): void;
}

/** Fails with USAGE for a URL that is none. */
export function logEnds(url: string, paths: DataPaths, logger: Logger): LogEnds {
  return parseLogUrl(url).kind === "embedded"
    ? new EmbeddedEnds(paths.log, logger)
    : new OpenedEnds(url, paths, logger);
}

class EmbeddedEnds implements LogEnds {
  #db: Database | null = null;
  /** Which file, and which content of one that can't be watched, is open. */
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
      // Its writer makes the file and its tables in two steps.
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

  /** A cluster's own append times are judged by the stages that read them. */
  problems(): Problem[] {
    return [];
  }

  async lacking(): Promise<TidemarkError | null> {
    return (await (await this.#log)?.lacking?.()) ?? null;
  }

  reset(): void {
    const gone = this.#log;
    this.#log = null;
    void gone?.then((log) => log.close()).catch(() => {});
  }
}
