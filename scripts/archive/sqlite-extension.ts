/** Finds DuckDB's sqlite extension: a file that we name, the project's cache, or DuckDB's own folder. Never downloads unless asked. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { sentence } from "../base/errors.ts";
import { PROJECT_ROOT } from "../base/project.ts";

export const EXTENSION_FILE = "sqlite_scanner.duckdb_extension";
/** Names the file, or a folder that holds it; `none` skips the extension. */
const SETTING = "TIDEMARK_SQLITE_EXTENSION";

/** Loads the extension; null when that worked, otherwise the reason as a sentence. Only for the collecting instance (faults.md 1.3). */
export async function loadSqliteExtension(connection: DuckDBConnection): Promise<string | null> {
  const setting = process.env[SETTING];
  if (setting === "none") return `${SETTING}=none`;
  const file = extensionFile(setting);
  if (setting && file === null) return `${SETTING} names ${setting}, and ${EXTENSION_FILE} isn't there`;
  try {
    await connection.run(file === null ? "LOAD sqlite" : `LOAD '${file.replaceAll("'", "''")}'`);
    if (file !== null) noteChecked(file);
    return null;
  } catch (error) {
    return sentence(error);
  }
}

/**
 * How the collecting instance opens: DuckDB checks the extension's signature over all its 34 MB at each load, 80 to 120 ms and a quarter of a
 * small batch. A file that was checked once, and is the same since by size, time and inode, is loaded without.
 */
export function checkedOnce(): { allow_unsigned_extensions: "true" | "false" } {
  const file = extensionFile();
  return { allow_unsigned_extensions: file !== null && noted(file) === identity(file) ? "true" : "false" };
}

/** Beside the file: who can write there could replace this program as well. */
const NOTE = ".checked";

function noteChecked(file: string): void {
  if (noted(file) === identity(file)) return;
  try {
    writeFileSync(file + NOTE, identity(file));
  } catch {
    // A folder that can't be written to: it is checked each time.
  }
}

function noted(file: string): string | null {
  return existsSync(file + NOTE) ? readFileSync(file + NOTE, "utf8") : null;
}

function identity(file: string): string {
  const { size, mtimeMs, ino } = statSync(file);
  return `${size} ${mtimeMs} ${ino}`;
}

/** The extension's file, or null when DuckDB's own folder is the last hope. */
export function extensionFile(setting = process.env[SETTING]): string | null {
  const places = setting ? [resolve(setting)] : [join(PROJECT_ROOT, ".cache", "duckdb")];
  for (const place of places) {
    const file = existsSync(place) && statSync(place).isDirectory() ? join(place, EXTENSION_FILE) : place;
    if (existsSync(file)) return file;
  }
  return null;
}
