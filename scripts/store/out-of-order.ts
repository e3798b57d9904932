/** Rows of out_of_order in windows.db: the newest ones, and from where on they are complete. */
import type { Database, Statement } from "bun:sqlite";
import { OUT_OF_ORDER_ROWS_MAX, OUT_OF_ORDER_SLICE_ROWS } from "../base/limits.ts";
import type { OutOfOrderRow } from "../contract/window.ts";

export class OutOfOrderRows {
  readonly #put: Statement;

  constructor(private readonly db: Database) {
    this.#put = db.prepare("INSERT INTO out_of_order VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  }

  /**
   * Stores rows inside the caller's transaction. Beyond OUT_OF_ORDER_ROWS_MAX the oldest leave, and
   * their products are complete only after the high mark of that time; returns how many left.
   */
  save(rows: readonly OutOfOrderRow[]): number {
    if (rows.length === 0) return 0;
    let newest = 0;
    for (const r of rows) {
      const put = this.#put.run(
        ...[r.product_id, r.trade_id, r.time_us, r.mark_us, r.price, r.last_size, r.source],
        ...[r.log_partition, r.log_offset],
      );
      newest = Number(put.lastInsertRowid);
    }
    const oldest = this.db.query<{ seq: number }, []>("SELECT min(seq) AS seq FROM out_of_order").get()!.seq;
    if (newest - oldest < OUT_OF_ORDER_ROWS_MAX + OUT_OF_ORDER_SLICE_ROWS) return 0;
    return this.#drop(newest - OUT_OF_ORDER_ROWS_MAX);
  }

  /** Windows that begin after a row's high mark have no row before it: such a tick was in order. */
  #drop(last: number): number {
    const since = `INSERT INTO out_of_order_since
      SELECT product_id, max(mark_us) FROM out_of_order WHERE seq <= ? GROUP BY product_id
      ON CONFLICT DO UPDATE SET since_us = max(since_us, excluded.since_us)`;
    this.db.query(since).run(last);
    return this.db.query("DELETE FROM out_of_order WHERE seq <= ?").run(last).changes;
  }
}
