/** Refuses records out of order and products that processes share (docs/decisions/0070-one-order.md). */
import type { Database } from "bun:sqlite";
import { OutOfOrderError, TidemarkError } from "../base/errors.ts";

interface Entry {
  product_id: string;
  /** Its newest append time in each of its partitions, updated when it leaves one. */
  partitions: Map<number, number>;
  /** Append time and partition of its last record. */
  at_us: number;
  partition: number;
  isDirty: boolean;
}

interface Row {
  log_partition: number;
  last_us: number;
}

/** Each product's partitions and its last record's position in the order (append time, partition). */
export class ProductOrder {
  /** Null: not checked, because the embedded log keeps each product in one partition. */
  #holdsAll: boolean | null = null;
  #isSpread = false;
  #entries = new Map<string, Entry>();
  #dirty: Entry[] = [];
  #current: Entry | null = null;
  /** Newest append time of each partition's records since the last commit. */
  #seen = new Map<number, number>();
  #partition = 0;
  #at_us = 0;

  constructor(private readonly db: Database) {}

  /** From now on this process holds all partitions of the topic, or shares them with others. */
  holds(all: boolean): void {
    this.#holdsAll = all;
    this.reset();
    const query = "SELECT 1 FROM product_partitions GROUP BY product_id HAVING count(*) > 1 LIMIT 1";
    this.#isSpread = this.db.query(query).get() !== null;
  }

  /** Whether some product is known to be in several partitions. */
  get isSpread(): boolean {
    return this.#isSpread;
  }

  /** Records of this partition follow; `seen_us`: the newest committed append time before them. */
  begin(partition: number, seen_us: number): void {
    this.#partition = partition;
    this.#at_us = this.#seen.get(partition) ?? seen_us;
    this.#current = null;
  }

  /** The next record's append time. */
  move(appended_us: number): void {
    if (appended_us > this.#at_us) this.#at_us = appended_us;
  }

  /** The partition's records ended. */
  end(): void {
    this.#seen.set(this.#partition, this.#at_us);
  }

  /**
   * The current record is of this product. Fails with OutOfOrderError, or with LOG_SETTINGS if
   * several processes would share the product.
   */
  product(product_id: string, offset: number): void {
    if (this.#holdsAll === null) return;
    let entry = this.#current;
    if (entry === null || entry.product_id !== product_id) {
      entry = this.#entries.get(product_id) ?? this.#load(product_id);
      if (!entry.isDirty) this.#dirty.push(entry);
      entry.isDirty = true;
      if (entry.partition !== this.#partition) this.#enter(entry, offset);
      else if (entry.partitions.size > 1 && !this.#holdsAll) throw shared(entry, entry.partition);
      this.#current = entry;
    }
    entry.at_us = this.#at_us;
  }

  /** Stores what changed, inside the caller's transaction. */
  save(): void {
    const others = this.db.query<Row, [string, number]>(
      "SELECT log_partition, last_us FROM product_partitions WHERE product_id = ? AND log_partition <> ?",
    );
    const put = this.db.query(
      "INSERT INTO product_partitions VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET last_us = excluded.last_us",
    );
    for (const entry of this.#dirty) {
      const [other] = this.#holdsAll ? [] : others.all(entry.product_id, entry.partition);
      if (other !== undefined) throw shared(entry, other.log_partition);
      entry.partitions.set(entry.partition, entry.at_us);
      for (const [partition, last_us] of entry.partitions) put.run(entry.product_id, partition, last_us);
    }
  }

  /** What `save` stored is committed. */
  committed(): void {
    for (const entry of this.#dirty) entry.isDirty = false;
    this.#dirty = [];
    this.#seen.clear();
  }

  /** Forgets everything in memory, after a rollback or when another process may have committed. */
  reset(): void {
    this.#entries.clear();
    this.#dirty = [];
    this.#seen.clear();
    this.#current = null;
  }

  #load(product_id: string): Entry {
    const query = "SELECT log_partition, last_us FROM product_partitions WHERE product_id = ?";
    const rows = this.db.query<Row, [string]>(query).all(product_id);
    const entry: Entry = { product_id, partitions: new Map(), at_us: 0, partition: this.#partition, isDirty: false };
    for (const { log_partition, last_us } of rows) {
      const isLater = last_us > entry.at_us || (last_us === entry.at_us && log_partition > entry.partition);
      if (entry.partitions.size === 0 || isLater) {
        entry.at_us = last_us;
        entry.partition = log_partition;
      }
      entry.partitions.set(log_partition, last_us);
    }
    this.#entries.set(product_id, entry);
    return entry;
  }

  /** A record of the product in another partition than its last one. */
  #enter(entry: Entry, offset: number): void {
    const partition = this.#partition;
    if (!this.#holdsAll) throw shared(entry, partition);
    if (this.#at_us < entry.at_us || (this.#at_us === entry.at_us && partition < entry.partition)) {
      throw new OutOfOrderError(entry.product_id, partition, offset, entry.partition);
    }
    entry.partitions.set(entry.partition, entry.at_us);
    entry.partition = partition;
    this.#isSpread = true;
  }
}

function shared({ product_id, partition, partitions }: Entry, other: number): TidemarkError {
  const all = [...new Set([partition, other, ...partitions.keys()])].sort((a, b) => a - b).join(" and ");
  return new TidemarkError(
    "LOG_SETTINGS",
    `Several processes share the topic, but records of ${product_id} are in its partitions ${all}: no process sees their order.`,
    "Run one process of this stage, which merges the partitions, or write each product into one partition.",
  );
}
