/** Finds and loads DuckDB's sqlite extension; it is never downloaded. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { sentence } from "../base/errors.ts";
import { PROJECT_ROOT } from "../base/project.ts";
import { quoted } from "../base/sql-text.ts";
import { identity } from "./verify.ts";

const EXTENSION_FILE = "sqlite_scanner.duckdb_extension";
/** Names the file, or a folder that holds it; `none` skips the extension. */
const SETTING = "TIDEMARK_SQLITE_EXTENSION";

/**
 * Loads it; null when that worked, otherwise why not. Only for the instance that collects: user SQL
 * could use it.
 */
export async function loadSqliteExtension(connection: DuckDBConnection): Promise<string | null> {
  const setting = process.env[SETTING];
  if (setting === "none") return `${SETTING}=none`;
  const file = extensionFile(setting);
  if (setting && file === null) return `${SETTING} names ${setting}, and ${EXTENSION_FILE} does not exist there`;
  return loadFrom(connection, file);
}

/** The same from a file, or null from DuckDB's own folder. */
export async function loadFrom(connection: DuckDBConnection, file: string | null): Promise<string | null> {
  try {
    // LOAD alone would download an extension that is not installed.
    await connection.run("SET autoinstall_known_extensions = false");
    await connection.run(file === null ? "LOAD sqlite" : `LOAD ${quoted(file)}`);
    if (file !== null) noteChecked(file);
    return null;
  } catch (error) {
    const why = sentence(error);
    return file === null && /not found/.test(why) ? "not installed" : why;
  }
}

/**
 * How the instance that collects opens. DuckDB checks the signature of 34 MB at each load, 80 to 120
 * ms: a file that was checked once, and has the same size, time and inode, is loaded without.
 */
export function checkedOnce(): { allow_unsigned_extensions: "true" | "false" } {
  const file = extensionFile();
  return { allow_unsigned_extensions: file !== null && noted(file) === identity(file) ? "true" : "false" };
}

/** The note's ending. It is beside the file: who can write there could replace this program as well. */
const NOTE = ".checked";

function noteChecked(file: string): void {
  if (noted(file) === identity(file)) return;
  try {
    writeFileSync(file + NOTE, identity(file) ?? "");
  } catch {
    // The folder can't be written: the file is checked each time.
  }
}

function noted(file: string): string | null {
  return existsSync(file + NOTE) ? readFileSync(file + NOTE, "utf8") : null;
}

/**
 * The extension's file: the setting's, or the project's cache; null: only DuckDB's own folder may have
 * it.
 */
export function extensionFile(setting = process.env[SETTING]): string | null {
  const path = setting ? resolve(setting) : join(PROJECT_ROOT, ".cache", "duckdb");
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, EXTENSION_FILE) : path;
  return existsSync(file) ? file : null;
}
