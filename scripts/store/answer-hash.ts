/** The stream's answer as one hash: its windows, late ticks and revisions. */
import { TidemarkError } from "../base/errors.ts";
import { openReadOnly } from "../base/sqlite.ts";

/** What may differ between runs, partition counts or logs (docs/semantics.md "Determinism"). */
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

/**
 * SHA-256 over the rows of the windows.db at `path`, in order of their keys, and how many rows of
 * each table it covers. Fails with NO_DATA if there is no such file.
 */
export function answerHash(path: string): { hash: string; rows: Record<keyof typeof TABLES, number> } {
  const db = openReadOnly(path);
  if (db === null) throw new TidemarkError("NO_DATA", `${path} does not exist.`, "Run stream first.");
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
