/** Rows as DuckDB makes them: its interface ends a stream in the same way when the query fails as when there are no more rows. */
import type { DuckDBConnection, DuckDBPreparedStatement } from "@duckdb/node-api";
import { sentence, TidemarkError } from "../base/errors.ts";

interface Streaming {
  readonly connection: DuckDBConnection;
  /** A query did not hear its interrupt, so that the connection answers no more. */
  readonly isDeaf: boolean;
}

/**
 * Runs `read`, which streams one query and reads as much of it as it likes. `failed`: the query failed after the last row that was read.
 * What `read` rejects with is passed on.
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

/** Why a stream of `sql` failed, in DuckDB's words: it is run once more, and its rows are not kept. */
export async function whyFailed(
  sql: string,
  prepare: (text: string) => Promise<DuckDBPreparedStatement>,
): Promise<Error> {
  try {
    await (await prepare(AGAIN + sql.replace(/^[\s;]+/, ""))).run();
  } catch (error) {
    const said = error instanceof Error ? error.message : sentence(error);
    // DuckDB repeats the first line with a mark below the place.
    return new Error(said.replace(new RegExp(`^(LINE 1: )${AGAIN}(.*\n) {${AGAIN.length}}`, "m"), "$1$2"), {
      cause: error,
    });
  }
  return new TidemarkError("QUERY", "It failed while its rows were read, and did not fail when it was run again.");
}
