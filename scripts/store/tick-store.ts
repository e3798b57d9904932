/** ticks.db: every tick ever read, once. A batch of ticks and the log positions after it are one transaction. */
import type { SQLQueryBindings, Statement } from "bun:sqlite";
import { formatDecimal } from "../common/decimal.ts";
import { diePoint } from "../common/die-point.ts";
import type { LogPlace } from "../common/log.ts";
import type { SchemaSpec } from "../common/sqlite.ts";
import type { DeadLetter, FullTick, Outage, Position } from "../common/tick.ts";
import { CheckpointStore, storeOf1 } from "./checkpoint.ts";
import SCHEMA from "./schema/ticks.sql" with { type: "text" };

export const TICKS_SCHEMA: SchemaSpec = { create: SCHEMA, version: 2, migrations: { 1: storeOf1(SCHEMA) } };

/** An outage as it stood in the log. */
export type OutageRow = Position & Outage;

const COLUMNS = [
  "product_id",
  "trade_id",
  "time_us",
  "price",
  "last_size",
  "side",
  "best_bid",
  "best_ask",
  "source",
  "appended_us",
  "log_partition",
  "log_offset",
];
/** Ticks of one INSERT: a statement has a price of its own, a quarter of the whole when each tick pays it. */
const INSERT_ROWS = 32;

export class TickStore extends CheckpointStore {
  readonly #insert: Statement;
  readonly #insertMany: Statement;
  /** Values of ticks that wait for their INSERT, INSERT_ROWS at most. */
  #waiting: SQLQueryBindings[] = [];
  readonly #dead: Statement;
  readonly #outage: Statement;
  #inserted = 0;
  #duplicates = 0;
  #malformed = 0;

  constructor(path: string) {
    super(path, TICKS_SCHEMA);
    const row = `(${COLUMNS.map(() => "?").join(", ")})`;
    const insert = `INSERT OR IGNORE INTO ticks (${COLUMNS.join(", ")}) VALUES`;
    this.#insert = this.db.prepare(`${insert} ${row}`);
    this.#insertMany = this.db.prepare(`${insert} ${Array(INSERT_ROWS).fill(row).join(", ")}`);
    this.#dead = this.db.prepare("INSERT OR REPLACE INTO dead_letters VALUES (?, ?, ?, ?, ?)");
    this.#outage = this.db.prepare("INSERT INTO outages VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)");
  }

  begin(): void {
    this.#inserted = 0;
    this.#duplicates = 0;
    this.#malformed = 0;
    this.#waiting.length = 0;
    this.guard(() => this.db.exec("BEGIN IMMEDIATE"));
  }

  /** One tick of the open transaction; a duplicate of (product_id, trade_id) is counted and left out. */
  tick(tick: FullTick, partition: number, offset: number, appended_us: number): void {
    const waiting = this.#waiting;
    waiting.push(
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
    if (waiting.length === INSERT_ROWS * COLUMNS.length) {
      this.#count(INSERT_ROWS, this.#insertMany.run(...waiting).changes);
      waiting.length = 0;
    }
    diePoint("consume-inserted");
  }

  /** The rest of the ticks, one by one. */
  #flush(): void {
    for (let at = 0; at < this.#waiting.length; at += COLUMNS.length) {
      this.#count(1, this.#insert.run(...this.#waiting.slice(at, at + COLUMNS.length)).changes);
    }
    this.#waiting.length = 0;
  }

  #count(ticks: number, inserted: number): void {
    this.#inserted += inserted;
    this.#duplicates += ticks - inserted;
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
    lost = 0,
  ): { inserted: number; duplicates: number; malformed: number } {
    return this.guard(() => {
      this.#flush();
      const counts = { inserted: this.#inserted, duplicates: this.#duplicates, malformed: this.#malformed };
      this.savePlaces(places);
      this.add({ records, lost, ...counts });
      diePoint("consume-before-commit");
      this.db.exec("COMMIT");
      diePoint("consume-committed");
      return counts;
    });
  }
}
