/** What both stores are: a file of one stage with its places in the log, fenced by a generation, its counters and settings. */
import type { Database } from "bun:sqlite";
import { nowUs } from "../common/clock.ts";
import { FencedError, passes, TidemarkError } from "../common/errors.ts";
import { InPlace } from "../common/in-place.ts";
import { FIGURES_SILENT_US } from "../common/limits.ts";
import type { LogPlace } from "../common/log.ts";
import { type Problem, problemsText } from "../common/problems.ts";
import { openDatabase, type SchemaSpec, storeError } from "../common/sqlite.ts";
import { ProductOrder } from "./product-order.ts";

export type Counters = Record<string, number>;

/** Leads schema 1 to schema 2, as far as both stores share it. */
export function storeOf1(schema: string): string {
  return /CREATE TABLE product_partitions \([\s\S]*?\) STRICT;/.exec(schema)![0];
}

export class CheckpointStore {
  readonly db: Database;
  /** The order of products that lie in several partitions; its part of each commit is saved with the places. */
  readonly order: ProductOrder;
  /** A number that no other process that ever opened this file has (faults.md 16). */
  readonly #generation: number;
  readonly #inPlace: InPlace;

  constructor(
    readonly path: string,
    schema: SchemaSpec,
  ) {
    this.db = openDatabase(path, schema, "NORMAL");
    this.order = new ProductOrder(this.db);
    const next = this.db.query<{ value: string }, []>(
      "INSERT INTO settings VALUES ('generation', '1') ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
    );
    this.#generation = this.guard(() => Number(next.get()!.value));
    this.#inPlace = new InPlace(path);
  }

  /** Fails with DATA_DIR when the file was removed or replaced under us; for once a second. */
  assertInPlace(): void {
    this.#inPlace.assert();
  }

  /** Takes a partition over for this process, so that a commit of its former owner fails, and gives its place; offset 0 for one never read. */
  take(partition: number): LogPlace {
    const take = this.db.query<LogPlace, [number, number]>(
      `INSERT INTO offsets VALUES (?, 0, 0, ?) ON CONFLICT DO UPDATE SET generation = excluded.generation
       RETURNING next_offset AS next, seen_us`,
    );
    return this.guard(() => take.get(partition, this.#generation)!);
  }

  /** Every partition's place as committed, whichever process keeps it. */
  places(): Map<number, LogPlace> {
    const select = "SELECT log_partition AS partition, next_offset AS next, seen_us FROM offsets";
    const rows = this.db.query<LogPlace & { partition: number }, []>(select).all();
    return new Map(rows.map(({ partition, next, seen_us }) => [partition, { next, seen_us }]));
  }

  /** The consumer group of the processes that share this file, and of no others. */
  group(stage: string): string {
    return `tidemark-${stage}-${this.setting("created")!.slice(-8)}`;
  }

  setting(name: string): string | null {
    const row = this.db.query<{ value: string }, [string]>("SELECT value FROM settings WHERE name = ?").get(name);
    return row?.value ?? null;
  }

  /** Settings are stored with the state; a change fails with SETTINGS_CHANGED, because old rows would follow other rules than new ones (faults.md 43). */
  keepSettings(settings: Record<string, string | number>): void {
    const insert = this.db.query<unknown, [string, string]>("INSERT OR IGNORE INTO settings VALUES (?, ?)");
    for (const [name, value] of Object.entries(settings)) {
      this.guard(() => insert.run(name, String(value)));
      const before = this.setting(name);
      if (before === String(value)) continue;
      throw new TidemarkError(
        "SETTINGS_CHANGED",
        `${this.path} was made with ${name} ${before}, and now it is ${value}.`,
        "Use the old setting, or --rebuild to make the file again from the log, or another data directory.",
      );
    }
  }

  counter(name: string): number {
    const row = this.db.query<{ value: number }, [string]>("SELECT value FROM counters WHERE name = ?").get(name);
    return row?.value ?? 0;
  }

  /**
   * Stores what the process measured of itself, `run_*` counters: of several processes that share the file, the first one's until it
   * falls silent. Figures are no reason to stop: where the disk is full or the lock held, they wait for the next time.
   */
  saveFigures(figures: Counters, more = () => {}): void {
    try {
      this.guard(() =>
        this.db
          .transaction(() => {
            if (this.ownFigures()) this.set(figures);
            more();
          })
          .immediate(),
      );
    } catch (error) {
      if (!passes(error)) throw error;
    }
  }

  /** Replaces the stage's current problems (setting `problems`), under the same rule as the figures. */
  saveProblems(problems: readonly Problem[]): void {
    const text = problemsText(problems);
    const put = this.db.query("INSERT OR REPLACE INTO settings VALUES ('problems', ?)");
    this.saveFigures({}, () => this.ownFigures() && this.setting("problems") !== text && put.run(text));
  }

  close(): void {
    this.db.close();
  }

  /** Moves the places on; fails when a partition belongs to another process, so that a zombie's transaction rolls back. */
  protected savePlaces(places: ReadonlyMap<number, LogPlace>): void {
    const move = this.db.query(
      "UPDATE offsets SET next_offset = ?, seen_us = ? WHERE log_partition = ? AND generation = ?",
    );
    for (const [partition, { next, seen_us }] of places) {
      if (move.run(next, seen_us, partition, this.#generation).changes !== 1) throw new FencedError(partition);
    }
    this.order.save();
  }

  protected add(counters: Counters): void {
    const add = this.db.query(
      "INSERT INTO counters VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
    );
    for (const [name, value] of Object.entries(counters)) if (value !== 0) add.run(name, value);
  }

  protected set(counters: Counters): void {
    const set = this.db.query("INSERT OR REPLACE INTO counters VALUES (?, ?)");
    for (const [name, value] of Object.entries(counters)) set.run(name, value);
  }

  /** A counter's next value, one after the other across all processes. */
  protected bump(name: string): number {
    const next = this.db.query<{ value: number }, [string]>(
      "INSERT INTO counters VALUES (?, 1) ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
    );
    return next.get(name)!.value;
  }

  /** Does the work, or rolls back and fails with a sentence. */
  protected guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.undo(error);
    }
  }

  /** Rolls the open transaction back; gives the error as a sentence. */
  undo(error: unknown): unknown {
    if (this.db.inTransaction) this.db.exec("ROLLBACK");
    return storeError(this.path, error);
  }

  protected ownFigures(): boolean {
    return this.counter("run_pid") === process.pid || nowUs() - this.counter("run_alive_us") > FIGURES_SILENT_US;
  }
}
