/** The statements that lead a store from one schema to the next. */
import { windowColumns } from "../contract/window-columns.ts";

/**
 * Schema 2 of windows.db to 3. Ticks out of order were not kept before, so each product's curve of
 * lateness begins at the high mark that it has now.
 */
export function windowsOf2(schema: string): string {
  const added = ["out_of_order", "out_of_order_since", "product_marks"].map((name) => definition(schema, name));
  const since = `INSERT INTO out_of_order_since
    SELECT product_id, max_time_us FROM products WHERE max_time_us > ${Number.MIN_SAFE_INTEGER};`;
  return [...added, since].join("\n");
}

/** Schema 3 of windows.db to 4: latencies of an earlier run are not kept. */
export function windowsOf3(schema: string): string {
  const added = ["measure_slices", "answer_samples", "closings"].map((name) => definition(schema, name));
  return ["DROP TABLE latencies;", ...added].join("\n");
}

/** Schema 4 of windows.db to 5: no proof was kept before, and none was in a log. */
export function windowsOf4(schema: string): string {
  return `ALTER TABLE products ADD COLUMN unissued INTEGER NOT NULL DEFAULT 0;
    ${definition(schema, "unissued_ids")}
    ${REVISIONS_BY_ID.exec(schema)![0].replace("INDEX", "INDEX IF NOT EXISTS")}`;
}

/** Schema 1 has it already: its table of revisions is created again as it is now. */
const REVISIONS_BY_ID = /CREATE INDEX revisions_by_id ON .*?;/;

/** Schema 3 of ticks.db to 4: no older version stored history, so each product begins with the feed. */
export function ticksOf3(schema: string): string {
  const added = ["history_minutes", "walked", "feed_begins"].map((name) => definition(schema, name));
  return [...added, "INSERT INTO feed_begins SELECT product_id, min(trade_id) FROM ticks GROUP BY product_id;"].join(
    "\n",
  );
}

/**
 * Schema 1 (commit fa0d24d) to 2: tables in `widened` are copied into their definition of `schema`,
 * where new columns get their defaults; tables in `added` are created. The store keeps rules 1
 * (base/limits.ts).
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

/** Of a table or a view. */
function definition(schema: string, name: string): string {
  const text = new RegExp(`CREATE (TABLE ${name} \\([^]*?\\) STRICT(?:, WITHOUT ROWID)?|VIEW ${name} AS[^]*?);`).exec(
    schema,
  )?.[0];
  if (text === undefined) throw new Error(`The schema has no table or view ${name}.`);
  return text;
}

const WINDOW = windowColumns(({ since }) => since === undefined).join(", ");

const COLUMNS_OF_1: Record<string, string> = {
  windows: WINDOW,
  window_revisions: `revision, caused_by_trade_id, log_partition, log_offset, ${WINDOW}`,
  offsets: "log_partition, next_offset, seen_us, generation",
};
