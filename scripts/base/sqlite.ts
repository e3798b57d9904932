/**
 * Opens SQLite files: WAL, a busy timeout, a schema version, sentences for errors. Never for a file
 * that DuckDB attaches in this process: closing one handle would drop the locks of the other.
 */
import { Database } from "bun:sqlite";
import { accessSync, constants, existsSync, rmSync, statSync } from "node:fs";
import { basename } from "node:path";
import { SCHEMA_VERSIONS } from "../contract/schema-versions.ts";
import { publish } from "./atomic-file.ts";
import { monotonicMs } from "./clock.ts";
import { type ErrorCode, sentence, systemCode, TidemarkError } from "./errors.ts";
import { BUSY_TIMEOUT_MS, QUICK_CHECK_BYTES_MAX } from "./limits.ts";

export interface SchemaSpec {
  /** The whole schema, for a new file. */
  create: string;
  /** Version of that schema: the file's `user_version`. */
  version: number;
  /** Statements that lead from version n to n + 1, by n; "" if only the meaning of a column changes. */
  migrations?: Record<number, string>;
  /** "rows": no check of the whole file at opening, because the owner checks each row that it reads. */
  check?: "file" | "rows";
  /** Page size of a new file (docs/decisions/0084-small-pages.md); an existing one keeps its own. */
  page_bytes?: number;
}

/** Bytes of WAL after which a commit moves them into the file, which waits for the disk; 0: never. */
const WAL_BYTES = 4_096_000;

/** FULL syncs each commit to the disk; NORMAL survives kill -9, a power cut may lose the last commits. */
export type Durability = "FULL" | "NORMAL";

const VITAL = ["settings", "offsets", "counters", "products", "closed_ends"];

/** Between two tries to open a file that another process is creating. */
const OPEN_RETRY_MS = 20;

/**
 * Opens a file for writing, creates or migrates it. Fails with SCHEMA_NEWER, STORE_CORRUPT, DATA_DIR,
 * or STAGE_BUSY after BUSY_TIMEOUT_MS.
 */
export function openDatabase(
  path: string,
  schema: SchemaSpec,
  durability: Durability,
  wal_bytes = WAL_BYTES,
): Database {
  // Where two connections switch a new file to WAL at once, SQLite ignores the busy timeout.
  return whileCreated("STAGE_BUSY", BUSY_TIMEOUT_MS, () => openOnce(path, schema, durability, wal_bytes));
}

/** Tries again after the error `code`, for `ms_max` at most: another process may be creating the file. */
export function whileCreated<T>(code: ErrorCode, ms_max: number, open: () => T): T {
  for (const end_ms = monotonicMs() + ms_max; ; Bun.sleepSync(OPEN_RETRY_MS)) {
    try {
      return open();
    } catch (error) {
      const isAway = error instanceof TidemarkError && error.code === code;
      if (!isAway || monotonicMs() > end_ms) throw error;
    }
  }
}

function openOnce(path: string, schema: SchemaSpec, durability: Durability, wal_bytes: number): Database {
  let db: Database | undefined;
  try {
    const isNew = !existsSync(path);
    db = new Database(path, { create: true, strict: true });
    db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    refuseNewer(path, versionOf(db), schema.version);
    if (schema.page_bytes !== undefined) db.exec(`PRAGMA page_size = ${schema.page_bytes}`);
    db.exec("PRAGMA journal_mode = WAL");
    db.exec(`PRAGMA synchronous = ${durability}`);
    const bytes = wal_bytes === 0 && !showsWal(db) ? WAL_BYTES : wal_bytes;
    db.exec(`PRAGMA wal_autocheckpoint = ${Math.ceil(bytes / pageBytes(db))}`);
    db.exec("PRAGMA cache_size = -16000");
    if (!isNew && schema.check !== "rows") quickCheck(db, path);
    upgrade(db, path, schema);
    return db;
  } catch (error) {
    db?.close();
    throw storeError(path, error);
  }
}

/**
 * Opens a file for reading; null when it isn't there yet. Fails with STORE_CORRUPT, DATA_DIR, or with
 * SCHEMA_NEWER for a store of a newer Tidemark.
 */
export function openReadOnly(path: string): Database | null {
  return openShown(path)?.db ?? null;
}

/**
 * The same without a right to write to the directory, where SQLite opens a file in WAL mode only if
 * its WAL exists. Without a WAL the file is complete (`still`) and is read as it is; it must be opened
 * again when it, or a WAL, has changed.
 */
export function openShown(path: string): { db: Database; still: boolean } | null {
  if (!existsSync(path)) return null;
  const opened = openAsItIs(path);
  try {
    refuseNewer(path, versionOf(opened.db));
    return opened;
  } catch (error) {
    opened.db.close();
    throw storeError(path, error);
  }
}

function openAsItIs(path: string): { db: Database; still: boolean } {
  let db: Database | undefined;
  try {
    db = new Database(path, { readonly: true, strict: true });
    db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    db.query("SELECT count(*) FROM sqlite_master").get();
    return { db, still: false };
  } catch (error) {
    db?.close();
    const isLeft = (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0;
    if (!isLeft || !/READONLY|CANTOPEN|IOERR_SHM/.test(systemCode(error))) throw storeError(path, error);
    try {
      accessSync(path, constants.R_OK);
      const address = `file:${encodeURI(path).replaceAll("?", "%3f").replaceAll("#", "%23")}?immutable=1`;
      return { db: new Database(address, OPEN_READONLY_URI), still: true };
    } catch (second) {
      throw storeError(path, second);
    }
  }
}

/** SQLITE_OPEN_READONLY | SQLITE_OPEN_URI (sqlite.org/c3ref/open.html). */
const OPEN_READONLY_URI = 0x41;

/** What is wrong with the pages of a file or table; null when nothing is. It takes seconds per GB. */
export function damageOf(db: Database, table?: string): string | null {
  return checked(db, `quick_check(${table ?? 1})`);
}

/** The same, and whether each index has what its table has: an altered key has a valid page. */
export function damageWithIndexes(db: Database): string | null {
  return checked(db, "integrity_check(1)");
}

function checked(db: Database, pragma: string): string | null {
  const found = db.query(`PRAGMA ${pragma}`).values()[0]?.[0];
  return found === undefined || found === "ok" ? null : String(found);
}

/** Of a large file only the vital tables are read; damage elsewhere is found when it is read. */
function quickCheck(db: Database, path: string): void {
  const isLarge = statSync(path).size > QUICK_CHECK_BYTES_MAX;
  const known = db.query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE type = 'table'").all();
  const vital = known.filter(({ name }) => VITAL.includes(name)).map(({ name }) => name);
  for (const table of isLarge ? vital : [undefined]) {
    const damage = damageOf(db, table);
    if (damage !== null) throw corrupt(path, damage);
  }
}

/** Size of a page of the file. */
export function pageBytes(db: Database): number {
  return db.query<{ page_size: number }, []>("PRAGMA page_size").get()!.page_size;
}

/** Whether this SQLite can report the size of a WAL (3.51; macOS has an older one of its own). */
export function showsWal(db: Database): boolean {
  const { version } = db.query<{ version: string }, []>("SELECT sqlite_version() AS version").get()!;
  return Bun.semver.order(version, "3.51.0") >= 0;
}

function versionOf(db: Database): number {
  return db.query<{ user_version: number }, []>("PRAGMA user_version").get()!.user_version;
}

const VERSIONS: Readonly<Record<string, number>> = SCHEMA_VERSIONS;

/** Throws SCHEMA_NEWER for a version above `known`, by default that of the store of this name. */
export function refuseNewer(path: string, version: number, known = VERSIONS[basename(path)]): void {
  if (known === undefined || version <= known) return;
  throw new TidemarkError(
    "SCHEMA_NEWER",
    `${path} was written by a newer Tidemark (schema ${version}, this one knows ${known}).`,
    "Use that Tidemark, or another data directory.",
  );
}

function upgrade(db: Database, path: string, schema: SchemaSpec): void {
  const version = versionOf(db);
  if (version === schema.version) return;
  if (version > 0 && changesData(schema, version)) keepCopy(db, `${path}.v${version}.bak`);
  db.exec("BEGIN IMMEDIATE");
  const now = versionOf(db);
  if (now === 0) db.exec(schema.create);
  for (let v = now; v > 0 && v < schema.version; v++) {
    const step = schema.migrations?.[v];
    if (step === undefined) throw corrupt(path, `no Tidemark ever wrote its schema ${v}`);
    if (step !== "") db.exec(step);
  }
  db.exec(`PRAGMA user_version = ${schema.version}`);
  db.exec("COMMIT");
}

/** Whether a step from `version` on has a statement: a copy of a log takes as much disk as the log. */
function changesData({ migrations = {}, version: last }: SchemaSpec, version: number): boolean {
  for (let v = version; v < last; v++) if (migrations[v] !== "") return true;
  return false;
}

/** By SQLite: a copy of the bytes would miss the WAL, and closing it would drop this process's locks. */
function keepCopy(db: Database, copy: string): void {
  rmSync(`${copy}.part`, { force: true });
  db.query("VACUUM INTO ?").run(`${copy}.part`);
  publish(copy, `${copy}.part`);
}

/** Removes a SQLite file and its companions. */
export function removeStore(path: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
}

function corrupt(path: string, detail: string): TidemarkError {
  return new TidemarkError("STORE_CORRUPT", `${path} is damaged: ${detail}.`, repairOf(basename(path)));
}

/** How to repair a file: stores come from the log, results from the archive, the log from nowhere. */
function repairOf(name: string): string {
  if (name === "log.db")
    return "Bring a copy of log.db back, or begin in another directory with --data DIR; what the stages have read stays in windows.db, ticks.db and archive/.";
  if (name === "results.db")
    return "Move results.db and batch_output/metrics away: the next batch creates both again. Only results.db has which files there a batch wrote.";
  const rebuilt = "windows.db and ticks.db are rebuilt from the log with --rebuild";
  return name === "windows.db" || name === "ticks.db" ? `Move ${name} away; ${rebuilt}.` : `Move ${name} away.`;
}

/** An error of SQLite or the system as a sentence about the file; any other as it is. */
export function storeError(path: string, error: unknown): unknown {
  if (error instanceof TidemarkError) return error;
  const code = systemCode(error);
  if (/CORRUPT|NOTADB|SHORT_READ/.test(code)) return corrupt(path, sentence(error));
  if (/BUSY|LOCKED/.test(code)) {
    return new TidemarkError(
      "STAGE_BUSY",
      `Another process holds the lock of ${path} (a backup, a shell?).`,
      "Let it end; nothing is lost meanwhile.",
      { cause: error },
    );
  }
  const full = spaceError(error, path);
  if (full !== error) return full;
  if (/CANTOPEN|READONLY|PERM|EACCES|IOERR|EIO|EROFS/.test(code)) {
    return new TidemarkError(
      "DATA_DIR",
      `${path} can't be read or written: ${sentence(error)}.`,
      "Check the directory and its permissions.",
      {
        cause: error,
      },
    );
  }
  return error;
}

/** DISK_FULL for a lack of space in the system, SQLite or DuckDB (text only); any other as it is. */
export function spaceError(error: unknown, path: string): unknown {
  if (error instanceof TidemarkError) return error;
  const isCode = /^(SQLITE_FULL|ENOSPC|EDQUOT|EFBIG)/.test(systemCode(error));
  if (!isCode && !/No space left on device|Disk quota exceeded|database or disk is full/.test(sentence(error)))
    return error;
  return new TidemarkError(
    "DISK_FULL",
    `No space is left for ${path}.`,
    "Free some space; nothing is lost meanwhile.",
    { cause: error },
  );
}
