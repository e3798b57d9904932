/** The text that `spark-sql -f` runs: views in Spark's dialect, then each metric into its own folder. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  CHANGING,
  emptySelect,
  type Manifest,
  minutesOf,
  newestRows,
  SNAPSHOT,
  TICK_COLUMNS,
} from "../../archive/index.ts";
import { PROJECT_ROOT, VIEWS_DIR } from "../../base/project.ts";
import { thresholdsSelect } from "../locked.ts";
import type { Metric } from "../metric.ts";

/** Begins the line that is printed before a metric's own output. */
export const MARK = "tidemark:";

/** Results go to `folder`/NAME. Metrics over a view that Spark can't read are marked in their header. */
export function sparkScript(archive: string, manifest: Manifest, metrics: readonly Metric[], folder: string): string {
  const parts = [
    readFileSync(join(PROJECT_ROOT, "sql", "spark", "functions.sql"), "utf8"),
    relation("archive_ticks", archive, manifest.files, { ...TICK_COLUMNS, time: "TIMESTAMP_NTZ" }),
    manifest.minutes.length > 0
      ? relation("archive_minutes", archive, manifest.minutes, {})
      : view("archive_minutes", minutesOf("archive_ticks")),
  ];
  for (const [name, table] of Object.entries(CHANGING)) {
    const files = manifest.changes[name]?.files ?? [];
    parts.push(relation(`every_${name}`, archive, files, { ...table.columns, change_id: "BIGINT" }));
    parts.push(view(`archive_${name}`, newestRows(table, `every_${name}`)));
  }
  for (const [name, { columns }] of Object.entries(SNAPSHOT)) {
    const file = manifest.snapshot_files[name];
    parts.push(relation(`archive_${name}`, archive, file ? [file] : [], columns));
  }
  parts.push(view("thresholds", thresholdsSelect()));
  for (const name of readdirSync(VIEWS_DIR).sort()) {
    if (name.endsWith(".sql")) parts.push(view(name.slice(0, -4), readFileSync(join(VIEWS_DIR, name), "utf8")));
  }
  for (const { name, sql } of metrics) {
    const into = `INSERT OVERWRITE LOCAL DIRECTORY ${literal(join(folder, name))} USING parquet`;
    parts.push(`SELECT '${MARK}${name}';${into}\n${plain(sql)};\n`);
  }
  return `${parts.join("")}SELECT '${MARK}';\n`;
}

/**
 * Why a SELECT that DuckDB has accepted may mean something else to Spark; null when it can't. They
 * read these characters differently (escapes, quotes, comments): a string here could be a statement
 * there.
 */
export function notForSpark(sql: string): string | null {
  const found = /\/\*|[\\`$;]/.exec(plain(sql));
  return found ? `"${found[0]}" has another meaning in Spark's SQL; a portable metric does without it` : null;
}

/** Without comments and the last semicolon, with as many lines; parameters mean all, as in each batch. */
function plain(sql: string): string {
  return sql
    .replace(/'[^']*'|"[^"]*"|--[^\n]*/g, (token) => (token.startsWith("--") ? "" : token))
    .replace(/;\s*$/, "")
    .replace(/\$(product|from|to)\b/g, "NULL");
}

function relation(
  name: string,
  archive: string,
  files: readonly { path: string }[],
  columns: Record<string, string>,
): string {
  if (files.length === 0) return view(name, emptySelect(columns).replaceAll("VARCHAR", "STRING"));
  // Today's types: older files have narrower decimals, and lack columns.
  const types = Object.entries(columns).map(([column, type]) => `${column} ${type.replace("VARCHAR", "STRING")}`);
  const schema = types.length === 0 ? "" : ` (${types.join(", ")})`;
  // Braces name a list of files; a recursive look-up keeps Spark from making columns of folder names.
  const list = files.map(({ path }) => escaped(path)).join(",");
  const path = literal(`${escaped(archive)}/{${list}}`);
  return `CREATE TEMPORARY VIEW ${name}${schema} USING parquet OPTIONS (path ${path}, recursiveFileLookup 'true');\n`;
}

function view(name: string, select: string): string {
  return `CREATE TEMPORARY VIEW ${name} AS ${plain(select).trim()};\n`;
}

/** A path in which a glob finds no pattern. */
function escaped(path: string): string {
  return path.replace(/[{}[\]*?,\\]/g, "\\$&");
}

function literal(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
