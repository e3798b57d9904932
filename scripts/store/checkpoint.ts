/** What both stores commit with their rows: the log offsets, fenced by a generation, and the counters. */
import type { Database } from "bun:sqlite";
import { TidemarkError } from "../common/errors.ts";

export type Counters = Record<string, number>;

/** Takes the partitions over for `generation` and gives each one's first unread offset; 0 for one never read. */
export function readOffsets(db: Database, partitions: number[], generation: number): Map<number, number> {
  const positions = new Map<number, number>();
  const take = db.query<{ next_offset: number }, [number, number]>(
    `INSERT INTO offsets VALUES (?, 0, ?) ON CONFLICT DO UPDATE SET generation = excluded.generation RETURNING next_offset`,
  );
  for (const partition of partitions) positions.set(partition, take.get(partition, generation)!.next_offset);
  return positions;
}

/** Moves the offsets on; fails when a partition belongs to another generation, so that a zombie's transaction rolls back (faults.md 16). */
export function saveOffsets(db: Database, positions: Map<number, number>, generation: number): void {
  const move = db.query("UPDATE offsets SET next_offset = ? WHERE log_partition = ? AND generation = ?");
  for (const [partition, next] of positions) {
    if (move.run(next, partition, generation).changes === 1) continue;
    throw new TidemarkError(
      "STAGE_BUSY",
      `Another process has taken over partition ${partition}; this one's last batch was rolled back.`,
      "Nothing is lost: the other process reads on from the committed offset.",
    );
  }
}

export function addCounters(db: Database, counters: Counters): void {
  const add = db.query("INSERT INTO counters VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value");
  for (const [name, value] of Object.entries(counters)) if (value !== 0) add.run(name, value);
}

export function setCounters(db: Database, counters: Counters): void {
  const set = db.query("INSERT OR REPLACE INTO counters VALUES (?, ?)");
  for (const [name, value] of Object.entries(counters)) set.run(name, value);
}
