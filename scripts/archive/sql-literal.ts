/** Paths as SQL literals: DuckDB reads exactly the named file. */
import { TidemarkError } from "../base/errors.ts";
import { quoted } from "../base/sql-text.ts";

/**
 * A path for DuckDB's globs: characters of a pattern are in brackets, which match the character
 * itself. Throws DATA_DIR for a backslash in such a path, which DuckDB 1.5.5 cannot read (tried).
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

/**
 * For `allowed_directories` and `allowed_paths`: DuckDB compares the given pattern, then each found
 * file.
 */
export function allowedList(...paths: string[]): string {
  return `[${[...new Set(paths.flatMap((path) => [path, escapedPath(path)]))].map(quoted).join(", ")}]`;
}
