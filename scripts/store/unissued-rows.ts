/** Rows of unissued_ids in windows.db, and which closed windows count an id in their certificate. */
import type { Database } from "bun:sqlite";
import type { UnissuedSpan } from "../contract/window.ts";

type Key = [product_id: string, size_us: number];
interface Certificate {
  start_us: number;
  after_trade_id: number;
  last_trade_id: number;
}

export class UnissuedRows {
  readonly #put;
  readonly #remove;
  readonly #spans;
  readonly #ends;
  readonly #next;
  readonly #revised;

  constructor(db: Database) {
    this.#put = db.prepare<unknown, [string, number, number]>("INSERT OR REPLACE INTO unissued_ids VALUES (?, ?, ?)");
    this.#remove = db.prepare<unknown, [string, number]>(
      "DELETE FROM unissued_ids WHERE product_id = ? AND first_trade_id = ?",
    );
    this.#spans = db.query<{ first_trade_id: number; last_trade_id: number }, [string]>(
      "SELECT first_trade_id, last_trade_id FROM unissued_ids WHERE product_id = ? ORDER BY first_trade_id",
    );
    const closed = "FROM windows WHERE product_id = ? AND size_us = ? AND final <> 0";
    this.#ends = db.query<{ start_us: number }, [...Key, ...Key]>(
      `SELECT * FROM (SELECT window_start_us AS start_us ${closed} ORDER BY window_start_us LIMIT 1)
       UNION ALL SELECT * FROM (SELECT window_start_us ${closed} ORDER BY window_start_us DESC LIMIT 1)`,
    );
    this.#next = db.query<Certificate, [...Key, number]>(
      `SELECT window_start_us AS start_us, after_trade_id, last_trade_id ${closed} AND window_start_us >= ?
       ORDER BY window_start_us LIMIT 1`,
    );
    this.#revised = db.query<{ start_us: number }, [...Key, number, number]>(
      `SELECT DISTINCT window_start_us AS start_us FROM window_revisions
       WHERE product_id = ? AND size_us = ? AND last_trade_id >= ? AND after_trade_id < ?`,
    );
  }

  /** Stores what a step changed, inside the caller's transaction. */
  save(spans: readonly UnissuedSpan[]): void {
    for (const { product_id, first_trade_id, last_trade_id } of spans) {
      if (last_trade_id === null) this.#remove.run(product_id, first_trade_id);
      else this.#put.run(product_id, first_trade_id, last_trade_id);
    }
  }

  /** A product's spans by first id. */
  spans(product_id: string): { first_trade_id: number; last_trade_id: number }[] {
    return this.#spans.all(product_id);
  }

  /** Starts of closed windows of which a row or a revision counts an id of `lo` to `hi`. */
  closedOver(product_id: string, size_us: number, lo: number, hi: number): number[] {
    const key: Key = [product_id, size_us];
    const starts = this.#revised.all(...key, lo, hi).map(({ start_us }) => start_us);
    for (let row = this.#lastAfter(key, lo); row !== null && row.after_trade_id < hi; ) {
      if (row.last_trade_id >= lo) starts.push(row.start_us);
      row = this.#next.get(...key, row.start_us + 1);
    }
    return starts;
  }

  /**
   * The last closed row whose certificate begins below `lo`; else the first one. `after_trade_id`
   * never falls from one closed window to the next, so that no index of ids is needed.
   */
  #lastAfter(key: Key, lo: number): Certificate | null {
    const ends = this.#ends.all(...key, ...key);
    let [low_us, high_us] = [ends[0]?.start_us ?? 0, ends.at(-1)?.start_us ?? 0];
    let found = this.#next.get(...key, low_us);
    while (low_us < high_us) {
      const middle_us = low_us + Math.ceil((high_us - low_us) / 2);
      const row = this.#next.get(...key, middle_us);
      if (row !== null && row.after_trade_id < lo) {
        found = row;
        low_us = Math.min(row.start_us, high_us);
      } else high_us = middle_us - 1;
    }
    return found;
  }
}
