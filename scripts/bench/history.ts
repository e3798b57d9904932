/** A long history for benches: closed one-minute windows of two products before those of a store. */
import { Database } from "bun:sqlite";

const MINUTE_US = 60_000_000;
const PRODUCTS = ["BTC-USD", "ETH-USD"];

/**
 * Adds `count` closed windows to a windows.db that no process has open, copies of its oldest but for
 * their times: 5 million take two minutes and 2.6 GB.
 */
export function addWindows(path: string, count: number): void {
  const db = new Database(path);
  try {
    const indexes = db.query<{ sql: string; name: string }, []>(
      "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'windows' AND sql IS NOT NULL",
    );
    const found = indexes.all();
    db.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000");
    for (const { name } of found) db.exec(`DROP INDEX ${name}`);
    fill(db, Math.floor(count / PRODUCTS.length));
    for (const { sql } of found) db.exec(sql);
    db.exec("PRAGMA journal_mode = WAL");
  } finally {
    db.close();
  }
}

/** Of each product `count` windows, one per minute; their commits are before all others. */
function fill(db: Database, count: number): void {
  const iso = (us: string) => `strftime('%Y-%m-%dT%H:%M:%S', (${us}) / 1000000, 'unixepoch') || '.000000Z'`;
  const start = `o.first_us - (${count} - i) * ${MINUTE_US}`;
  const end = `${start} + ${MINUTE_US}`;
  const columns = db.query<{ name: string }, []>("SELECT name FROM pragma_table_info('windows')").all();
  for (const product of PRODUCTS) {
    const own: Record<string, string> = {
      product_id: `'${product}'`,
      size_us: String(MINUTE_US),
      window_start_us: start,
      window_end_us: end,
      window_start: iso(start),
      window_end: iso(end),
      final: "1",
      change_id: `i - ${count}`,
      updated_at: end,
    };
    const values = columns.map(({ name }) => own[name] ?? `one.${name}`).join(", ");
    db.exec(`WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${count} - 1)
      INSERT INTO windows SELECT ${values} FROM n,
        (SELECT min(window_start_us) AS first_us FROM windows WHERE product_id = '${PRODUCTS[0]}') o,
        (SELECT * FROM windows LIMIT 1) one`);
  }
}
