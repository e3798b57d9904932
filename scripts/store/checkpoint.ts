/** What both stores are: a file of one stage with its positions in the log, fenced by a generation, its counters and settings. */
import type { Database } from "bun:sqlite";
import { dirname, join } from "node:path";
import { nowUs } from "../base/clock.ts";
import { FencedError, passes, TidemarkError } from "../base/errors.ts";
import { InPlace } from "../base/in-place.ts";
import { FIGURES_SILENT_US, RULES_VERSION } from "../base/limits.ts";
import { openDatabase, openReadOnly, type SchemaSpec, storeError } from "../base/sqlite.ts";
import type { LogPosition } from "../contract/log.ts";
import { type Problem, problemsText } from "../contract/problems.ts";
import { ProductOrder } from "./product-order.ts";

export type Counters = Record<string, number>;

/** The rules of the store in a file; null when it is not there, is only being created, or is damaged. */
function rulesAt(path: string): number | null {
  let db: Database | null = null;
  try {
    db = openReadOnly(path);
    const version = db?.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
    if (db === null || version === 0) return null;
    const row = db.query<{ value: string }, []>("SELECT value FROM settings WHERE name = 'rules'").get();
    return row === null ? (version === 1 ? 1 : null) : Number(row.value);
  } catch (error) {
    const known = storeError(path, error);
    // A damaged store has to be rebuilt, and takes this one's rules then.
    if (known instanceof TidemarkError && known.code === "STORE_CORRUPT") return null;
    throw known;
  } finally {
    db?.close();
  }
}

export class CheckpointStore {
  readonly db: Database;
  /** The order of products that lie in several partitions; its part of each commit is saved with the positions. */
  readonly order: ProductOrder;
  /** A number that no other process that ever opened this file has (faults.md 16). */
  readonly #generation: number;
  readonly #inPlace: InPlace;

  /** `other` is the name of the store beside it that must follow the same rules. */
  constructor(
    readonly path: string,
    schema: SchemaSpec,
    other: string,
  ) {
    this.db = openDatabase(path, schema, "NORMAL");
    this.#rules = this.guard(() => this.#keepRules(join(dirname(path), other)));
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

  /** The version of the rules by which this store reads records (limits.ts RULES_VERSION); it keeps those that it began with. */
  get rules(): number {
    return this.#rules;
  }
  readonly #rules: number;

  /** For the log: that an older version's rules still hold here, and how to leave them; null when they are the newest. */
  olderRules(): string | null {
    if (this.rules >= RULES_VERSION) return null;
    return (
      `${this.path} keeps the rules of the version that created it (rules ${this.rules}, the newest are ${RULES_VERSION}): ` +
      "a size of 0 is a dead letter, limits and product ids are the old ones. To read the log again with the newest: bun run rebuild"
    );
  }

  /** A new store takes the rules of the one beside it: under different rules the two would differ (docs/decisions/0031-rules-version.md). */
  #keepRules(other: string): number {
    const insert = this.db.query<unknown, [string]>("INSERT OR IGNORE INTO settings VALUES ('rules', ?)");
    if (this.setting("rules") === null) insert.run(String(rulesAt(other) ?? RULES_VERSION));
    return Number(this.setting("rules"));
  }

  /** Takes a partition over for this process, so that a commit of its former owner fails, and gives its position; offset 0 for one never read. */
  take(partition: number): LogPosition {
    const take = this.db.query<LogPosition, [number, number]>(
      `INSERT INTO offsets VALUES (?, 0, 0, ?, 0) ON CONFLICT DO UPDATE SET generation = excluded.generation
       RETURNING next_offset AS next, seen_us`,
    );
    return this.guard(() => take.get(partition, this.#generation)!);
  }

  /** Every partition's position as committed, whichever process keeps it. */
  positions(): Map<number, LogPosition> {
    const select = "SELECT log_partition AS partition, next_offset AS next, seen_us FROM offsets";
    const rows = this.db.query<LogPosition & { partition: number }, []>(select).all();
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

  /**
   * Moves the positions on; fails when a partition belongs to another process, so that a zombie's transaction rolls back. `firsts`:
   * the first offset read of each partition, kept when it is the store's first.
   */
  protected savePositions(positions: ReadonlyMap<number, LogPosition>, firsts: ReadonlyMap<number, number>): void {
    const move = this.db.query(
      `UPDATE offsets SET next_offset = ?, seen_us = ?, first_offset = CASE WHEN next_offset = 0 THEN ? ELSE first_offset END
       WHERE log_partition = ? AND generation = ?`,
    );
    for (const [partition, { next, seen_us }] of positions) {
      const first = firsts.get(partition) ?? 0;
      if (move.run(next, seen_us, first, partition, this.#generation).changes !== 1) throw new FencedError(partition);
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
    // A time ahead of ours is from before the clock was set back: its owner would have written a new one by now, or soon will.
    const silent_us = Math.abs(nowUs() - this.counter("run_alive_us"));
    return this.counter("run_pid") === process.pid || silent_us > FIGURES_SILENT_US;
  }
}
