/** Read-only SQL over the archive's views for the shell, and exports for the page: the same lock-down as for metrics. */
import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { TidemarkError } from "../common/errors.ts";
import { METRIC_MEMORY } from "../common/limits.ts";
import { type DataPaths, replayed } from "../common/settings.ts";
import { fileLiteral, publish, quoted, TEMPORARY, writeAtomically } from "./files.ts";
import { type Answer, LockedDatabase, type Parameters } from "./locked.ts";
import { toCsv } from "./output.ts";
import { readArchive } from "./read-archive.ts";

export const FORMATS = ["table", "json", "csv", "parquet"] as const;
export type Format = (typeof FORMATS)[number];

export interface Query {
  sql: string;
  parameters: Parameters;
  /** Rows read at most. */
  rows_max: number;
}

/** Runs one SELECT over the archive as of the last batch. NO_DATA when there was none yet, QUERY when the SQL is refused or fails. */
export async function runQuery(paths: DataPaths, query: Query): Promise<Answer> {
  const answer = await readArchive(paths.archive, async (manifest) => {
    const database = await LockedDatabase.open(paths.archive, manifest, query.sql);
    try {
      return await database.select(query.sql, query.parameters, query.rows_max);
    } finally {
      database.close();
    }
  });
  if (answer !== null) return answer;
  throw new TidemarkError(
    "NO_DATA",
    `There is no archive in ${paths.root} yet.`,
    replayed(paths) ?? "Run `bun run batch` first, or query with --fresh.",
  );
}

/** The answer as text for stdout. */
export function format(answer: Answer, kind: Exclude<Format, "parquet">): string {
  if (kind === "json") return `${JSON.stringify(answer.rows)}\n`;
  if (kind === "csv") return toCsv(answer.columns, answer.rows);
  if (answer.rows.length === 0) return "(no rows)\n";
  const names = answer.columns.map((column) => column.name);
  return `${Bun.inspect.table(answer.rows, names, { colors: process.stdout.isTTY === true && !process.env.NO_COLOR })}\n`;
}

/** The answer as a file, whole or not at all. */
export async function writeFile(answer: Answer, kind: Format, path: string): Promise<void> {
  const file = resolve(path);
  if (kind !== "parquet") return writeAtomically(file, format(answer, kind));
  mkdirSync(dirname(file), { recursive: true });
  const lines = `${file}.ndjson${TEMPORARY}`;
  await Bun.write(lines, answer.rows.map((row) => JSON.stringify(row)).join("\n"));
  // A second, plain instance writes: the locked one may not, and what it reads here are values, not SQL.
  const instance = await DuckDBInstance.create(":memory:", { memory_limit: METRIC_MEMORY });
  const connection = await instance.connect();
  try {
    const typed = answer.columns.map(
      ({ name, type }) => `${quotedName(name)}: ${quoted(parquetType(answer, name, type))}`,
    );
    const columns = typed.join(", ");
    const relation = `read_json(${fileLiteral(lines)}, format = 'newline_delimited', columns = {${columns}})`;
    await connection.run(`COPY (SELECT * FROM ${relation}) TO ${quoted(file + TEMPORARY)} (FORMAT parquet)`);
    publish(file);
  } finally {
    connection.closeSync();
    instance.closeSync();
    await Bun.file(lines).delete();
  }
}

/** Parquet has no integers of 128 bits, and DuckDB would round them to doubles: exact as decimals, or as text where those don't reach. */
function parquetType({ rows }: Answer, name: string, type: string): string {
  if (!/^U?HUGEINT$/.test(type)) return type;
  return rows.every((row) => String(row[name] ?? "").replace("-", "").length <= 38) ? "DECIMAL(38,0)" : "VARCHAR";
}

function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
