/** Paths and texts as SQL literals, so that DuckDB reads exactly the file that is named. */
import { TidemarkError } from "../base/errors.ts";

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
