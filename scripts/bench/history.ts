/** A long history for benches: closed one-minute windows of two products before those of a store. */
import { Database } from "bun:sqlite";
import { isoFromUs, usFromIso } from "../base/iso.ts";
import { METRIC_ROWS_MAX, RUNS_KEPT_MAX } from "../base/limits.ts";

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
  const first = db.query<{ us: number }, []>("SELECT min(window_start_us) AS us FROM windows").get()!;
  const start = `${first.us} - (${count} - i) * ${MINUTE_US}`;
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
      INSERT INTO windows SELECT ${values} FROM n, (SELECT * FROM windows LIMIT 1) one`);
  }
}

/** Lengthens the results by window to the most that is stored, cut, and the runs to a long list. */
export function addResults(path: string): void {
  const db = new Database(path);
  try {
    for (const metric of ["windows_by_minute", "reconciliation"]) {
      const { rows } = db.query<{ rows: string }, [string]>("SELECT rows FROM results WHERE metric = ?").get(metric)!;
      const parsed = JSON.parse(rows) as Record<string, unknown>[];
      const oldest = usFromIso(String(parsed.at(-1)!.window_start))!;
      const older = Array.from({ length: METRIC_ROWS_MAX - parsed.length }, (_, i) => {
        // The last rows of the reconciliation are equal ones.
        const of = parsed.at(-1 - (i % PRODUCTS.length))!;
        const start = oldest - (Math.floor(i / PRODUCTS.length) + 1) * MINUTE_US;
        return { ...of, window_start: isoFromUs(start) };
      });
      const all = JSON.stringify([...parsed, ...older]);
      db.query("UPDATE results SET rows = ?, row_count = ?, truncated = 1 WHERE metric = ?").run(
        all,
        METRIC_ROWS_MAX,
        metric,
      );
    }
    db.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${RUNS_KEPT_MAX / 2})
      INSERT INTO runs (run_id, state, pid, started_us, ended_us) SELECT 10 + i, 'failed', 1, i, i FROM n`);
  } finally {
    db.close();
  }
}
