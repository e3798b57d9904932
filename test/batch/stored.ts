/** What the batch's tests share: a data directory that stream and consume have filled, and what results.db holds after a run. */
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { fillLog, run } from "../support/project.ts";

/** The recorded hour's columns in the reference's order (shared by batch_output's test). */
export const REFERENCE_COLUMNS =
  "avg_price,max_price,min_price,total_volume,trade_count,buy_count,sell_count,price_range,volatility_flag,market_sentiment,volume_spike,buy_sell_ratio";

/** Appends `lines` to the log; the named stages read it to its end. */
export async function store(
  data: string,
  lines: string[],
  stages: ("stream" | "consume")[] = ["stream", "consume"],
): Promise<void> {
  await fillLog(data, lines);
  for (const stage of stages) {
    const ran = await run(stage, ["--data", data, "--until-end", ...(stage === "stream" ? ["--flush"] : [])]);
    if (ran.code !== 0) throw new Error(ran.stderr);
  }
}

export interface ResultRow {
  metric: string;
  ok: number;
  stale: number;
  error: string | null;
  title: string;
  chart: string;
  columns: string;
  rows: string;
  truncated: number;
}

/** Rows of a query on results.db. DuckDB never opens that file, so this process may. */
export function results<T = ResultRow>(data: string, sql = "SELECT * FROM results ORDER BY metric"): T[] {
  const db = new Database(join(data, "results.db"), { readonly: true });
  try {
    return db.query<T, []>(sql).all();
  } finally {
    db.close();
  }
}

/** The newest rows of one metric. */
export function rowsOf(data: string, metric: string): Record<string, string | number | null>[] {
  const found = results(data).find((row) => row.metric === metric);
  if (!found) throw new Error(`no result of ${metric}`);
  return JSON.parse(found.rows);
}

/** One recorded message as another trade: its id, time and product changed. */
export function changed(line: string, to: { trade_id?: number; time?: string; product_id?: string }): string {
  return JSON.stringify({ ...(JSON.parse(line) as object), ...to });
}
