/** What would make an unexplained row of a batch: one trade that its table lacked. */
import { type BatchColumn, BatchTable, wrongOf } from "./batch-values.ts";
import { type Candidate, type Consumer, endsOf, tableAfter } from "./consumed.ts";
import type { BatchRow } from "./other-kinds.ts";

/** Trades that are left out one by one, of one table, and those that the sentence names. */
const CHECKS_MAX = 50;
const NAMED_MAX = 5;
/** Relative error of a sum of doubles. */
const SIZE_ERROR = 1e-9;

/** With the trade that would make the row if the consumer lacked it: a lead, not a proof. */
export function hinted(
  why: string,
  row: BatchRow,
  consumer: Consumer,
  all: readonly Candidate[],
  names: readonly BatchColumn[],
): string {
  const ids = lostTrades(row, consumer, all, names);
  if (ids.length === 0) return why;
  if (ids.length === 1) return `${why} As if ${ids[0]} were missing.`;
  const named = `${ids.slice(0, NAMED_MAX).join(", ")}${ids.length > NAMED_MAX ? ", …" : "."}`;
  return `${why} As if one of ${ids.length} trades were missing: ${named}`;
}

/** Trades without which the consumer's table makes the row, in every column. */
function lostTrades(
  { cells }: BatchRow,
  consumer: Consumer,
  all: readonly Candidate[],
  names: readonly BatchColumn[],
): string[] {
  const [count, volume] = [Number(cells.trade_count ?? Number.NaN), Number(cells.total_volume ?? Number.NaN)];
  if (Number.isNaN(count) || Number.isNaN(volume)) return [];
  for (const to of endsOf(consumer, all, count + 1)) {
    const rows = tableAfter(consumer, all, 0, to);
    const total = rows.reduce((sum, { size }) => sum + sizeOf(size), 0);
    const ids = rows
      .filter(({ size }) => Math.abs(sizeOf(size) - (total - volume)) <= total * SIZE_ERROR)
      .slice(0, CHECKS_MAX)
      .filter((one) => wrongOf({ cells }, new BatchTable(rows.filter((each) => each !== one)), names).length === 0)
      .map(({ id }) => id);
    if (ids.length > 0) return ids;
  }
  return [];
}

const sizeOf = (size: Candidate["size"]): number => (size === null ? 0 : Number(size.mantissa) / 10 ** size.scale);
