/** Decides on DuckDB's own parse whether a text is exactly one harmless SELECT over our views. */
import type { DuckDBConnection } from "@duckdb/node-api";
import { TidemarkError } from "../base/errors.ts";

/**
 * Functions in FROM that only make rows, an allow-list. Others read files or change the instance:
 * `FROM enable_logging(storage := 'file')` is a SELECT that breaks the next metric (tried).
 */
const ROW_MAKERS = new Set(["range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree"]);
/** Scalar functions that do more than compute. */
const EFFECTS = new Set(["write_log", "nextval", "currval", "setseed", "getenv", "getvariable", "current_setting"]);

/**
 * Why the number of statements is wrong. DuckDB makes several of one PIVOT that has to find its
 * columns.
 */
function notOne(text: string, count: number): string {
  if (/\bPIVOT(_WIDER)?\b/i.test(text) && !/;\s*\S/.test(text))
    return "A PIVOT that names no values is more than one statement: write PIVOT … ON column IN ('value', …).";
  return `It has ${count} statements; a query is exactly one SELECT.`;
}

/** Rejects with QUERY and a sentence unless `sql` is one SELECT (or WITH, FROM, VALUES). */
export async function checkSelect(connection: DuckDBConnection, sql: string): Promise<void> {
  const text = stripComments(sql).replace(/^[\s;]+/, "");
  if (text === "") throw refused("It has no statement.");
  const statements = await connection.extractStatements(sql);
  if (statements.count !== 1) throw refused(notOne(text, statements.count));
  const reader = await connection.runAndReadAll("SELECT json_serialize_sql(CAST($sql AS VARCHAR))", { sql });
  const tree: unknown = JSON.parse(String(reader.getRows()[0]![0]));
  // Not prepared to learn its kind: that binds it, which runs code of what it calls.
  if (isRecord(tree) && tree.error === true) {
    const word = /^\w+/.exec(text)?.[0].toUpperCase() ?? "WITH";
    throw refused(`Only a SELECT runs here, and this is ${word === "WITH" ? "something else" : word}.`);
  }
  walk(tree);
}

/** `ctes`: names, in small letters, of common table expressions that are visible here. */
function walk(node: unknown, ctes: ReadonlySet<string> = new Set()): void {
  if (Array.isArray(node)) {
    for (const item of node) walk(item, ctes);
  } else if (isRecord(node)) {
    checkNode(node, ctes);
    const within = walkCtes(node, ctes);
    for (const [name, value] of Object.entries(node)) if (name !== "cte_map") walk(value, within);
  }
}

/** Walks what a node's WITH defines; a name is visible after its own end, in a recursive one within it. */
function walkCtes(node: Record<string, unknown>, ctes: ReadonlySet<string>): ReadonlySet<string> {
  const within = new Set(ctes);
  if (node.type === "RECURSIVE_CTE_NODE") within.add(String(node.cte_name).toLowerCase());
  const map = isRecord(node.cte_map) && Array.isArray(node.cte_map.map) ? node.cte_map.map : [];
  for (const { key, value } of map) {
    walk(value, within);
    within.add(String(key).toLowerCase());
  }
  return within;
}

function checkNode(node: Record<string, unknown>, ctes: ReadonlySet<string>): void {
  if (node.type === "SHOW_REF") throw refused("SUMMARIZE, DESCRIBE and SHOW don't run here; a query is one SELECT.");
  if (node.type === "TABLE_FUNCTION" && isRecord(node.function)) {
    const name = String(node.function.function_name).toLowerCase();
    if (!ROW_MAKERS.has(name))
      throw refused(
        `${name}() doesn't run here: a query reads the views, and in FROM it may call only ${[...ROW_MAKERS].join(", ")}.`,
      );
  }
  if (node.class === "FUNCTION" && EFFECTS.has(String(node.function_name).toLowerCase())) {
    throw refused(`${String(node.function_name)}() doesn't run here.`);
  }
  if (node.type !== "BASE_TABLE") return;
  const [schema, table] = [String(node.schema_name), String(node.table_name)];
  if (schema !== "" || !ctes.has(table.toLowerCase())) checkTable(schema, table);
}

function checkTable(schema: string, table: string): void {
  if (/[/\\.*:]/.test(table)) throw refused(`'${table}' is a file, and a query reads the views only.`);
  if (/^(information_schema|pg_catalog)$/i.test(schema) || /^(duckdb|pragma|sqlite|pg)_/i.test(table))
    throw refused(`${table} describes the instance, and a query reads the views only.`);
}

function stripComments(sql: string): string {
  return sql.replace(/--[^\n\r]*|\/\*[\s\S]*?\*\//g, "");
}

function refused(message: string): TidemarkError {
  return new TidemarkError("QUERY", message);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
