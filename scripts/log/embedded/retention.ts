/** Retention of the embedded log: drops the oldest blocks of a partition. */
import type { Database } from "bun:sqlite";
import { nowUs } from "../../base/clock.ts";
import { APPEND_EARLIEST_US, STAMP_AHEAD_US_MAX } from "../../base/limits.ts";

export interface Retention {
  /** Append time, microseconds since 1970 UTC: older blocks may be dropped. */
  older_than_us?: number;
  /** By partition: blocks wholly before this offset may be dropped. */
  before?: ReadonlyMap<number, number>;
  /** At most this many blocks per partition. */
  blocks_max?: number;
}

/**
 * Deletes the blocks in [low, last) before the first young one, and returns the position of the
 * first block that stays. A block with an invalid append time (ahead of the clock, or before
 * APPEND_EARLIEST_US) is dropped with an old block after it.
 */
export function dropBlocks(
  db: Database,
  { low, last }: { low: number; last: number },
  {
    older_than_us = 0,
    before = 0,
    blocks_max = Number.MAX_SAFE_INTEGER,
  }: Omit<Retention, "before"> & { before?: number },
): number {
  const latest_us = older_than_us === 0 ? Number.MAX_SAFE_INTEGER : nowUs() + STAMP_AHEAD_US_MAX;
  const young = db.query<{ position: number }, [number, number, number, number, number]>(
    `SELECT position FROM blocks WHERE position >= ? AND position < ? AND appended_us >= ? AND appended_us <= ?
       AND position + count > ? ORDER BY position LIMIT 1`,
  );
  const old = db.query<{ next: number }, [number, number, number, number, number]>(
    `SELECT position + count AS next FROM blocks WHERE position >= ? AND position < ?
       AND (appended_us >= ? AND appended_us < ? OR position + count <= ?) ORDER BY position DESC LIMIT 1`,
  );
  const nth = db.query<{ position: number }, [number, number, number]>(
    "SELECT position FROM blocks WHERE position >= ? AND position < ? ORDER BY position LIMIT 1 OFFSET ?",
  );
  const first = young.get(low, last, older_than_us, latest_us, before)?.position ?? last;
  const kept = old.get(low, first, APPEND_EARLIEST_US, older_than_us, before)?.next ?? low;
  const until = nth.get(low, kept, blocks_max)?.position ?? kept;
  db.query<unknown, [number, number]>("DELETE FROM blocks WHERE position >= ? AND position < ?").run(low, until);
  return until;
}
