/** A window's ticks and the batch's minutes from the archive, by DuckDB in another process. */
import type { DataPaths } from "../../scripts/base/data-dir.ts";
import { isoFromUs } from "../../scripts/base/iso.ts";
import { type Row, SAME_QUESTION } from "../../scripts/contract/results.ts";
import TICKS from "../../sql/page/export_window_ticks.sql" with { type: "text" };
import { queryArchive } from "./archive-query.ts";

/** A tick as ticks.db and the archive have it; decimals as text. */
export interface TickRow {
  trade_id: number;
  time_us: number;
  price: string;
  last_size: string;
  side: "buy" | "sell";
  source: string;
  appended_us: number;
  log_partition: number;
  log_offset: number;
  insert_id: number;
}

interface Span {
  product: string;
  from_us: number;
  to_us: number;
}

/** By time and id. Rejects as `queryArchive`. */
export async function archivedTicks(
  paths: DataPaths,
  { product, from_us, to_us }: Span,
  limit: number,
  signal?: AbortSignal,
): Promise<TickRow[]> {
  const flags = { product, from: isoFromUs(from_us), to: isoFromUs(to_us), limit: String(limit) };
  const rows = await queryArchive(paths, { flags, sql: TICKS, signal });
  return rows as unknown as TickRow[];
}

/** The batch's minutes of the span, by its own metric. Rejects as `queryArchive`. */
export function archivedMinutes(
  paths: DataPaths,
  { product, from_us, to_us }: Span,
  signal?: AbortSignal,
): Promise<Row[]> {
  const flags = { metric: SAME_QUESTION, product, from: isoFromUs(from_us), to: isoFromUs(to_us) };
  return queryArchive(paths, { flags, signal });
}
