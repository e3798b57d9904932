/** ticks.db: every tick ever read, once. A batch of ticks and the log positions after it are one transaction. */
import type { Database, Statement } from "bun:sqlite";
import { nowUs } from "../common/clock.ts";
import { formatDecimal } from "../common/decimal.ts";
import { diePoint } from "../common/die-point.ts";
import { openDatabase, storeError } from "../common/sqlite.ts";
import type { DeadLetter, FullTick, Position } from "../common/tick.ts";
import { addCounters, type Counters, readOffsets, saveOffsets, setCounters } from "./checkpoint.ts";
import SCHEMA from "./schema/ticks.sql" with { type: "text" };

/** An outage as it stood in the log. */
export interface OutageRow extends Position {
  product_id: string;
  from_us: number;
  to_us: number;
  last_trade_id: number | null;
  first_trade_id: number | null;
  reason: string;
}

export class TickStore {
  readonly db: Database;
  readonly #insert: Statement;
  readonly #dead: Statement;
  readonly #outage: Statement;
  readonly #generation = nowUs();
  #inserted = 0;
  #duplicates = 0;
  #malformed = 0;

  constructor(readonly path: string) {
    this.db = openDatabase(path, { create: SCHEMA, version: 1 }, "NORMAL");
    this.#insert = this.db.prepare(
      `INSERT OR IGNORE INTO ticks (product_id, trade_id, time_us, price, last_size, side, best_bid, best_ask, source,
       appended_us, log_partition, log_offset) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#dead = this.db.prepare("INSERT OR REPLACE INTO dead_letters VALUES (?, ?, ?, ?, ?)");
    this.#outage = this.db.prepare("INSERT INTO outages VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)");
  }

  /** Takes the partitions for this process and gives each one's first unread offset. */
  positions(partitions: number[]): Map<number, number> {
    return readOffsets(this.db, partitions, this.#generation);
  }

  saveSetting(name: string, value: string): void {
    this.db.query("INSERT OR REPLACE INTO settings VALUES (?, ?)").run(name, value);
  }

  setting(name: string): string | null {
    const row = this.db.query<{ value: string }, [string]>("SELECT value FROM settings WHERE name = ?").get(name);
    return row?.value ?? null;
  }

  begin(): void {
    this.#inserted = 0;
    this.#duplicates = 0;
    this.#malformed = 0;
    this.#guard(() => this.db.exec("BEGIN IMMEDIATE"));
  }

  /** One tick of the open transaction; a duplicate of (product_id, trade_id) is counted and left out. */
  tick(tick: FullTick, partition: number, offset: number, appended_us: number): void {
    const { changes } = this.#insert.run(
      tick.product_id,
      tick.trade_id,
      tick.time_us,
      formatDecimal(tick.price_mantissa, tick.price_scale),
      formatDecimal(tick.size_mantissa, tick.size_scale),
      tick.side,
      tick.best_bid,
      tick.best_ask,
      tick.source,
      appended_us,
      partition,
      offset,
    );
    diePoint("consume-inserted");
    if (changes === 0) this.#duplicates++;
    else this.#inserted++;
  }

  dead(letter: DeadLetter): void {
    this.#dead.run(letter.partition, letter.offset, letter.appended_us, letter.reason, letter.value);
    this.#malformed++;
  }

  outage(o: OutageRow): void {
    const { product_id, from_us, to_us, last_trade_id, first_trade_id, reason, partition, offset } = o;
    this.#outage.run(product_id, from_us, to_us, last_trade_id, first_trade_id, reason, partition, offset);
  }

  /** Commits what came since `begin` with the positions after it; gives the counts. */
  commit(positions: Map<number, number>, records: number): { inserted: number; duplicates: number; malformed: number } {
    const counts = { inserted: this.#inserted, duplicates: this.#duplicates, malformed: this.#malformed };
    this.#guard(() => {
      saveOffsets(this.db, positions, this.#generation);
      addCounters(this.db, { records, ...counts });
      diePoint("consume-before-commit");
      this.db.exec("COMMIT");
    });
    diePoint("consume-committed");
    return counts;
  }

  /** Stores what the process measured of itself: `run_*` counters. */
  saveStats(counters: Counters): void {
    this.db.transaction(() => setCounters(this.db, counters))();
  }

  rollback(): void {
    if (this.db.inTransaction) this.db.exec("ROLLBACK");
  }

  close(): void {
    this.db.close();
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.rollback();
      throw storeError(this.path, error);
    }
  }
}
