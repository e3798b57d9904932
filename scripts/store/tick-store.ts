/** ticks.db: every tick ever read, once. A batch of ticks and the log positions after it are one transaction. */
import type { Statement } from "bun:sqlite";
import { formatDecimal } from "../common/decimal.ts";
import { diePoint } from "../common/die-point.ts";
import type { LogPlace } from "../common/log.ts";
import type { SchemaSpec } from "../common/sqlite.ts";
import type { DeadLetter, FullTick, Position } from "../common/tick.ts";
import { CheckpointStore } from "./checkpoint.ts";
import SCHEMA from "./schema/ticks.sql" with { type: "text" };

export const TICKS_SCHEMA: SchemaSpec = { create: SCHEMA, version: 1 };

/** An outage as it stood in the log. */
export interface OutageRow extends Position {
  product_id: string;
  from_us: number;
  to_us: number;
  last_trade_id: number | null;
  first_trade_id: number | null;
  reason: string;
}

export class TickStore extends CheckpointStore {
  readonly #insert: Statement;
  readonly #dead: Statement;
  readonly #outage: Statement;
  #inserted = 0;
  #duplicates = 0;
  #malformed = 0;

  constructor(path: string) {
    super(path, TICKS_SCHEMA);
    this.#insert = this.db.prepare(
      `INSERT OR IGNORE INTO ticks (product_id, trade_id, time_us, price, last_size, side, best_bid, best_ask, source,
       appended_us, log_partition, log_offset) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#dead = this.db.prepare("INSERT OR REPLACE INTO dead_letters VALUES (?, ?, ?, ?, ?)");
    this.#outage = this.db.prepare("INSERT INTO outages VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)");
  }

  begin(): void {
    this.#inserted = 0;
    this.#duplicates = 0;
    this.#malformed = 0;
    this.guard(() => this.db.exec("BEGIN IMMEDIATE"));
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

  /** Commits what came since `begin` with the places after it; gives the counts. */
  commit(
    places: ReadonlyMap<number, LogPlace>,
    records: number,
  ): { inserted: number; duplicates: number; malformed: number } {
    const counts = { inserted: this.#inserted, duplicates: this.#duplicates, malformed: this.#malformed };
    this.guard(() => {
      this.savePlaces(places);
      this.add({ records, ...counts });
      diePoint("consume-before-commit");
      this.db.exec("COMMIT");
    });
    diePoint("consume-committed");
    return counts;
  }
}
