/** One SQLite file of a stage, read only: opened when it appears, opened again when it was made anew. Never written, never attached by DuckDB here. */
import type { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { openReadOnly } from "../scripts/common/sqlite.ts";

export type Row = Record<string, string | number | null>;
/** Values by name, without the `$` of the SQL. */
type Parameters = Record<string, string | number | null>;

export class StoreFile {
  #db: Database | null = null;
  #ino = -1;

  constructor(readonly path: string) {}

  /** The open file, or null while it isn't there. */
  get db(): Database | null {
    const ino = statSync(this.path, { throwIfNoEntry: false })?.ino ?? -1;
    if (ino === this.#ino) return this.#db;
    this.close();
    // A stage makes its file and its tables in two steps: without a table it isn't there yet.
    const db = ino === -1 ? null : openReadOnly(this.path);
    if (db === null) return null;
    if (db.query("SELECT 1 FROM sqlite_master WHERE name = 'counters' OR name = 'runs'").get() === null) {
      db.close();
      return null;
    }
    this.#db = db;
    this.#ino = ino;
    return db;
  }

  /** Tells one file from the one that took its place: change ids begin anew then. */
  get epoch(): string {
    return this.db === null ? "none" : this.#ino.toString(36);
  }

  /** Rises whenever another process has committed: the cheapest question there is. -1 without a file. */
  get version(): number {
    return this.db?.query<{ data_version: number }, []>("PRAGMA data_version").get()?.data_version ?? -1;
  }

  all<T = Row>(sql: string, parameters: Parameters = {}): T[] {
    return this.db?.query<T, Parameters>(sql).all(parameters) ?? [];
  }

  get<T = Row>(sql: string, parameters: Parameters = {}): T | null {
    return this.db?.query<T, Parameters>(sql).get(parameters) ?? null;
  }

  /** The `counters` table as an object. */
  counters(): Record<string, number> {
    const rows = this.all<{ name: string; value: number }>("SELECT name, value FROM counters");
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  }

  setting(name: string): string | null {
    return this.get<{ value: string }>("SELECT value FROM settings WHERE name = $name", { name })?.value ?? null;
  }

  /** Bytes of the file and its write-ahead log. */
  get bytes(): number {
    return [this.path, `${this.path}-wal`].reduce(
      (sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  }

  close(): void {
    this.#db?.close();
    this.#db = null;
    this.#ino = -1;
  }
}
