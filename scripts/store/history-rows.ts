/** Rows of history in ticks.db: minutes that hold it, ids that were walked, where the feed begins. */
import type { Database, Statement } from "bun:sqlite";
import { PRODUCTS_MAX } from "../base/limits.ts";
import type { WalkedNote } from "../contract/tick.ts";
import { type Walked, withWalked } from "../contract/walked.ts";

const MINUTE_US = 60_000_000;

/** Writes inside the caller's transaction. */
export class HistoryRows {
  readonly #minute: Statement;
  readonly #begin: Statement;
  readonly #known: Statement<{ trade_id: number }, [string]>;
  readonly #ranges: Statement<Walked, [string]>;
  readonly #forget: Statement;
  readonly #range: Statement;
  /** The smallest id of the feed by product, and the products of which it is not stored yet. */
  readonly #firsts = new Map<string, number>();
  readonly #unsaved = new Set<string>();
  /** Of the tick before: most ticks cost two comparisons. */
  #product = "";
  #first = Number.POSITIVE_INFINITY;
  #marked = "";

  constructor(db: Database) {
    this.#minute = db.prepare("INSERT OR IGNORE INTO history_minutes VALUES (NULL, ?, ?, ?, ?)");
    this.#begin = db.prepare(
      "INSERT INTO feed_begins VALUES (?, ?) ON CONFLICT DO UPDATE SET trade_id = min(trade_id, excluded.trade_id)",
    );
    this.#known = db.prepare<{ trade_id: number }, [string]>("SELECT trade_id FROM feed_begins WHERE product_id = ?");
    this.#ranges = db.prepare<Walked, [string]>(
      "SELECT first_trade_id, last_trade_id, trades FROM walked WHERE product_id = ?",
    );
    this.#forget = db.prepare("DELETE FROM walked WHERE product_id = ?");
    this.#range = db.prepare("INSERT INTO walked VALUES (?, ?, ?, ?)");
  }

  /** A transaction begins; what is in memory of one that failed is forgotten. */
  begin(): void {
    this.#marked = "";
    if (this.#unsaved.size === 0 && this.#firsts.size < PRODUCTS_MAX) return;
    this.#unsaved.clear();
    this.#firsts.clear();
    this.#product = "";
    this.#first = Number.POSITIVE_INFINITY;
  }

  /** A trade of the feed, or of a filled gap. */
  feed(product_id: string, trade_id: number): void {
    if (product_id !== this.#product) {
      this.#product = product_id;
      this.#first = this.#firsts.get(product_id) ?? this.#known.get(product_id)?.trade_id ?? Number.POSITIVE_INFINITY;
      this.#firsts.set(product_id, this.#first);
    }
    if (trade_id >= this.#first) return;
    this.#first = trade_id;
    this.#firsts.set(product_id, trade_id);
    this.#unsaved.add(product_id);
  }

  /** The store has a trade of this minute that the stream does not have as it is here. */
  mark(product_id: string, time_us: number, log_partition: number, log_offset: number): void {
    const minute_us = Math.floor(time_us / MINUTE_US) * MINUTE_US;
    const marked = `${minute_us} ${product_id}`;
    if (marked === this.#marked) return;
    this.#minute.run(product_id, minute_us, log_partition, log_offset);
    this.#marked = marked;
  }

  walked({ product_id, ...range }: WalkedNote): void {
    const ranges = withWalked(this.#ranges.all(product_id), range);
    this.#forget.run(product_id);
    for (const { first_trade_id, last_trade_id, trades } of ranges)
      this.#range.run(product_id, first_trade_id, last_trade_id, trades);
  }

  /** For before the commit. */
  save(): void {
    for (const product_id of this.#unsaved) this.#begin.run(product_id, this.#firsts.get(product_id)!);
    this.#unsaved.clear();
  }
}
