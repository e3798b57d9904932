/** The sentence about repeated trades with another content. */
import type { Database } from "bun:sqlite";
import { isoFromUs } from "../base/iso.ts";

const CONFLICT = `
  SELECT c.*, t.side AS stored_side, t.last_size AS stored_last_size, t.price AS stored_price, t.time_us AS stored_time_us,
    (SELECT value FROM counters WHERE name = 'conflicts') AS conflicts,
    (SELECT appended_us FROM conflicts WHERE pruned = 0 ORDER BY rowid LIMIT 1) AS since_us
  FROM conflicts c LEFT JOIN ticks t USING (product_id, trade_id) WHERE c.pruned = 0 ORDER BY c.rowid DESC LIMIT 1`;

/** The newest conflict as a sentence with what to do, and when the first came; null if none. */
export function newestConflict(db: Database): { sentence: string; since_us: number } | null {
  const row = db.query<Record<string, string | number>, []>(CONFLICT).get();
  if (row === null) return null;
  const trade = (name: "" | "stored_") =>
    `${row[`${name}side`]} ${row[`${name}last_size`]} at ${row[`${name}price`]}, ${isoFromUs(Number(row[`${name}time_us`]))}`;
  const first = row.stored_side === null ? "is pruned" : `was ${trade("stored_")}`;
  const many = row.conflicts === 1 ? "1 trade has" : `${row.conflicts} trades have`;
  return {
    sentence:
      `${many} the id of an earlier trade but another content. The first trade counts; the others are kept in the table conflicts. ` +
      `The newest: ${row.product_id} ${row.trade_id} ${first}; partition ${row.log_partition}, offset ${row.log_offset} has ` +
      `${trade("")}. If the exchange restarted its ids, use a new data directory.`,
    since_us: Number(row.since_us),
  };
}
