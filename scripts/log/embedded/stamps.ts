/** Append times of the embedded log: follow the machine's clock, and report those ahead of it. */
import type { Database } from "bun:sqlite";
import { nowUs } from "../../base/clock.ts";
import { isoFromUs } from "../../base/iso.ts";
import { STAMP_AHEAD_US_MAX } from "../../base/limits.ts";
import type { Logger } from "../../base/logger.ts";
import { type Problem, Problems } from "../../contract/problems.ts";

/** Settings of log.db per partition: the highest append time before a step back. */
const HIGHEST = "highest_us:";

export class Stamps {
  readonly #problems = new Problems();
  /** The highest append time that each partition ever had, once this process has written to it. */
  readonly #highest = new Map<number, number>();

  constructor(
    private readonly db: Database,
    private readonly log: { name: string; logger: Logger },
  ) {}

  /**
   * Whether a record that is written now has a later append time than any before it. Readers recognise
   * their log by these times, so only such a record may be seen before it is synced: if a loss of power
   * takes it, the next one at its offset has another time. `newest_us`: of the newest record, which
   * another process may have written.
   */
  isNew(partition: number, newest_us = 0): boolean {
    return nowUs() > Math.max(newest_us, this.#highest.get(partition) ?? Number.POSITIVE_INFINITY);
  }

  /**
   * The append time of a write (µs since 1970 UTC), called in its transaction: never before the
   * newest one. A newest time further ahead than STAMP_AHEAD_US_MAX came from a wrong clock and is
   * not continued, or later times would be wrong for years.
   */
  next(partition: number, newest_us: number): number {
    const now_us = nowUs();
    const known_us = this.#highest.get(partition) ?? this.highest(partition);
    this.#highest.set(partition, Math.max(known_us, newest_us, now_us));
    if (newest_us - now_us <= STAMP_AHEAD_US_MAX) return Math.max(now_us, newest_us);
    const keep = this.db.query<unknown, [string, number]>(
      `INSERT INTO settings VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value
       WHERE CAST(excluded.value AS INTEGER) > CAST(value AS INTEGER)`,
    );
    keep.run(HIGHEST + partition, newest_us);
    this.problems();
    return now_us;
  }

  /**
   * The highest append time before a step back, which checkpoints may contain; 0 if there was none.
   */
  highest(partition: number): number {
    const select = this.db.query<{ value: string }, [string]>("SELECT value FROM settings WHERE name = ?");
    return Number(select.get(HIGHEST + partition)?.value ?? 0);
  }

  /** Forgets the steps back, after their records' append times were repaired. */
  forget(): void {
    this.db.query("DELETE FROM settings WHERE name LIKE ?").run(`${HIGHEST}%`);
  }

  /** Problems with the log's append times; each is logged once. */
  problems(): Problem[] {
    const select = this.db.query<{ highest_us: number | null }, [string]>(
      "SELECT max(CAST(value AS INTEGER)) AS highest_us FROM settings WHERE name LIKE ?",
    );
    const highest_us = select.get(`${HIGHEST}%`)?.highest_us ?? 0;
    const now_us = nowUs();
    if (highest_us - now_us <= STAMP_AHEAD_US_MAX) this.#problems.solve("log-ahead");
    else {
      const sentence = `${this.log.name} has append times up to ${isoFromUs(highest_us)}, ahead of this machine's clock: it was wrong when they were written. New records have the right time; repair the old ones with \`bun run doctor --repair-log\`.`;
      if (this.#problems.report({ code: "log-ahead", sentence, stops: false, since_us: now_us })) {
        this.log.logger.warn(sentence);
      }
    }
    return this.#problems.list();
  }
}
