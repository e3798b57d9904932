/** What a failed read of a store was: the sentence of SQLite, which DuckDB and a child only pass on. */
import { join } from "node:path";
import { type ErrorCode, sentence, TidemarkError } from "../base/errors.ts";
import { spawnScript } from "../base/process.ts";

/** SQLite's own texts within those of DuckDB's extension. */
const OF_SQLITE = /not a database|is malformed|disk I\/O error|unable to open database|database is locked/;

/**
 * Any error as it is, unless DuckDB reports one of SQLite: then that of the first store that has one
 * (STORE_CORRUPT, DATA_DIR, STAGE_BUSY), found by a process without DuckDB (docs/faults.md 26).
 */
export async function failedRead(paths: readonly string[], error: unknown): Promise<unknown> {
  if (error instanceof TidemarkError || !OF_SQLITE.test(sentence(error))) return error;
  for (const path of paths) {
    const { code, stderr } = await spawnScript(join(import.meta.dir, "read-sqlite.ts"), [path], { stderr: "keep" })
      .ended;
    if (code !== 0) return failedChild(path, stderr);
  }
  return error;
}

/** The error that read-sqlite.ts ended with; CHILD_FAILED when it was killed or wrote none. */
export function failedChild(path: string, stderr: string): TidemarkError {
  const last = stderr.trim().split("\n").at(-1) ?? "";
  try {
    const { code, message, hint } = JSON.parse(last) as { code: ErrorCode; message: string; hint: string };
    return new TidemarkError(code, code === "CHILD_FAILED" ? `${path} can't be read: ${message}.` : message, hint);
  } catch {
    return new TidemarkError("CHILD_FAILED", `${path} can't be read: ${sentence(last) || "the reader was killed"}.`);
  }
}
