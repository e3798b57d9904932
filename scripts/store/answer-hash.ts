/** The stream's answer as one hash: windows, late ticks and revisions, without the columns that say where in the log or when by our clock. */
import { TidemarkError } from "../base/errors.ts";
import { openReadOnly } from "../base/sqlite.ts";

/** Columns that the same trades may differ in between two runs, partition counts or logs (docs/decisions/0008-windows.md). */
const NOT_ANSWER = new Set([
  "closed_partition",
  "closed_offset",
  "opened_partition",
  "opened_offset",
  "log_partition",
  "log_offset",
  "appended_us",
  "received_us",
  "updated_at",
  "change_id",
]);
const TABLES = {
  windows: "product_id, size_us, window_start_us",
  late_ticks: "product_id, size_us, window_start_us, trade_id",
  window_revisions: "product_id, size_us, window_start_us, revision",
} as const;

/** SHA-256 over all rows of windows.db that are the answer, in order of their keys; and how many rows of each table it covers. */
export function answerHash(path: string): { hash: string; rows: Record<keyof typeof TABLES, number> } {
  const db = openReadOnly(path);
  if (db === null) throw new TidemarkError("NO_DATA", `${path} is not there.`, "Run stream first.");
  try {
    const hasher = new Bun.CryptoHasher("sha256");
    const rows = { windows: 0, late_ticks: 0, window_revisions: 0 };
    db.exec("BEGIN");
    for (const table of ["windows", "late_ticks", "window_revisions"] as const) {
      const query = db.query<Record<string, unknown>, []>(`SELECT * FROM ${table} ORDER BY ${TABLES[table]}`);
      for (const row of query.iterate()) {
        const cells = Object.entries(row).filter(([name]) => !NOT_ANSWER.has(name));
        hasher.update(`${table} ${JSON.stringify(cells)}\n`);
        rows[table]++;
      }
    }
    db.exec("COMMIT");
    return { hash: hasher.digest("hex"), rows };
  } finally {
    db.close();
  }
}
