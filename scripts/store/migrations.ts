/** The statements that lead a store of schema 1 (commit fa0d24d) to schema 2. */

/**
 * Tables in `widened` are copied into their definition of `schema`, whose new columns are at the end and get their defaults;
 * tables in `added` are created. The store keeps its rules (limits.ts RULES_VERSION), so its setting `rules` becomes 1.
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

const WINDOW = `product_id, size_us, window_start_us, window_end_us, window_start, window_end, avg_price, max_price, min_price,
  price_range, volatility_flag, total_volume, trade_count, buy_sell_ratio, market_sentiment, volume_spike, buy_count, sell_count,
  open_price, close_price, price_sum, notional, vwap, first_trade_id, last_trade_id, missing, final, open_time_us, open_trade_id,
  close_time_us, close_trade_id, after_trade_id, skewed, closed_partition, closed_offset, received_us, updated_at, change_id`;

const COLUMNS_OF_1: Record<string, string> = {
  windows: WINDOW,
  window_revisions: `revision, caused_by_trade_id, log_partition, log_offset, ${WINDOW}`,
  offsets: "log_partition, next_offset, seen_us, generation",
};
