/** Whether a window touches a minute with trades of `backfill`: it will not be compared. */
import type { Sources } from "./sources.ts";

const KNOWN = "SELECT 1 AS one FROM sqlite_schema WHERE name = 'history_minutes'";
const TOUCHED = `SELECT 1 AS one FROM history_minutes
  WHERE product_id = $product AND minute_us > $start_us - 60000000 AND minute_us < $end_us LIMIT 1`;

/** As `consume` has stored them; false for a ticks.db of before there was history. */
export function holdsHistory({ ticks }: Sources, span: { product: string; start_us: number; end_us: number }): boolean {
  return ticks.get(KNOWN) !== null && ticks.get(TOUCHED, span) !== null;
}
