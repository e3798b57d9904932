/** Finds DuckDB's sqlite extension: a file that we name, the project's cache, or DuckDB's own folder. Never downloads unless asked. */
import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { sentence } from "../common/errors.ts";
import { PROJECT_ROOT } from "./project.ts";

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
    return null;
  } catch (error) {
    return sentence(error);
  }
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
