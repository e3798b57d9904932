/** Append times of the embedded log: how they follow the machine's clock, and what is reported of those that ran ahead of it. */
import type { Database } from "bun:sqlite";
import { isoFromUs, nowUs } from "../../base/clock.ts";
import { STAMP_AHEAD_US_MAX } from "../../base/limits.ts";
import type { Logger } from "../../base/logger.ts";
import { type Problem, Problems } from "../../contract/problems.ts";

/** A row of log.db's settings per partition whose append times stepped back: the highest one before. */
const HIGHEST = "highest_us:";

export class Stamps {
  readonly #problems = new Problems();

  constructor(
    private readonly db: Database,
    private readonly log: { name: string; logger: Logger },
  ) {}

  /**
   * The append time of what is written now (µs since 1970 UTC), called in the writing transaction. It does not go below the newest
   * one, so that a clock that is set back by seconds changes nothing. A newest time further ahead of the clock than
   * STAMP_AHEAD_US_MAX came from a wrong clock: it is not continued, or the check for stamps too far ahead would be off for years.
   */
  next(partition: number, newest_us: number): number {
    const now_us = nowUs();
    if (newest_us - now_us <= STAMP_AHEAD_US_MAX) return Math.max(now_us, newest_us);
    const keep = this.db.query<unknown, [string, number]>(
      `INSERT INTO settings VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value
       WHERE CAST(excluded.value AS INTEGER) > CAST(value AS INTEGER)`,
    );
    keep.run(HIGHEST + partition, newest_us);
    this.problems();
    return now_us;
  }

  /** The highest append time before a step back, which a job may have noted; 0 when this partition's never stepped back. */
  highest(partition: number): number {
    const select = this.db.query<{ value: string }, [string]>("SELECT value FROM settings WHERE name = ?");
    return Number(select.get(HIGHEST + partition)?.value ?? 0);
  }

  /** Forgets the steps back: their records' append times were repaired. */
  forget(): void {
    this.db.query("DELETE FROM settings WHERE name LIKE ?").run(`${HIGHEST}%`);
  }

  /** What is wrong with the log's append times now, said once on stderr. */
  problems(): Problem[] {
    const select = this.db.query<{ highest_us: number | null }, [string]>(
      "SELECT max(CAST(value AS INTEGER)) AS highest_us FROM settings WHERE name LIKE ?",
    );
    const highest_us = select.get(`${HIGHEST}%`)?.highest_us ?? 0;
    const now_us = nowUs();
    if (highest_us - now_us <= STAMP_AHEAD_US_MAX) this.#problems.solve("log-ahead");
    else {
      const sentence = `${this.log.name} has append times up to ${isoFromUs(highest_us)}, ahead of this machine's clock: it was wrong when they were written. New records have the right time; the old ones can be repaired with \`bun run doctor --repair-log\`.`;
      if (this.#problems.report({ code: "log-ahead", sentence, stops: false, since_us: now_us })) {
        this.log.logger.warn(sentence);
      }
    }
    return this.#problems.list();
  }
}
