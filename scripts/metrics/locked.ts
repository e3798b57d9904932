/** The DuckDB instance for SQL that users write: it can read the archive only (docs/faults.md 29, 30). */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBPreparedStatement,
  type DuckDBValue,
} from "@duckdb/node-api";
import {
  allowedList,
  CHANGING,
  emptySelect,
  FUNCTIONS,
  fileLiteral,
  type Manifest,
  minutesRelation,
  newestRows,
  parquet,
  SNAPSHOT,
  TICK_COLUMNS,
  widened,
} from "../archive/index.ts";
import { sentence, shortened, TidemarkError } from "../base/errors.ts";
import { INTERRUPT_MS_MAX, METRIC_MEMORY, METRIC_MS_MAX, SPILL_BYTES_MAX } from "../base/limits.ts";
import { VIEWS_DIR } from "../base/project.ts";
import { quoted } from "../base/sql-text.ts";
import type { Column, Row } from "../contract/results.ts";
import { THRESHOLDS } from "../contract/thresholds.ts";
import { isMemory } from "./limited.ts";
import { checkSelect } from "./only-select.ts";
import { streamed, whyFailed } from "./row-stream.ts";
import { readColumns, readRows } from "./values.ts";
import { CsvFile, type WholeCsv } from "./whole-csv.ts";

/** The parameters that a SELECT may use; null means all. Times are ISO 8601 text. */
export interface Parameters {
  product: string | null;
  from: string | null;
  to: string | null;
}
export const NO_PARAMETERS: Parameters = { product: null, from: null, to: null };

/** What one SELECT returned. */
export interface QueryResult {
  columns: Column[];
  rows: Row[];
  truncated: boolean;
  /** Of a truncated result whose CSV was requested. */
  whole: WholeCsv | null;
}

/** No extension, one SELECT at a time, with a time and a memory limit. */
export class LockedDatabase {
  /** A query ignored its interrupt: its thread may run until the process ends, so open no other one here. */
  isDeaf = false;

  private constructor(
    private readonly instance: DuckDBInstance,
    readonly connection: DuckDBConnection,
  ) {}

  /**
   * Opens the views over one committed state of the archive (those that `sql` names, or all), then
   * locks the instance for good. `output`: a folder for rows-out.ts; user SQL, one SELECT, can't write.
   */
  static async open(
    archive: string,
    manifest: Manifest,
    sql: string | null = null,
    output: string | null = null,
  ): Promise<LockedDatabase> {
    const statements = named(viewStatements(archive, manifest), sql);
    const instance = await DuckDBInstance.create(":memory:", {
      memory_limit: METRIC_MEMORY,
      autoload_known_extensions: "false",
      autoinstall_known_extensions: "false",
    });
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    for (const statement of statements) await connection.run(statement);
    // A large sort spills into the output folder; a metric, which has none, is limited to its memory.
    await connection.run(`SET temp_directory = ${quoted(output === null ? "" : join(output, "spill"))}`);
    await connection.run(`SET max_temp_directory_size = '${SPILL_BYTES_MAX}'`);
    const allowed = [archive, ...(output === null ? [] : [output])].map((folder) => `${folder}/`);
    await connection.run(`SET allowed_directories = ${allowedList(...allowed)}`);
    await connection.run("SET enable_external_access = false");
    await connection.run("SET lock_configuration = true");
    return new LockedDatabase(instance, connection);
  }

  /**
   * Runs one SELECT and reads at most `rows_max` rows; if there are more, all go into the new file
   * `csv`. Rejects with QUERY and DuckDB's own words, or when `ms_max` have passed.
   */
  async select(
    sql: string,
    parameters: Parameters,
    rows_max: number,
    { ms_max = METRIC_MS_MAX, csv = null }: { ms_max?: number; csv?: string | null } = {},
  ): Promise<QueryResult> {
    const { connection } = this;
    const over = Promise.withResolvers<never>();
    const stopped = new TidemarkError("QUERY", `It was stopped after ${ms_max / 1000} s, the limit for one query.`);
    let deaf: ReturnType<typeof setTimeout> | undefined;
    const timer = setTimeout(() => {
      connection.interrupt();
      deaf = setTimeout(() => over.reject(stopped), INTERRUPT_MS_MAX);
    }, ms_max);
    const reading = this.#read(sql, parameters, { rows_max, csv, isStopped: () => deaf !== undefined });
    try {
      return await Promise.race([reading, over.promise]);
    } catch (error) {
      if (error === stopped) this.#abandon(reading);
      throw deaf === undefined ? inDuckdbWords(error) : stopped;
    } finally {
      clearTimeout(timer);
      clearTimeout(deaf);
    }
  }

  async #read(
    sql: string,
    parameters: Parameters,
    { rows_max, csv, isStopped }: { rows_max: number; csv: string | null; isStopped: () => boolean },
  ): Promise<QueryResult> {
    const file = csv === null ? null : new CsvFile(csv);
    const { found, failed } = await streamed(this, async () => {
      const statement = await prepared(this.connection, sql, parameters);
      const result = await statement.stream();
      return { ...(await readRows(result, rows_max, file)), columns: readColumns(result) };
    });
    // A failure after the rows that are kept costs only the file.
    if (failed && (!found.truncated || file !== null)) {
      const again = (text: string) => prepared(this.connection, sql, parameters, text);
      const why = isStopped() ? new Error("it took too long") : await whyFailed(sql, again);
      if (!found.truncated) throw why;
      file?.refuse(sentence(inDuckdbWords(why)));
    }
    return { ...found, whole: file?.end() ?? null };
  }

  /** Inside one long call of a function DuckDB ignores the interrupt. */
  #abandon(reading: Promise<QueryResult>): void {
    reading.catch(() => {});
    this.isDeaf = true;
  }

  /** Rejects with QUERY unless DuckDB accepts this as one SELECT over the views; runs nothing. */
  async check(sql: string): Promise<void> {
    try {
      await checkSelect(this.connection, sql);
      await this.connection.prepare(sql);
    } catch (error) {
      throw inDuckdbWords(error);
    }
  }

  close(): void {
    this.connection.closeSync();
    this.instance.closeSync();
  }
}

/** `sql`, or `text` that contains it, checked and with its parameters bound. Rejects with QUERY. */
export async function prepared(
  connection: DuckDBConnection,
  sql: string,
  parameters: Parameters,
  text = sql,
): Promise<DuckDBPreparedStatement> {
  await checkSelect(connection, sql);
  const statement = await connection.prepare(text);
  const wanted: Record<string, DuckDBValue> = {};
  for (let i = 1; i <= statement.parameterCount; i++) {
    const name = statement.parameterName(i);
    if (!(name in parameters))
      throw new TidemarkError("QUERY", `$${name} isn't a parameter: use $product, $from or $to.`);
    wanted[name] = parameters[name as keyof Parameters];
  }
  statement.bind(wanted);
  return statement;
}

/** DuckDB's message as QUERY, with its line breaks: they carry the line and the mark under its error. */
export function inDuckdbWords(error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const message = error instanceof Error ? error.message.trim() : sentence(error);
  return new TidemarkError("QUERY", shortened(ownWords(message)), "", { cause: error });
}

const MEMORY_ADVICE = `It needed more than ${METRIC_MEMORY.replace("GB", " GB")}, the limit for one query: group or filter earlier, or read the view minutes.`;
const VIEWS =
  "There are ticks, minutes, windows, window_revisions, late_ticks, out_of_order, outages, unissued, dead_letters, conflicts and thresholds (docs/metrics.md).";

/**
 * Ours instead of DuckDB's words about settings and tables that a query can't reach, or a step of
 * ours.
 */
function ownWords(message: string): string {
  if (isMemory(message)) return MEMORY_ADVICE;
  const known = message.replace(/^Failed to extract statements:\s*/, "");
  return known.replace(/(Table with name \S+ does not exist!)(\nDid you mean .*)?/, `$1\n${VIEWS}`);
}

/** First the archive's files as they are, then the files of sql/views over them, in order of name. */
function viewStatements(archive: string, manifest: Manifest): string[] {
  const ticks = manifest.files.length
    ? `SELECT * FROM ${parquet(archive, manifest.files)}`
    : emptySelect({ ...TICK_COLUMNS, time: "TIMESTAMP" });
  const statements = [FUNCTIONS, `CREATE VIEW archive_ticks AS ${ticks}`];
  statements.push(`CREATE VIEW archive_minutes AS ${minutesRelation(archive, manifest)}`);
  for (const [name, table] of Object.entries(CHANGING)) {
    const files = manifest.changes[name]?.files ?? [];
    const rows = files.length
      ? newestRows(table, widened({ ...table.columns, change_id: "BIGINT" }, parquet(archive, files)))
      : emptySelect(table.columns);
    statements.push(`CREATE VIEW archive_${name} AS ${rows}`);
  }
  for (const [name, { columns }] of Object.entries(SNAPSHOT)) {
    const file = manifest.snapshot_files[name];
    const select = file
      ? `FROM ${widened(columns, `read_parquet(${fileLiteral(join(archive, file.path))})`)}`
      : emptySelect(columns);
    statements.push(`CREATE VIEW archive_${name} AS ${select}`);
  }
  statements.push(`CREATE VIEW thresholds AS ${thresholdsSelect()}`);
  for (const { name, file } of viewFiles()) statements.push(`CREATE VIEW ${name} AS ${readFileSync(file, "utf8")}`);
  return statements;
}

/** The views that a text names, and those below them: binding all takes a tenth of a small batch. */
function named(statements: string[], sql: string | null): string[] {
  if (sql === null) return statements;
  let text = sql.toLowerCase();
  const kept: string[] = [];
  // A view comes after those that it reads.
  for (const statement of statements.toReversed()) {
    const name = /^CREATE VIEW (\w+)/.exec(statement)?.[1];
    if (name !== undefined && !new RegExp(`\\b${name}\\b`).test(text)) continue;
    kept.unshift(statement);
    text += statement.toLowerCase();
  }
  return kept;
}

function viewFiles(): { name: string; file: string }[] {
  const files = readdirSync(VIEWS_DIR).filter((name) => name.endsWith(".sql"));
  return files.sort().map((file) => ({ name: file.slice(0, -4), file: join(VIEWS_DIR, file) }));
}

/** The view `thresholds` (contract/thresholds.ts). */
export function thresholdsSelect(): string {
  const t = THRESHOLDS;
  return `SELECT CAST('${t.volatility_range}' AS DECIMAL(18,10)) AS volatility_range, CAST('${t.volume_spike}' AS DECIMAL(18,8)) AS volume_spike,
    ${t.sentiment_numerator} AS sentiment_numerator, ${t.sentiment_denominator} AS sentiment_denominator, CAST(${t.ratio_epsilon} AS DOUBLE) AS ratio_epsilon`;
}
