/** Opening SQLite files the one way: WAL, a busy timeout, a schema version, sentences for what can go wrong. Never for a file that DuckDB attaches in this process (faults.md 1.1). */
import { Database } from "bun:sqlite";
import { accessSync, constants, existsSync, rmSync, statSync } from "node:fs";
import { basename } from "node:path";
import { publish } from "./atomic-file.ts";
import { monotonicMs } from "./clock.ts";
import { sentence, systemCode, TidemarkError } from "./errors.ts";
import { BUSY_TIMEOUT_MS, QUICK_CHECK_BYTES_MAX } from "./limits.ts";

export interface SchemaSpec {
  /** The whole schema, for a new file. */
  create: string;
  /** Version of that schema: the file's `user_version`. */
  version: number;
  /** Statements that lead from version n to n + 1, by n. */
  migrations?: Record<number, string>;
  /** "rows" leaves out the check of the whole file at opening: the owner checks each row that it reads, so that a start doesn't cost history. */
  check?: "file" | "rows";
}

/** FULL syncs every commit to the disk (power-durable), NORMAL survives kill -9 but may lose the last commits with the power. */
export type Durability = "FULL" | "NORMAL";

const VITAL = ["settings", "offsets", "counters", "products", "closed_ends"];

/** Between two tries to open a file that another process is just making. */
const OPEN_RETRY_MS = 20;

/** Opens a file for writing, creates or migrates it. Fails with SCHEMA_NEWER, STORE_CORRUPT, DATA_DIR, or STAGE_BUSY after BUSY_TIMEOUT_MS. */
export function openDatabase(path: string, schema: SchemaSpec, durability: Durability): Database {
  for (const end_ms = monotonicMs() + BUSY_TIMEOUT_MS; ; Bun.sleepSync(OPEN_RETRY_MS)) {
    try {
      return openOnce(path, schema, durability);
    } catch (error) {
      // SQLite does not wait where two connections switch a new file to WAL at once: it says busy to one of them, whatever the timeout.
      const isBusy = error instanceof TidemarkError && error.code === "STAGE_BUSY";
      if (!isBusy || monotonicMs() > end_ms) throw error;
    }
  }
}

function openOnce(path: string, schema: SchemaSpec, durability: Durability): Database {
  let db: Database | undefined;
  try {
    const isNew = !existsSync(path);
    db = new Database(path, { create: true, strict: true });
    db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    refuseNewer(db, path, schema.version);
    db.exec("PRAGMA journal_mode = WAL");
    db.exec(`PRAGMA synchronous = ${durability}`);
    db.exec("PRAGMA cache_size = -16000");
    if (!isNew && schema.check !== "rows") quickCheck(db, path);
    upgrade(db, path, schema);
    return db;
  } catch (error) {
    db?.close();
    throw storeError(path, error);
  }
}

/** Opens a file for reading only, or null when it isn't there yet. Fails with STORE_CORRUPT or DATA_DIR when it can't be read. */
export function openReadOnly(path: string): Database | null {
  return openShown(path)?.db ?? null;
}

/**
 * The same, also for who may only read the directory: SQLite then opens a file in WAL mode only beside its WAL. Without one the file
 * holds everything (`still`); it is read as it is, and must be opened again as soon as it, or a WAL, has changed.
 */
export function openShown(path: string): { db: Database; still: boolean } | null {
  if (!existsSync(path)) return null;
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

/** What is wrong with the pages of a file, or of one of its tables; null when nothing is. Reads all of it: seconds a gigabyte. */
export function damageOf(db: Database, table?: string): string | null {
  const row = db.query<{ quick_check: string }, []>(`PRAGMA quick_check(${table ?? 1})`).get();
  return row === null || row.quick_check === "ok" ? null : row.quick_check;
}

/** Of a file that grew large only the tables that everything hangs on are read; damage elsewhere is noticed where it is met. */
function quickCheck(db: Database, path: string): void {
  const isLarge = statSync(path).size > QUICK_CHECK_BYTES_MAX;
  const known = db.query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE type = 'table'").all();
  const vital = known.filter(({ name }) => VITAL.includes(name)).map(({ name }) => name);
  for (const table of isLarge ? vital : [undefined]) {
    const damage = damageOf(db, table);
    if (damage !== null) throw corrupt(path, damage);
  }
}

function versionOf(db: Database): number {
  return db.query<{ user_version: number }, []>("PRAGMA user_version").get()!.user_version;
}

function refuseNewer(db: Database, path: string, known: number): void {
  const version = versionOf(db);
  if (version <= known) return;
  throw new TidemarkError(
    "SCHEMA_NEWER",
    `${path} was written by a newer Tidemark (schema ${version}, this one knows ${known}).`,
    "Use that Tidemark, or another data directory.",
  );
}

function upgrade(db: Database, path: string, schema: SchemaSpec): void {
  const version = versionOf(db);
  if (version === schema.version) return;
  if (version > 0) keepCopy(db, `${path}.v${version}.bak`);
  db.exec("BEGIN IMMEDIATE");
  const now = versionOf(db);
  if (now === 0) db.exec(schema.create);
  for (let v = now; v > 0 && v < schema.version; v++) {
    const step = schema.migrations?.[v];
    if (step === undefined) throw corrupt(path, `no Tidemark ever wrote its schema ${v}`);
    db.exec(step);
  }
  db.exec(`PRAGMA user_version = ${schema.version}`);
  db.exec("COMMIT");
}

/** By SQLite itself: a copy of the file's bytes would leave out the WAL, and closing it would drop this process's locks. */
function keepCopy(db: Database, copy: string): void {
  rmSync(`${copy}.part`, { force: true });
  db.query("VACUUM INTO ?").run(`${copy}.part`);
  publish(copy, `${copy}.part`);
}

/** Removes a SQLite file with what belongs to it. */
export function removeStore(path: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
}

function corrupt(path: string, detail: string): TidemarkError {
  return new TidemarkError("STORE_CORRUPT", `${path} is damaged: ${detail}.`, repairOf(basename(path)));
}

/** What brings a damaged file back: the stores come from the log, the results from the archive, the log from nowhere. */
function repairOf(name: string): string {
  if (name === "log.db")
    return "Bring a copy of log.db back, or begin in another directory with --data DIR; what the stages have read stays in windows.db, ticks.db and archive/.";
  if (name === "results.db") return "Move results.db away; the next batch makes it again.";
  const rebuilt = "windows.db and ticks.db are rebuilt from the log with --rebuild";
  return name === "windows.db" || name === "ticks.db" ? `Move ${name} away; ${rebuilt}.` : `Move ${name} away.`;
}

/** SQLite's and the system's errors as sentences about the file. */
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

/** DISK_FULL for an error of the system, of SQLite or of DuckDB (which has words only) about a lack of space; any other as it is. */
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
