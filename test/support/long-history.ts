/** A data directory with a long history: tens of thousands of rows in each table that grows. */
import { Database } from "bun:sqlite";
import { join } from "node:path";

const MINUTE_US = 60_000_000;
const iso = (us: string) => `strftime('%Y-%m-%dT%H:%M:%S', (${us}) / 1000000, 'unixepoch') || '.000000Z'`;
/** Two products have a window of each start. */
const START = `w.first_us - (i / 2) * ${MINUTE_US} - ${MINUTE_US}`;
const PRODUCT = "CASE i % 2 WHEN 0 THEN 'BTC-USD' ELSE 'ETH-USD' END";
const SIZE = `CASE WHEN i % 10 < 8 THEN ${MINUTE_US} ELSE ${60 * MINUTE_US} END`;
const WINDOW = {
  product_id: PRODUCT,
  size_us: SIZE,
  window_start_us: START,
  window_end_us: `${START} + ${SIZE}`,
  window_start: iso(START),
  window_end: iso(`${START} + ${SIZE}`),
  final: "1",
  change_id: "1",
  updated_at: `${START} + ${SIZE}`,
};

/** Per file and table: the rows, and the columns that are not those of one of its rows, or of none. */
const TABLES: Record<string, Record<string, [rows: number, columns: Record<string, string>]>> = {
  "windows.db": {
    windows: [40_000, WINDOW],
    window_revisions: [40_000, { ...WINDOW, revision: "1" }],
    late_ticks: [60_000, { product_id: PRODUCT, trade_id: "i", size_us: SIZE, window_start_us: START }],
    out_of_order: [80_000, { seq: "1000000 + i", trade_id: "i" }],
    dead_letters: [60_000, { log_offset: "-i", value: "zeroblob(100)", reason: "'not JSON'" }],
    closings: [10_000, { seq: "1000000 + i" }],
  },
  "ticks.db": {
    ticks: [60_000, { insert_id: "-i", trade_id: "-i", time_us: "time_us - i" }],
    conflicts: [60_000, { log_offset: "-i" }],
    outages: [120_000, { outage_id: "1000000 + i", reason: "'silent for 30 s'" }],
    dead_letters: [60_000, { log_offset: "-i", value: "zeroblob(100)", reason: "'not JSON'" }],
  },
  "results.db": {
    runs: [
      90_000,
      {
        run_id: "1000000 + i",
        state: "CASE WHEN i > 40000 AND i % 2 = 0 THEN 'missed' WHEN i > 40000 THEN 'failed' ELSE 'done' END",
        snapshot: "NULL",
      },
    ],
    reconciliation: [300_000, { run_id: "1000000 + i" }],
  },
};

/** Adds the rows to the files of a directory that the whole path has filled. */
export function addHistory(data: string): void {
  for (const [file, tables] of Object.entries(TABLES)) {
    const db = new Database(join(data, file));
    db.exec("PRAGMA busy_timeout = 10000; PRAGMA synchronous = OFF");
    for (const [table, [rows, columns]] of Object.entries(tables)) fill(db, table, rows, columns);
    db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    db.close();
  }
}

/** The tables that have a long history. */
export const LARGE_TABLES = Object.values(TABLES).flatMap((tables) => Object.keys(tables));

function fill(db: Database, table: string, rows: number, columns: Record<string, string>): void {
  const of = db.query<{ name: string; type: string; nullable: number }, []>(
    `SELECT name, type, "notnull" = 0 AS nullable FROM pragma_table_info('${table}')`,
  );
  const isThere = db.query(`SELECT 1 FROM ${table} LIMIT 1`).get() !== null;
  const values = of.all().map(({ name, type, nullable }) => {
    if (columns[name] !== undefined) return columns[name];
    if (isThere) return `one.${name}`;
    return nullable ? "NULL" : type === "TEXT" ? "'1.5'" : type === "BLOB" ? "x'00'" : "1";
  });
  const windows = db.query("SELECT 1 FROM sqlite_master WHERE name = 'windows' AND type = 'table'").get() !== null;
  const first = windows ? "(SELECT min(window_start_us) AS first_us FROM windows) w" : "(SELECT 0 AS first_us) w";
  const one = isThere ? `, (SELECT * FROM ${table} ORDER BY rowid DESC LIMIT 1) one` : "";
  db.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
    INSERT INTO ${table} SELECT ${values.join(", ")} FROM n, ${first}${one}`);
}
