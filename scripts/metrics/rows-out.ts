/** All rows of one SELECT: in pieces, or as a Parquet file that DuckDB writes; memory holds one piece. */
import { statSync } from "node:fs";
import { join } from "node:path";
import type { DuckDBType } from "@duckdb/node-api";
import { sentence, TidemarkError } from "../base/errors.ts";
import { INTERRUPT_MS_MAX, METRIC_MS_MAX } from "../base/limits.ts";
import { quoted, quotedName } from "../base/sql-text.ts";
import type { Column, Row } from "../contract/results.ts";
import { inDuckdbWords, type LockedDatabase, type Parameters, prepared } from "./locked.ts";
import { checkSelect } from "./only-select.ts";
import { mayBeWide, parquetType } from "./parquet-types.ts";
import { streamed, whyFailed } from "./row-stream.ts";
import { readColumns, rowChunks } from "./values.ts";

/** One SELECT of a user. */
export interface Query {
  sql: string;
  parameters: Parameters;
  /** Rows at most; Infinity: all. */
  rows_max: number;
}

/**
 * Passes each chunk of rows to `take`, which may be slow; the first chunk is empty. Returns their
 * number. Rejects with QUERY if the SQL is refused or fails, or if no chunk comes for `ms_max`.
 */
export async function streamRows(
  database: LockedDatabase,
  { sql, parameters, rows_max }: Query,
  take: (rows: Row[], columns: Column[]) => Promise<void>,
  ms_max = METRIC_MS_MAX,
): Promise<{ rows: number; truncated: boolean }> {
  const watch = new Watch(database, ms_max);
  let rows = 0;
  const prepare = (text: string) => watch.over(prepared(database.connection, sql, parameters, text));
  const read = async () => {
    const statement = await prepare(sql);
    const result = await watch.over(statement.stream());
    const columns = readColumns(result);
    await take([], columns);
    for (const chunks = rowChunks(result, rows_max); ; ) {
      const { value, done } = await watch.over(chunks.next());
      if (done) return value;
      rows += value.length;
      await take(value, columns);
    }
  };
  try {
    const { found: truncated, failed } = await streamed(database, read);
    if (failed && !truncated) throw await watch.over(whyFailed(sql, prepare));
    return { rows, truncated };
  } catch (error) {
    throw isOurs(error) ? error : inDuckdbWords(error);
  }
}

/** A COPY that failed removes its file when its statement is collected: each has a name of its own. */
let copies = 0;

/**
 * Writes a new Parquet file into `folder`, the output folder of `database`; returns its name and the
 * number of rows. Rejects with QUERY if the SQL is refused or fails, or if the file does not grow for
 * `ms_max`.
 */
export async function copyToParquet(
  database: LockedDatabase,
  { sql, parameters, rows_max }: Query,
  folder: string,
  ms_max = METRIC_MS_MAX,
): Promise<{ name: string; rows: number; truncated: boolean }> {
  const { connection } = database;
  let name = "";
  const watch = new Watch(database, ms_max, () => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0);
  const limit = Number.isFinite(rows_max) ? ` LIMIT ${rows_max}` : "";
  try {
    const inner = await bracketed(database, sql);
    const probe = await prepared(connection, sql, parameters, `SELECT * FROM (${inner}) LIMIT 0`);
    const found = await watch.over(probe.run());
    const columns = found.deduplicatedColumnNames().map((name, i) => ({ name, type: found.columnType(i) }));
    const run = async (text: string) => (await (await prepared(connection, sql, parameters, text)).run()).getRows();
    const copy = async (isWide: boolean[]) => {
      const list = columns.map((column, i) => written(column.name, column.type, isWide[i]!)).join(", ");
      name = `rows-${copies++}.parquet`;
      return run(`COPY (SELECT ${list} FROM (${inner})${limit}) TO ${quoted(join(folder, name))} (FORMAT parquet)`);
    };
    // Most integers of 128 bits fit 38 digits; a column where one does not is written as text.
    const wide = copy(columns.map(() => false)).catch(async (error) => {
      if (!isTooWide(error) || !columns.some(({ type }) => mayBeWide(type))) throw error;
      const checks = columns.map((column) => fits(column.name, column.type)).join(", ");
      const [all] = await run(`SELECT ${checks} FROM (${inner})`);
      if (all!.every((isFit) => isFit)) throw error;
      return copy(all!.map((isFit) => !isFit));
    });
    const rows = Number((await watch.over(wide))[0]![0]);
    if (rows < rows_max) return { name, rows, truncated: false };
    const more = `SELECT count(*) FROM (SELECT 1 FROM (${inner}) LIMIT ${rows_max + 1})`;
    return { name, rows, truncated: Number((await watch.over(run(more)))[0]![0]) > rows };
  } catch (error) {
    throw inDuckdbWords(error);
  }
}

/** Stops a step that makes no progress for `ms_max`, and abandons it if it ignores the interrupt. */
class Watch {
  readonly #stopped: TidemarkError;

  constructor(
    private readonly database: LockedDatabase,
    private readonly ms_max: number,
    private readonly progress: () => number = () => 0,
  ) {
    const why = `It was stopped after ${ms_max / 1000} s without progress, the limit for one query.`;
    this.#stopped = new TidemarkError("QUERY", why);
  }

  /** Resolves as `work` does; rejects with QUERY when it was stopped. */
  async over<T>(work: Promise<T>): Promise<T> {
    const given_up = Promise.withResolvers<never>();
    let before = this.progress();
    let isStopped = false;
    let timer: ReturnType<typeof setTimeout>;
    const check = () => {
      const now = this.progress();
      isStopped = now === before;
      before = now;
      if (isStopped) this.database.connection.interrupt();
      timer = isStopped ? setTimeout(given_up.reject, INTERRUPT_MS_MAX, this.#stopped) : setTimeout(check, this.ms_max);
    };
    timer = setTimeout(check, this.ms_max);
    let found: T;
    try {
      found = await Promise.race([work, given_up.promise]);
    } catch (error) {
      if (error === this.#stopped) {
        work.catch(() => {});
        this.database.isDeaf = true;
      }
      throw isStopped ? this.#stopped : error;
    } finally {
      clearTimeout(timer);
    }
    // An interrupted stream ends as if it had no more rows.
    if (isStopped) throw this.#stopped;
    return found;
  }
}

/** One SELECT without the semicolons and comments at its end, so that it can be put in brackets. */
async function bracketed({ connection }: LockedDatabase, sql: string): Promise<string> {
  await checkSelect(connection, sql);
  for (let end = sql.length; end > 0; end--) {
    if (sql[end - 1] !== ";") continue;
    const before = sql.slice(0, end - 1);
    const isWhole = await connection.extractStatements(before).then(
      ({ count }) => count === 1,
      () => false,
    );
    if (isWhole) return `${before}\n`;
  }
  return `${sql}\n`;
}

/** A column of a SELECT whose rows go into a Parquet file. */
function written(name: string, type: DuckDBType, isWide: boolean): string {
  const column = quotedName(name);
  const other = parquetType(type, isWide);
  return other === null ? column : `CAST(${column} AS ${other}) AS ${column}`;
}

/** An expression: every value of a column survives its cast, also each part of a nested value. */
function fits(name: string, type: DuckDBType): string {
  if (!mayBeWide(type)) return "true";
  const column = quotedName(name);
  const narrow = `TRY_CAST(${column} AS ${parquetType(type, false)})`;
  const wide = `CAST(${column} AS ${parquetType(type, true)})`;
  return `coalesce(bool_and(CAST(${narrow} AS ${parquetType(type, true)}) IS NOT DISTINCT FROM ${wide}), true)`;
}

function isTooWide(error: unknown): boolean {
  return /^(Conversion|Out of Range) Error/.test(sentence(error));
}

/** An error of the destination has a code, one of DuckDB has none. */
function isOurs(error: unknown): boolean {
  return error instanceof Error && "code" in error;
}
