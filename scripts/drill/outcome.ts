/** What a data directory holds in the end: a hash of windows, one of ticks, the reconciliation. */
import { join } from "node:path";
import { openReadOnly } from "../base/sqlite.ts";
import { AGREEMENT_COLUMNS, type Agreement } from "../contract/results.ts";
import { answerHash } from "../store/index.ts";

export interface Outcome {
  /** SHA-256 of windows, late ticks and revisions. */
  stream: string;
  /** SHA-256 of the stored ticks and the dead letters' reasons. */
  ticks: string;
  /** Rows of each. */
  rows: { windows: number; late_ticks: number; window_revisions: number; ticks: number; dead_letters: number };
  /** Counts of the newest run, in windows. */
  reconciliation: Agreement;
}

const TICKS =
  "SELECT product_id, trade_id, time_us, price, last_size, side, best_bid, best_ask FROM ticks ORDER BY product_id, trade_id";
const DEAD = "SELECT reason, count(*) AS messages FROM dead_letters GROUP BY reason ORDER BY reason";
const AGREEMENT = `SELECT ${AGREEMENT_COLUMNS.join(", ")} FROM reconciliation ORDER BY run_id DESC LIMIT 1`;

/**
 * Reads a directory that no stage works on. Throws when a file is missing or SQLite's check finds it
 * damaged.
 */
export function outcomeOf(data: string): Outcome {
  const stream = answerHash(join(data, "windows.db"));
  const ticks = openReadOnly(join(data, "ticks.db"));
  const results = openReadOnly(join(data, "results.db"));
  if (ticks === null || results === null) throw new Error(`${data} has no ticks.db or results.db`);
  try {
    for (const name of ["windows.db", "ticks.db", "results.db"]) check(join(data, name));
    const hasher = new Bun.CryptoHasher("sha256");
    let count = 0;
    for (const row of ticks.query<Record<string, unknown>, []>(TICKS).iterate()) {
      hasher.update(JSON.stringify(row));
      count++;
    }
    const dead = ticks.query<{ reason: string; messages: number }, []>(DEAD).all();
    hasher.update(JSON.stringify(dead));
    const dead_letters = dead.reduce((sum, { messages }) => sum + messages, 0);
    const reconciliation = results.query<Agreement, []>(AGREEMENT).get();
    if (reconciliation === null) throw new Error(`${data} has no reconciliation`);
    const rows = { ...stream.rows, ticks: count, dead_letters };
    return { stream: stream.hash, ticks: hasher.digest("hex"), rows, reconciliation };
  } finally {
    ticks.close();
    results.close();
  }
}

function check(path: string): void {
  const db = openReadOnly(path);
  const found = db?.query<{ integrity_check: string }, []>("PRAGMA integrity_check").get()?.integrity_check;
  db?.close();
  if (found !== "ok") throw new Error(`${path}: ${found}`);
}

/** What differs from the undisturbed run, as phrases; [] when nothing does. */
export function differences(calm: Outcome, now: Outcome): string[] {
  const found: string[] = [];
  for (const [name, rows] of Object.entries(calm.rows)) {
    const there = now.rows[name as keyof Outcome["rows"]];
    if (there !== rows) found.push(`${there} ${name} instead of ${rows}`);
  }
  if (now.stream !== calm.stream) found.push("windows, late ticks or revisions differ");
  if (now.ticks !== calm.ticks) found.push("stored ticks differ");
  for (const name of ["unexplained", "pending"] as const) {
    if (now.reconciliation[name] !== 0) found.push(`${now.reconciliation[name]} windows are ${name}`);
  }
  if (now.reconciliation.compared !== calm.reconciliation.compared)
    found.push("the reconciliation compared other windows");
  return found;
}
