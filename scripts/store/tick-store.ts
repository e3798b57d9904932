/** ticks.db: every tick once; a batch of records and its checkpoint are one transaction. */
import type { SQLQueryBindings, Statement } from "bun:sqlite";
import { formatDecimal } from "../base/decimal.ts";
import { diePoint } from "../base/die-point.ts";
import type { SchemaSpec } from "../base/sqlite.ts";
import type { LogPosition } from "../contract/log.ts";
import { SCHEMA_VERSIONS } from "../contract/schema-versions.ts";
import {
  type DeadLetter,
  type FullTick,
  type GapNote,
  OPEN_GAP_REASON,
  type Outage,
  type Position,
  type WalkedNote,
} from "../contract/tick.ts";
import { CheckpointStore } from "./checkpoint.ts";
import { newestConflict } from "./conflict-text.ts";
import { HistoryRows } from "./history-rows.ts";
import { storeOf1, ticksOf3 } from "./migrations.ts";
import SHARED from "./schema/shared.sql" with { type: "text" };
import TICKS from "./schema/ticks.sql" with { type: "text" };

const SCHEMA = TICKS + SHARED;

export const TICKS_SCHEMA: SchemaSpec = {
  create: SCHEMA,
  page_bytes: 2_048,
  version: SCHEMA_VERSIONS["ticks.db"],
  migrations: {
    1: storeOf1(SCHEMA, ["offsets"], ["conflicts", "product_partitions"]),
    2: "ALTER TABLE ticks ADD COLUMN received_us INTEGER",
    3: ticksOf3(SCHEMA),
  },
};

/** Where a tick's record is in the log, and its receipt (µs since 1970 UTC; NaN if the log has none). */
type Received = Position & { received_us: number };

/** An outage and its position in the log. */
type OutageRow = Position & Outage;

/** Of `conflicts`, beside `pruned`. */
const CONFLICT_COLUMNS = [
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
const COLUMNS = [...CONFLICT_COLUMNS, "received_us"];
/** Ticks per INSERT: a statement per tick would be a quarter of the whole cost. */
const INSERT_ROWS = 32;

/** What one commit did with its records. */
export interface TickCounts {
  inserted: number;
  /** Of these, history that `backfill` loaded. */
  history: number;
  /** Repeated trades with the stored content. */
  duplicates: number;
  /** Repeated trades with another content: kept in `conflicts`. */
  conflicts: number;
  /** Repeated trades whose stored row was pruned: kept in `conflicts` for the batch to compare. */
  unverified: number;
  malformed: number;
}

const noCounts = (): TickCounts => ({
  inserted: 0,
  history: 0,
  duplicates: 0,
  conflicts: 0,
  unverified: 0,
  malformed: 0,
});

/** What a repeated trade is compared with, and where that was in the log. */
interface Stored {
  time_us: number;
  price: string;
  last_size: string;
  side: string;
  source: string;
  log_partition: number;
  log_offset: number;
}

/** Of a waiting tick's values. */
const [PRODUCT, TIME, SOURCE] = ["product_id", "time_us", "source"].map((name) => COLUMNS.indexOf(name)) as [
  number,
  number,
  number,
];
const [PARTITION, OFFSET] = [COLUMNS.indexOf("log_partition"), COLUMNS.indexOf("log_offset")];
const HISTORY = "backfill";

export class TickStore extends CheckpointStore {
  readonly #insert: Statement;
  readonly #insertMany: Statement;
  /** Values of ticks that wait for their INSERT, INSERT_ROWS at most. */
  #waiting: SQLQueryBindings[] = [];
  readonly #dead: Statement;
  readonly #outage: Statement;
  readonly #stored: Statement<Stored, [string, number]>;
  readonly #conflict: Statement;
  #counts = noCounts();
  readonly #history: HistoryRows;
  /** The open transaction has ticks of history. */
  #hasHistory = false;
  readonly #openGap: Statement;
  readonly #closeGap: Statement;

  constructor(path: string) {
    super(path, TICKS_SCHEMA, "windows.db");
    const row = `(${COLUMNS.map(() => "?").join(", ")})`;
    const insert = `INSERT OR IGNORE INTO ticks (${COLUMNS.join(", ")}) VALUES`;
    this.#insert = this.db.prepare(`${insert} ${row}`);
    this.#insertMany = this.db.prepare(`${insert} ${Array(INSERT_ROWS).fill(row).join(", ")}`);
    this.#stored = this.db.prepare<Stored, [string, number]>(
      "SELECT time_us, price, last_size, side, source, log_partition, log_offset FROM ticks WHERE product_id = ? AND trade_id = ?",
    );
    this.#conflict = this.db.prepare(
      `INSERT OR REPLACE INTO conflicts (${CONFLICT_COLUMNS.join(", ")}, pruned) VALUES (${CONFLICT_COLUMNS.map(() => "?").join(", ")}, ?)`,
    );
    this.#history = new HistoryRows(this.db);
    this.#dead = this.db.prepare("INSERT OR REPLACE INTO dead_letters VALUES (?, ?, ?, ?, ?)");
    this.#outage = this.db.prepare("INSERT INTO outages VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)");
    const gap = "product_id = ? AND last_trade_id = ? AND first_trade_id = ? AND reason = ?";
    this.#openGap = this.db.prepare(`SELECT 1 FROM outages WHERE ${gap}`);
    this.#closeGap = this.db.prepare(`DELETE FROM outages WHERE ${gap}`);
    this.guard(() => this.db.exec(COUNT_OUTAGES));
  }

  /** Opens the transaction that `commit` or `undo` ends. */
  begin(): void {
    this.#counts = noCounts();
    this.#waiting.length = 0;
    this.#hasHistory = false;
    this.#history.begin();
    this.guard(() => this.db.exec("BEGIN IMMEDIATE"));
  }

  /** One tick of the open transaction; the first with a (product_id, trade_id) is kept. */
  tick(tick: FullTick, { partition, offset, appended_us, received_us }: Received): void {
    const waiting = this.#waiting;
    if (tick.source === HISTORY) this.#hasHistory = true;
    else this.#history.feed(tick.product_id, tick.trade_id);
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
      // SQLite stores NaN as NULL.
      received_us,
    );
    if (waiting.length === INSERT_ROWS * COLUMNS.length) {
      this.#judge(INSERT_ROWS, this.#insertMany.run(...waiting).changes);
      waiting.length = 0;
    }
    diePoint("consume-inserted");
  }

  /** Inserts the rest one by one: another number of rows would need another statement. */
  #flush(): void {
    const rest = this.#waiting;
    this.#waiting = [];
    for (let at = 0; at < rest.length; at += COLUMNS.length) {
      this.#waiting = rest.slice(at, at + COLUMNS.length);
      this.#judge(1, this.#insert.run(...this.#waiting).changes);
    }
    this.#waiting = [];
  }

  /** Counts the waiting ticks, of which `inserted` were new, and compares them if not all were. */
  #judge(ticks: number, inserted: number): void {
    this.#counts.inserted += inserted;
    if (inserted === ticks && !this.#hasHistory) return;
    for (let at = 0; at < this.#waiting.length; at += COLUMNS.length) {
      const tick = this.#waiting.slice(at, at + COLUMNS.length);
      if (inserted < ticks) this.#compare(tick);
      else if (tick[SOURCE] === HISTORY) this.#historyStored(tick);
    }
  }

  #historyStored(tick: SQLQueryBindings[]): void {
    this.#counts.history++;
    this.#markHistory(tick);
  }

  #markHistory(tick: SQLQueryBindings[]): void {
    const [time_us, partition, offset] = [tick[TIME], tick[PARTITION], tick[OFFSET]].map(Number);
    this.#history.mark(String(tick[PRODUCT]), time_us!, partition!, offset!);
  }

  #compare(tick: SQLQueryBindings[]): void {
    const [product_id, trade_id, time_us, price, last_size, side] = tick as [
      string,
      number,
      number,
      string,
      string,
      string,
    ];
    const [partition, offset] = tick.slice(CONFLICT_COLUMNS.length - 2);
    const stored = this.#stored.get(product_id, trade_id);
    if (stored?.log_partition === partition && stored?.log_offset === offset) {
      if (stored?.source === HISTORY) this.#historyStored(tick);
      return;
    }
    if (stored === null) this.#counts.unverified++;
    else if (isSame(stored, { time_us, price, last_size, side })) {
      this.#counts.duplicates++;
      return;
    } else {
      this.#counts.conflicts++;
      // The stream has skipped the stored trade, and counts this one.
      if (stored.source === HISTORY && tick[SOURCE] !== HISTORY) this.#markHistory(tick);
    }
    this.#conflict.run(...tick.slice(0, CONFLICT_COLUMNS.length), stored === null ? 1 : 0);
  }

  /** Keeps a record that is not valid. */
  dead(letter: DeadLetter): void {
    this.#dead.run(letter.partition, letter.offset, letter.appended_us, letter.reason, letter.value);
    this.#counts.malformed++;
  }

  outage(o: OutageRow): void {
    const { product_id, from_us, to_us, last_trade_id, first_trade_id, reason, partition, offset } = o;
    this.#outage.run(product_id, from_us, to_us, last_trade_id, first_trade_id, reason, partition, offset);
    this.add({ outages: 1 });
  }

  /** An open gap is an outage while it is open; its note is repeated in the log, the row is not. */
  gap(note: GapNote, partition: number, offset: number): void {
    const key = [note.product_id, note.last_trade_id, note.first_trade_id, OPEN_GAP_REASON] as const;
    if (note.state === "closed") this.add({ outages: -this.#closeGap.run(...key).changes });
    else if (this.#openGap.get(...key) === null)
      this.outage({ ...note, reason: OPEN_GAP_REASON, partition, offset, appended_us: 0 });
  }

  /** The ids that `backfill` has walked through. */
  walked(note: WalkedNote): void {
    this.#history.walked(note);
  }

  /** Commits what came since `begin` with the positions after it. Returns its counts. */
  commit(
    positions: ReadonlyMap<number, LogPosition>,
    records: number,
    firsts: ReadonlyMap<number, number>,
    lost = 0,
  ): TickCounts {
    return this.guard(() => {
      this.#flush();
      const counts = this.#counts;
      this.#history.save();
      this.savePositions(positions, firsts);
      this.add({ records, lost, ...counts });
      diePoint("consume-before-commit");
      this.db.exec("COMMIT");
      diePoint("consume-committed");
      return counts;
    });
  }

  /** The newest conflict as a sentence with what to do, and when the first came; null if none. */
  conflict(): { sentence: string; since_us: number } | null {
    return newestConflict(this.db);
  }
}

/** Rows of `outages` now; a file of an older version has no such counter. */
const COUNT_OUTAGES = "INSERT OR IGNORE INTO counters SELECT 'outages', count(*) FROM outages";

/** Quotes and source may differ: the same trade comes from the feed and from REST. */
function isSame(stored: Stored, again: Omit<Stored, "source" | "log_partition" | "log_offset">): boolean {
  return (["time_us", "price", "last_size", "side"] as const).every((name) => stored[name] === again[name]);
}
