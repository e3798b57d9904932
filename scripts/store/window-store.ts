/** windows.db: reads the window job's state back, and commits a step with its checkpoint. */
import type { SQLQueryBindings, Statement } from "bun:sqlite";
import { nowUs } from "../base/clock.ts";
import { diePoint } from "../base/die-point.ts";
import type { SchemaSpec } from "../base/sqlite.ts";
import type { LogPosition } from "../contract/log.ts";
import type { Closing } from "../contract/measures.ts";
import { SCHEMA_VERSIONS } from "../contract/schema-versions.ts";
import type { DeadLetter } from "../contract/tick.ts";
import type { ClosedRow, LateRow, ProductRow, WindowRow, WindowStep } from "../contract/window.ts";
import { type CommittedColumn, windowColumns } from "../contract/window-columns.ts";
import { CheckpointStore, type Counters } from "./checkpoint.ts";
import { MeasureRows } from "./measure-rows.ts";
import { storeOf1, windowsOf2, windowsOf3, windowsOf4 } from "./migrations.ts";
import { OutOfOrderRows } from "./out-of-order.ts";
import SHARED from "./schema/shared.sql" with { type: "text" };
import WINDOWS from "./schema/windows.sql" with { type: "text" };
import { UnissuedRows } from "./unissued-rows.ts";

const SCHEMA = WINDOWS + SHARED;

const WINDOWS_SCHEMA: SchemaSpec = {
  create: SCHEMA,
  page_bytes: 512,
  version: SCHEMA_VERSIONS["windows.db"],
  migrations: {
    1: storeOf1(SCHEMA, ["windows", "window_revisions", "offsets"], ["product_partitions"]),
    2: windowsOf2(SCHEMA),
    3: windowsOf3(SCHEMA),
    4: windowsOf4(SCHEMA),
  },
};

/** Everything of one commit: what the window job returns, and what the reader adds. */
interface WindowCommit extends WindowStep {
  dead: DeadLetter[];
  counters: Counters;
  positions: ReadonlyMap<number, LogPosition>;
  /** The first offset read of each partition. */
  firsts: ReadonlyMap<number, number>;
  /** Of the closed rows, those that the watermark closed. */
  closings: readonly Omit<Closing, "committed_us">[];
  /** Writes what is derived from the closed rows. Returns counters: the files' new lengths. */
  derive(): Counters;
}

/** A row's columns without those of the commit, which follow them in each INSERT. */
const ROW_COLUMNS = windowColumns<keyof WindowRow>(({ committed }) => !committed);
const COMMITTED_COLUMNS = ["updated_at", "change_id"] as const satisfies CommittedColumn[];
const REVISION_COLUMNS = ["revision", "caused_by_trade_id", "log_partition", "log_offset"] as const;
const LATE_COLUMNS = [
  "product_id",
  "trade_id",
  "size_us",
  "window_start_us",
  "time_us",
  "price",
  "last_size",
  "side",
  "lateness_us",
  "log_partition",
  "log_offset",
  "appended_us",
] as const satisfies (keyof LateRow)[];
const PRODUCT_COLUMNS = [
  "product_id",
  "max_time_us",
  "first_trade_id",
  "last_trade_id",
  "ticks",
  "duplicates",
  "late",
  "skewed",
  "unissued",
] as const satisfies (keyof ProductRow)[];
const CLOSED_COLUMNS = ["product_id", "size_us", "closed_until_us", "last_trade_id"];

/** Another process has committed a product since its state was read: read it and step again. */
export class MovedError extends Error {}

export class WindowStore extends CheckpointStore {
  readonly #put: Record<"window" | "revision" | "late" | "product" | "closed" | "seen" | "dead", Statement>;
  readonly #get;
  readonly #outOfOrder: OutOfOrderRows;
  readonly #unissued: UnissuedRows;
  readonly measures: MeasureRows;
  /** Each product's row as this process last read or stored it, as JSON; "null" for none. */
  #known = new Map<string, string>();

  constructor(path: string) {
    super(path, WINDOWS_SCHEMA, "ticks.db");
    this.#put = {
      window: this.#upsert(
        "windows",
        [...ROW_COLUMNS, ...COMMITTED_COLUMNS],
        ["product_id", "size_us", "window_start_us"],
      ),
      revision: this.#upsert("window_revisions", [...REVISION_COLUMNS, ...ROW_COLUMNS, ...COMMITTED_COLUMNS]),
      late: this.#upsert("late_ticks", LATE_COLUMNS),
      product: this.#upsert("products", PRODUCT_COLUMNS, ["product_id"]),
      closed: this.#upsert("closed_ends", CLOSED_COLUMNS, ["product_id", "size_us"]),
      seen: this.#upsert("seen_ids", ["product_id", "block", "bits"], ["product_id", "block"]),
      dead: this.#upsert("dead_letters", ["log_partition", "log_offset", "appended_us", "reason", "value"]),
    };
    this.#outOfOrder = new OutOfOrderRows(this.db);
    this.#unissued = new UnissuedRows(this.db);
    this.measures = new MeasureRows(this.db);
    const key = "product_id = ? AND size_us = ? AND window_start_us = ?";
    this.#get = {
      product: this.db.query<ProductRow, [string]>("SELECT * FROM products WHERE product_id = ?"),
      closed: this.db.query<ClosedRow, [string, number]>(
        "SELECT * FROM closed_ends WHERE product_id = ? AND size_us = ?",
      ),
      open: this.db.query<WindowRow, [string, number]>(
        "SELECT * FROM windows WHERE product_id = ? AND size_us = ? AND final = 0",
      ),
      revision: this.db.query<WindowRow & { revision: number }, [string, number, number]>(
        `SELECT * FROM window_revisions WHERE ${key} ORDER BY revision DESC LIMIT 1`,
      ),
      final: this.db.query<WindowRow & { revision: number }, [string, number, number]>(
        `SELECT *, 0 AS revision FROM windows WHERE ${key}`,
      ),
      nextClosed: this.db.query<{ window_start_us: number }, [string, number, number]>(
        `SELECT window_start_us FROM windows WHERE product_id = ? AND size_us = ? AND window_start_us > ? AND final <> 0
          ORDER BY window_start_us LIMIT 1`,
      ),
      seen: this.db.query<{ bits: Uint8Array | null }, [string, number]>(
        "SELECT bits FROM seen_ids WHERE product_id = ? AND block = ?",
      ),
      seenBetween: this.db.query<{ block: number }, [string, number, number]>(
        "SELECT block FROM seen_ids WHERE product_id = ? AND block BETWEEN ? AND ?",
      ),
    };
  }

  product = (id: string): ProductRow | undefined => {
    const row = this.#get.product.get(id);
    this.#known.set(id, JSON.stringify(row));
    return row ?? undefined;
  };
  closed = (id: string, size_us: number): ClosedRow | undefined => this.#get.closed.get(id, size_us) ?? undefined;
  openWindows = (id: string, size_us: number): WindowRow[] => this.#get.open.all(id, size_us);
  closedWindow = (id: string, size_us: number, start_us: number): (WindowRow & { revision: number }) | undefined =>
    this.#get.revision.get(id, size_us, start_us) ?? this.#get.final.get(id, size_us, start_us) ?? undefined;
  nextClosed = (id: string, size_us: number, start_us: number): number | undefined =>
    this.#get.nextClosed.get(id, size_us, start_us)?.window_start_us;
  seenBlock = (id: string, block: number): Uint8Array | null | undefined => this.#get.seen.get(id, block)?.bits;
  seenBlocks = (id: string, from: number, to: number): number[] =>
    this.#get.seenBetween.all(id, from, to).map(({ block }) => block);
  unissued = (id: string) => this.#unissued.spans(id);
  closedOver = (id: string, size_us: number, lo: number, hi: number): number[] =>
    this.#unissued.closedOver(id, size_us, lo, hi);

  productIds(): string[] {
    return this.db
      .query<{ product_id: string }, []>("SELECT product_id FROM products ORDER BY product_id")
      .all()
      .map((row) => row.product_id);
  }

  /** Closed rows in the order of closing: the content of a CSV file that was lost. */
  *closedRows(size_us: number): Generator<WindowRow> {
    const query =
      "SELECT * FROM windows WHERE size_us = ? AND final <> 0 ORDER BY change_id, window_end_us, product_id";
    yield* this.db.query<WindowRow, [number]>(query).iterate(size_us);
  }

  /** Writes derived files under this file's lock, because several processes may share them. */
  derive(write: () => Counters): void {
    this.guard(() => this.db.transaction(() => this.set(write())).immediate());
  }

  /**
   * Stores one step, or nothing: fails with FencedError if another process owns a partition, with
   * MovedError if one has committed the same product (docs/semantics.md "Commit").
   */
  commit(step: WindowCommit): void {
    this.guard(() => {
      this.db.exec("BEGIN IMMEDIATE");
      const updated_at = nowUs();
      this.savePositions(step.positions, step.firsts);
      for (const { product_id } of step.products) this.#expectUnmoved(product_id);
      diePoint("stream-offsets-saved");
      const change_id = this.bump("change_id");
      this.set(step.derive());
      for (const row of step.updated) this.#put.window.run(...values(row, ROW_COLUMNS), updated_at, change_id);
      for (const row of step.closed) this.#put.window.run(...values(row, ROW_COLUMNS), updated_at, change_id);
      this.measures.addClosings(step.closings.map((closing) => ({ ...closing, committed_us: updated_at })));
      for (const row of step.late) this.#put.late.run(...values(row, LATE_COLUMNS));
      for (const row of step.revisions) {
        this.#put.revision.run(...values(row, REVISION_COLUMNS), ...values(row, ROW_COLUMNS), updated_at, change_id);
      }
      for (const row of step.products) this.#put.product.run(...values(row, PRODUCT_COLUMNS));
      for (const row of step.ends) {
        this.#put.closed.run(row.product_id, row.size_us, row.closed_until_us, row.last_trade_id);
      }
      for (const row of step.seen) this.#put.seen.run(row.product_id, row.block, row.bits);
      this.#unissued.save(step.unissued);
      for (const d of step.dead) this.#put.dead.run(d.partition, d.offset, d.appended_us, d.reason, d.value);
      this.add({ ...step.counters, out_of_order_dropped: this.#outOfOrder.save(step.out_of_order) });
      diePoint("stream-before-commit");
      this.db.exec("COMMIT");
      for (const row of step.products) this.#known.set(row.product_id, rowText(row));
    });
  }

  #expectUnmoved(product_id: string): void {
    const known = this.#known.get(product_id);
    if (known !== JSON.stringify(this.#get.product.get(product_id))) throw new MovedError(product_id);
  }

  /** Replaces a row; with `key`, updates it in place, so that an unchanged index is not touched. */
  #upsert(table: string, columns: readonly string[], key: string[] = []): Statement {
    const marks = columns.map(() => "?").join(", ");
    const sets = columns.filter((name) => !key.includes(name)).map((name) => `${name} = excluded.${name}`);
    const over = key.length > 0 ? ` ON CONFLICT (${key.join(", ")}) DO UPDATE SET ${sets.join(", ")}` : "";
    const verb = key.length > 0 ? "INSERT" : "INSERT OR REPLACE";
    return this.db.prepare(`${verb} INTO ${table} (${columns.join(", ")}) VALUES (${marks})${over}`);
  }
}

/** A product's row as reading it back returns it, as JSON. */
function rowText(row: ProductRow): string {
  return JSON.stringify(Object.fromEntries(PRODUCT_COLUMNS.map((column) => [column, row[column]])));
}

/** A row's values in the order of the columns. */
function values<T extends object>(row: T, columns: readonly (keyof T)[]): SQLQueryBindings[] {
  return columns.map((column) => row[column] as SQLQueryBindings);
}
