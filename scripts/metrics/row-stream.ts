/** Reads streams of DuckDB, which end in the same way after the last row and when the query fails. */
import type { DuckDBConnection, DuckDBPreparedStatement } from "@duckdb/node-api";
import { sentence, TidemarkError } from "../base/errors.ts";

interface Streaming {
  readonly connection: DuckDBConnection;
  /** A query ignored its interrupt, so the connection no longer replies. */
  readonly isDeaf: boolean;
}

/**
 * Runs `read`, which streams one query and may stop reading early; rejects as `read` does. `failed`:
 * the query failed after the last row that was read.
 */
export async function streamed<T>(database: Streaming, read: () => Promise<T>): Promise<{ found: T; failed: boolean }> {
  const { connection } = database;
  await connection.run("BEGIN TRANSACTION READ ONLY");
  try {
    const found = await read();
    // A query that fails aborts its transaction, and every statement is refused then.
    const failed = await connection.run("SELECT 1").then(
      () => false,
      () => true,
    );
    return { found, failed };
  } finally {
    if (!database.isDeaf) await connection.run("ROLLBACK");
  }
}

const AGAIN = "EXPLAIN ANALYZE ";

/** Why a stream of `sql` failed, in DuckDB's words: it is run again without its rows. */
export async function whyFailed(
  sql: string,
  prepare: (text: string) => Promise<DuckDBPreparedStatement>,
): Promise<Error> {
  try {
    await (await prepare(AGAIN + sql.replace(/^[\s;]+/, ""))).run();
  } catch (error) {
    const message = error instanceof Error ? error.message : sentence(error);
    // DuckDB repeats the first line with a mark under its error.
    return new Error(message.replace(new RegExp(`^(LINE 1: )${AGAIN}(.*\n) {${AGAIN.length}}`, "m"), "$1$2"), {
      cause: error,
    });
  }
  return new TidemarkError("QUERY", "It failed while its rows were read, and did not fail when it was run again.");
}
