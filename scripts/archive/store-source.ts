/** Reads ticks.db and windows.db through DuckDB's sqlite extension, or through a child: the same rows. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { TEMPORARY } from "../base/atomic-file.ts";
import type { DataPaths } from "../base/data-dir.ts";
import { TidemarkError } from "../base/errors.ts";
import { BUSY_TIMEOUT_MS } from "../base/limits.ts";
import type { Logger } from "../base/logger.ts";
import { spawnScript } from "../base/process.ts";
import { quoted } from "../base/sql-text.ts";
import { refuseNewer } from "../base/sqlite.ts";
import { failedChild } from "./failed-read.ts";
import { allowedList, fileLiteral } from "./sql-literal.ts";
import { loadSqliteExtension } from "./sqlite-extension.ts";

export type StoreName = "ticks" | "windows";

export interface Source {
  readonly kind: "extension" | "child";
  /** Whether windows.db is there. */
  readonly has_windows: boolean;
  /**
   * A FROM item with the rows of one SQLite SELECT over plain columns, valid until the next one; cast
   * each column, since the child returns text.
   */
  from(store: StoreName, select: string, columns: readonly string[]): Promise<string>;
  /** A FROM item with all rows of a table; unlike `from`, whose doubles are text of 15 digits, exact. */
  table(store: StoreName, table: string, columns: readonly string[]): Promise<string>;
  close(): Promise<void>;
}

/**
 * Attaches both files read-only. This process must hold no bun:sqlite handle on them (docs/faults.md
 * 26).
 */
export async function openSource(connection: DuckDBConnection, paths: DataPaths, logger: Logger): Promise<Source> {
  const has_windows = existsSync(paths.windows);
  rmSync(readingFile(paths), { force: true });
  const missing = await loadSqliteExtension(connection);
  if (missing !== null) {
    // Once per data directory: a schedule would repeat it all day.
    const level = existsSync(paths.archive) && readdirSync(paths.archive).length > 0 ? "debug" : "info";
    logger[level](
      `DuckDB's sqlite extension isn't available (${firstLine(missing)}): bun:sqlite reads instead, the answers are the same`,
    );
    return new ChildSource(paths, has_windows);
  }
  await connection.run(`SET sqlite_busy_timeout = ${BUSY_TIMEOUT_MS}`).catch(() => {});
  await connection.run(`ATTACH ${quoted(paths.ticks)} AS ticks (TYPE sqlite, READ_ONLY)`);
  if (has_windows) await connection.run(`ATTACH ${quoted(paths.windows)} AS windows (TYPE sqlite, READ_ONLY)`);
  return {
    kind: "extension",
    has_windows,
    from: async (store, select) => `sqlite_query('${store}', ${quoted(select)})`,
    table: async (store, table) => `${store}.${table}`,
    close: async () => {
      await connection.run("DETACH ticks");
      if (has_windows) await connection.run("DETACH windows");
    },
  };
}

/** A store's settings, and its schema as `user_version`. */
export const SETTINGS =
  "SELECT name, value FROM settings UNION ALL SELECT 'user_version', CAST(user_version AS TEXT) FROM pragma_user_version";

/** The first schemas that have every table and column that is read, by the stage that migrates them. */
const SCHEMA_MIN = { stream: 5, consume: 4 };

/** Throws SCHEMA_NEWER, or SCHEMA_OLDER for an earlier schema: its stage has to migrate the file. */
export function refuseOther(path: string, settings: ReadonlyMap<string, string>, stage: "stream" | "consume"): void {
  refuseNewer(path, Number(settings.get("user_version")));
  if (Number(settings.get("user_version")) >= SCHEMA_MIN[stage]) return;
  throw new TidemarkError(
    "SCHEMA_OLDER",
    `${path} was written by an older Tidemark.`,
    `Run \`bun run ${stage} --until-end\` once: it migrates the file after a copy.`,
  );
}

/**
 * Throws STORE_CORRUPT for a ticks.db with fewer ticks than its archive: a loss of power set it back,
 * and until it has read the log again, the archive alone has what was pruned.
 */
export function refuseShorter({ ticks, archive }: DataPaths): never {
  throw new TidemarkError(
    "STORE_CORRUPT",
    `${ticks} has fewer ticks than ${archive} has collected from it: it has lost its newest ones.`,
    "Run `bun run consume --until-end`, which reads them from the log again, and then the batch.",
  );
}

/** From here on the instance reads and writes its own data directory's archive only. */
export async function lockTo(connection: DuckDBConnection, paths: DataPaths): Promise<void> {
  await connection.run("SET temp_directory = ''");
  await connection.run(`SET allowed_directories = ${allowedList(`${paths.archive}/`)}`);
  await connection.run(`SET allowed_paths = ${allowedList(readingFile(paths))}`);
  await connection.run("SET enable_external_access = false");
  await connection.run("SET lock_configuration = true");
}

/** The child's file of rows: beside the archive, which may be moved aside meanwhile. */
function readingFile(paths: DataPaths): string {
  return `${paths.archive}.reading${TEMPORARY}`;
}

/** Rows as JSON lines in a temporary file, written by read-sqlite.ts. */
class ChildSource implements Source {
  readonly kind = "child";

  constructor(
    private readonly paths: DataPaths,
    readonly has_windows: boolean,
  ) {}

  async from(store: StoreName, select: string, columns: readonly string[]): Promise<string> {
    const file = readingFile(this.paths);
    rmSync(file, { force: true });
    const reader = join(import.meta.dir, "read-sqlite.ts");
    const { code, stderr } = await spawnScript(reader, [this.paths[store], select, file], { stderr: "keep" }).ended;
    if (code !== 0) throw failedChild(this.paths[store], stderr);
    const types = columns.map((name) => `${name}: 'VARCHAR'`).join(", ");
    return `read_json(${fileLiteral(file)}, format = 'newline_delimited', columns = {${types}})`;
  }

  table(store: StoreName, table: string, columns: readonly string[]): Promise<string> {
    return this.from(store, `SELECT ${columns.join(", ")} FROM ${table}`, columns);
  }

  async close(): Promise<void> {
    rmSync(readingFile(this.paths), { force: true });
  }
}

function firstLine(text: string): string {
  return (text.trim().split("\n")[0] ?? "").replace(/[.\s]+$/, "");
}
