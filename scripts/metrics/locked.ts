/** The instance that runs SQL which a user wrote: no extension, sees the archive only, one SELECT at a time, with a time and a memory limit (faults.md 1.3, 1.4). */
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
  quoted,
  SNAPSHOT,
  TICK_COLUMNS,
  widened,
} from "../archive/index.ts";
import { sentence, shortened, TidemarkError } from "../base/errors.ts";
import { INTERRUPT_MS_MAX, METRIC_MEMORY, METRIC_MS_MAX, SPILL_BYTES_MAX } from "../base/limits.ts";
import { VIEWS_DIR } from "../base/project.ts";
import type { Column, Row } from "../contract/results.ts";
import { THRESHOLDS } from "../contract/thresholds.ts";
import { isMemory } from "./limited.ts";
import { checkSelect } from "./only-select.ts";
import { streamed, whyFailed } from "./row-stream.ts";
import { readColumns, readRows } from "./values.ts";
import { CsvFile, type WholeCsv } from "./whole-csv.ts";

/** What a metric may ask for; null means all. Times are ISO 8601 text. */
export interface Parameters {
  product: string | null;
  from: string | null;
  to: string | null;
}
export const NO_PARAMETERS: Parameters = { product: null, from: null, to: null };

export interface Answer {
  columns: Column[];
  rows: Row[];
  truncated: boolean;
  /** Of a truncated result whose CSV was asked for. */
  whole: WholeCsv | null;
}

export class LockedDatabase {
  /** A query did not hear its interrupt, and its thread may go on until the process ends: open no other one in this process. */
  isDeaf = false;

  private constructor(
    private readonly instance: DuckDBInstance,
    readonly connection: DuckDBConnection,
  ) {}

  /**
   * Opens the views over one committed state of the archive, then locks the instance for good. `sql`: only the views that it names.
   * `output`: a folder of ours that write.ts may write into; user SQL can't, since it is one SELECT.
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
    // A large sort spills into the folder of what is written; a metric, which has none, is limited to its memory.
    await connection.run(`SET temp_directory = ${quoted(output === null ? "" : join(output, "spill"))}`);
    await connection.run(`SET max_temp_directory_size = '${SPILL_BYTES_MAX}'`);
    const allowed = [archive, ...(output === null ? [] : [output])].map((folder) => `${folder}/`);
    await connection.run(`SET allowed_directories = ${allowedList(...allowed)}`);
    await connection.run("SET enable_external_access = false");
    await connection.run("SET lock_configuration = true");
    return new LockedDatabase(instance, connection);
  }

  /**
   * Runs one SELECT and reads at most `rows_max` rows; when there are more, all of them go into the new file `csv`. Rejects with QUERY and
   * DuckDB's own words, or when `ms_max` have passed.
   */
  async select(
    sql: string,
    parameters: Parameters,
    rows_max: number,
    { ms_max = METRIC_MS_MAX, csv = null }: { ms_max?: number; csv?: string | null } = {},
  ): Promise<Answer> {
    const { connection } = this;
    const over = Promise.withResolvers<never>();
    const stopped = new TidemarkError("QUERY", `It was stopped after ${ms_max / 1000} s, the limit for one query.`);
    let deaf: ReturnType<typeof setTimeout> | undefined;
    const timer = setTimeout(() => {
      connection.interrupt();
      deaf = setTimeout(() => over.reject(stopped), INTERRUPT_MS_MAX);
    }, ms_max);
    const answer = this.#read(sql, parameters, { rows_max, csv, isStopped: () => deaf !== undefined });
    try {
      return await Promise.race([answer, over.promise]);
    } catch (error) {
      if (error === stopped) this.#leave(answer);
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
  ): Promise<Answer> {
    const file = csv === null ? null : new CsvFile(csv);
    const { found, failed } = await streamed(this, async () => {
      const statement = await prepared(this.connection, sql, parameters);
      const result = await statement.stream();
      return { ...(await readRows(result, rows_max, file)), columns: readColumns(result) };
    });
    // Beyond the rows that are kept only the file is cut.
    if (failed && (!found.truncated || file !== null)) {
      const again = (text: string) => prepared(this.connection, sql, parameters, text);
      const why = isStopped() ? new Error("it took too long") : await whyFailed(sql, again);
      if (!found.truncated) throw why;
      file?.refuse(sentence(inDuckdbWords(why)));
    }
    return { ...found, whole: file?.end() ?? null };
  }

  /** Inside one long call of a function DuckDB doesn't hear the interrupt. */
  #leave(answer: Promise<Answer>): void {
    answer.catch(() => {});
    this.isDeaf = true;
  }

  /** Rejects, as `select` would, when DuckDB doesn't accept this as one SELECT over the views; runs nothing. */
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

/** `sql`, or `text` that holds it, checked and with its parameters bound. */
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

/** DuckDB's message with its line breaks: they carry the line and the mark under the place. */
export function inDuckdbWords(error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error;
  const said = error instanceof Error ? error.message.trim() : sentence(error);
  return new TidemarkError("QUERY", shortened(ownWords(said)), "", { cause: error });
}

const MEMORY_ADVICE = `It needed more than ${METRIC_MEMORY.replace("GB", " GB")}, the limit for one query: group or filter earlier, or read the view minutes.`;
const VIEWS =
  "There are ticks, minutes, windows, window_revisions, late_ticks, outages, dead_letters, conflicts and thresholds (docs/metrics.md).";

/** Where DuckDB's words name settings that a query may not change, tables that it may not read, or a step of ours, they are ours instead. */
function ownWords(said: string): string {
  if (isMemory(said)) return MEMORY_ADVICE;
  const known = said.replace(/^Failed to extract statements:\s*/, "");
  return known.replace(/(Table with name \S+ does not exist!)(\nDid you mean .*)?/, `$1\n${VIEWS}`);
}

/** First the archive's files as they are, then sql/views/*.sql over them, in order of name. */
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

/** The views that a text names, and those that they are made of: to bind all of them takes a tenth of a small batch. */
function named(statements: string[], sql: string | null): string[] {
  if (sql === null) return statements;
  let text = sql.toLowerCase();
  const kept: string[] = [];
  // A view stands after those that it is made of.
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
