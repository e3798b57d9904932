/** Migrates a store of schema 1 (commit fa0d24d) to schema 2. */
import { windowColumns } from "../contract/window-columns.ts";

/**
 * The statements: tables in `widened` are copied into their definition of `schema`, where new columns
 * get their defaults; tables in `added` are created. The store keeps rules 1 (base/limits.ts).
 */
export function storeOf1(schema: string, widened: readonly string[], added: readonly string[]): string {
  const steps = widened.map((table) => {
    const indexes = [...schema.matchAll(new RegExp(`CREATE INDEX \\w+ ON ${table} .*?;`, "g"))].map(([text]) => text);
    const columns = COLUMNS_OF_1[table]!;
    return `ALTER TABLE ${table} RENAME TO ${table}_1;
      ${definition(schema, table)}
      INSERT INTO ${table} (${columns}) SELECT ${columns} FROM ${table}_1;
      DROP TABLE ${table}_1;
      ${indexes.join("\n")}`;
  });
  const tables = added.map((table) => definition(schema, table));
  return [...steps, ...tables, "INSERT INTO settings VALUES ('rules', '1');"].join("\n");
}

function definition(schema: string, table: string): string {
  const text = new RegExp(`CREATE TABLE ${table} \\([\\s\\S]*?\\) STRICT;`).exec(schema)?.[0];
  if (text === undefined) throw new Error(`The schema has no table ${table}.`);
  return text;
}

const WINDOW = windowColumns(({ since }) => since === undefined).join(", ");

const COLUMNS_OF_1: Record<string, string> = {
  windows: WINDOW,
  window_revisions: `revision, caused_by_trade_id, log_partition, log_offset, ${WINDOW}`,
  offsets: "log_partition, next_offset, seen_us, generation",
};
