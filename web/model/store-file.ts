/** One SQLite file of a stage, read only; opened again when it is replaced. */
import type { Database, Statement } from "bun:sqlite";
import { type Stats, statSync } from "node:fs";
import { basename } from "node:path";
import { sentence, TidemarkError } from "../../scripts/base/errors.ts";
import { openShown, storeError } from "../../scripts/base/sqlite.ts";

type Row = Record<string, string | number | null>;
/** Values by name, without the `$` of the SQL. */
type Parameters = Record<string, string | number | null>;

export class StoreFile {
  #db: Database | null = null;
  #ino = -1;
  /** Of the open file, when a stage created it: an inode is used again. */
  #created = "";
  /** Sizes and time of a file that is read without locks (openShown); "" otherwise. */
  #still = "";
  /** While work is done on one commit: whether the file was replaced meanwhile is not asked. */
  #fixed: Database | null = null;
  /** Of the open file, by their text, of which the code has some dozens: Bun keeps only the first 20. */
  readonly #statements = new Map<string, Statement>();
  /** Errors by query, until it works again or the file is replaced. */
  readonly #failures = new Map<string, TidemarkError>();
  /** True: what can't be read is empty and `failure` has the reason. False: it is thrown. */
  lenient = false;

  constructor(readonly path: string) {}

  /** The open file; null while there is none. Fails with STORE_CORRUPT or DATA_DIR unless lenient. */
  get db(): Database | null {
    return this.#try("", null, () => this.#open());
  }

  /** Why the file, or a part of it, can't be read; null when nothing is known against it. */
  get failure(): TidemarkError | null {
    return [...this.#failures.values()][0] ?? null;
  }

  #open(): Database | null {
    if (this.#fixed !== null) return this.#fixed;
    const stat = statSync(this.path, { throwIfNoEntry: false });
    const ino = stat?.ino ?? -1;
    if (ino === this.#ino && (this.#still === "" || this.#still === this.#content(stat))) return this.#db;
    this.close();
    // A stage creates its file and its tables in two steps: without tables there is no file yet.
    const opened = ino === -1 ? null : openShown(this.path);
    if (opened === null) return null;
    const { db, still } = opened;
    try {
      if (db.query("SELECT 1 FROM sqlite_master WHERE name = 'counters' OR name = 'runs'").get() === null) {
        db.close();
        return null;
      }
    } catch (error) {
      db.close();
      throw error;
    }
    this.#db = db;
    this.#ino = ino;
    this.#created = createdOf(db);
    this.#still = still ? this.#content(stat) : "";
    return db;
  }

  #content(stat: Stats | undefined): string {
    const wal = statSync(`${this.path}-wal`, { throwIfNoEntry: false });
    return `${stat?.mtimeMs} ${stat?.size} ${wal?.size ?? 0}`;
  }

  /**
   * Changes when the file is replaced: its change ids begin again. The same in another process; letters
   * and digits. "none" without a file.
   */
  get epoch(): string {
    return this.#quietly("none", () => (this.#open() === null ? "none" : `${this.#ino.toString(36)}${this.#created}`));
  }

  /** Changes with each commit of another process; reads no table. -1 without a file. */
  get version(): number {
    return this.#quietly(-1, () => {
      const db = this.#open();
      if (db === null) return -1;
      if (this.#still !== "") return Bun.hash.crc32(this.#still);
      return this.#prepared<{ data_version: number }>("PRAGMA data_version")?.get()?.data_version ?? -1;
    });
  }

  all<T = Row>(sql: string, parameters: Parameters = {}): T[] {
    return this.#try<T[]>(sql, [], () => this.#prepared<T>(sql)?.all(parameters) ?? []);
  }

  get<T = Row>(sql: string, parameters: Parameters = {}): T | null {
    return this.#try<T | null>(sql, null, () => this.#prepared<T>(sql)?.get(parameters) ?? null);
  }

  #prepared<T>(sql: string): Statement<T, Parameters[]> | null {
    const db = this.#open();
    if (db === null) return null;
    const known = this.#statements.get(sql) ?? db.prepare(sql);
    this.#statements.set(sql, known);
    return known as Statement<T, Parameters[]>;
  }

  /** Does the work on one commit of the file: what other processes commit meanwhile is not seen. */
  atOneCommit<T>(work: () => T): T {
    const db = this.#quietly(null, () => this.#open());
    if (db === null || db.inTransaction) return work();
    this.#quietly(undefined, () => db.exec("BEGIN"));
    this.#fixed = db;
    try {
      return work();
    } finally {
      this.#fixed = null;
      // A file that was replaced meanwhile is closed; a damaged one has no transaction.
      if (db === this.#db) this.#quietly(undefined, () => db.inTransaction && db.exec("COMMIT"));
    }
  }

  /** The `counters` table as an object. */
  counters(): Record<string, number> {
    const rows = this.all<{ name: string; value: number }>("SELECT name, value FROM counters");
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  }

  setting(name: string): string | null {
    return this.get<{ value: string }>("SELECT value FROM settings WHERE name = $name", { name })?.value ?? null;
  }

  /** A setting that holds JSON; null without it. Text that isn't JSON is a failure of the file. */
  json(name: string): unknown {
    const text = this.setting(name);
    return this.#try(`setting ${name}`, null, () => (text === null ? null : JSON.parse(text)));
  }

  /** Bytes of the file and its write-ahead log. */
  get bytes(): number {
    return [this.path, `${this.path}-wal`].reduce(
      (sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  }

  close(): void {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#statements.clear();
    this.#db?.close();
    this.#db = null;
    this.#ino = -1;
    this.#still = "";
    this.#failures.clear();
  }

  #try<T>(sql: string, nothing: T, work: () => T): T {
    try {
      const answer = work();
      this.#failures.delete("");
      this.#failures.delete(sql);
      return answer;
    } catch (error) {
      const failure = this.#asSentence(error);
      this.#failures.set(this.#db === null ? "" : sql, failure);
      if (this.lenient) return nothing;
      throw failure;
    }
  }

  /** For what is polled many times per second: a file that can't be read counts as unchanged. */
  #quietly<T>(nothing: T, work: () => T): T {
    try {
      return work();
    } catch {
      return nothing;
    }
  }

  #asSentence(error: unknown): TidemarkError {
    const known = storeError(this.path, error);
    if (known instanceof TidemarkError) return known;
    return new TidemarkError(
      "STORE_CORRUPT",
      `${this.path} can't be read as expected: ${sentence(error)}.`,
      `Another version of Tidemark may have written ${basename(this.path)}: start this version of its stage, which migrates it.`,
    );
  }
}

/** Seven letters and digits; "" where no stage has noted it, or it can't be read. */
function createdOf(db: Database): string {
  try {
    const found = db.query<{ value: string }, []>("SELECT value FROM settings WHERE name = 'created'").get();
    return found === null ? "" : Bun.hash.crc32(found.value).toString(36).padStart(7, "0");
  } catch {
    return "";
  }
}
