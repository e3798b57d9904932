/** Writing files so that a reader sees the old one or the new one, whatever kills us; and paths as DuckDB reads them. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { diePoint } from "../common/die-point.ts";
import { TidemarkError } from "../common/errors.ts";

/** The ending of files that are not finished; they are removed at the next start. */
export const TEMPORARY = ".tmp";

/** Replaces `path` by `text`. */
export function writeAtomically(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  // Created by us: what another put at this name, a link for example, is never written through.
  rmSync(path + TEMPORARY, { force: true });
  writeFileSync(path + TEMPORARY, text, { flag: "wx" });
  publish(path);
}

/** Makes `path.tmp`, written by someone, the durable `path`. */
export function publish(path: string, temporary = path + TEMPORARY): void {
  diePoint("file-written");
  syncPath(temporary);
  renameSync(temporary, path);
  diePoint("file-renamed");
  syncPath(dirname(path));
}

/** Waits until a file's bytes, or a folder's names, are on the disk. */
export function syncPath(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** A text as a SQL string literal. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/**
 * A path as DuckDB must get it to read exactly this file: what its globs would take for a pattern is in brackets, which match the character
 * itself. Fails with DATA_DIR where DuckDB has no way to say it: a backslash in a path that needs brackets (DuckDB 1.5.5, tried).
 */
export function escapedPath(path: string): string {
  if (!/[[*?]/.test(path)) return path;
  if (path.includes("\\")) {
    throw new TidemarkError(
      "DATA_DIR",
      `${path} has a backslash and one of [ * ? in its path; DuckDB cannot read such a path.`,
      "Rename the folder, or choose another with --data DIR.",
    );
  }
  return path.replace(/[[*?]/g, "[$&]");
}

/** A file as a SQL literal for DuckDB's readers. */
export function fileLiteral(path: string): string {
  return quoted(escapedPath(path));
}

/** A SQL list for `allowed_directories` or `allowed_paths`: DuckDB compares the pattern that it is given, and then each file that it found. */
export function allowedList(...paths: string[]): string {
  return `[${[...new Set(paths.flatMap((path) => [path, escapedPath(path)]))].map(quoted).join(", ")}]`;
}
