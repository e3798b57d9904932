/** A stage's file: its checkpoint, fenced by a generation, its counters and its settings. */
import type { Database } from "bun:sqlite";
import { dirname, join } from "node:path";
import { nowUs } from "../base/clock.ts";
import { formatDuration } from "../base/duration.ts";
import { FencedError, passes, TidemarkError } from "../base/errors.ts";
import { InPlace } from "../base/in-place.ts";
import { FIGURES_SILENT_US, RULES_VERSION } from "../base/limits.ts";
import { openDatabase, openReadOnly, type SchemaSpec, storeError, whileCreated } from "../base/sqlite.ts";
import type { LogPosition } from "../contract/log.ts";
import { type Problem, problemsText } from "../contract/problems.ts";
import type { WindowSpec } from "../contract/window.ts";
import { ProductOrder } from "./product-order.ts";
import { WalRelief } from "./wal-relief.ts";

export type Counters = Record<string, number>;

/** The store of one stage: ticks.db or windows.db. */
export class CheckpointStore {
  readonly db: Database;
  /** Saved with the checkpoint: the order of products that are in several partitions. */
  readonly order: ProductOrder;
  /** Of all processes that ever opened this file, this one alone has it (docs/faults.md 16). */
  readonly #generation: number;
  readonly #inPlace: InPlace;
  readonly #relief: WalRelief;
  readonly #rules: number;

  /** `other`: the name of the store beside it, which must follow the same rules. */
  constructor(
    readonly path: string,
    schema: SchemaSpec,
    other: string,
  ) {
    this.db = openDatabase(path, schema, "NORMAL", 0);
    this.#relief = new WalRelief(this.db, path);
    this.#rules = this.guard(() => this.#keepRules(join(dirname(path), other)));
    this.order = new ProductOrder(this.db);
    const next = this.db.query<{ value: string }, []>(
      "INSERT INTO settings VALUES ('generation', '1') ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
    );
    this.#generation = this.guard(() => Number(next.get()!.value));
    this.#inPlace = new InPlace(path);
  }

  /** Fails with DATA_DIR if the file was removed or replaced while in use; for once a second. */
  assertInPlace(): void {
    this.#inPlace.assert();
  }

  /** The rules version that the store began with (docs/decisions/0057-rules-version.md). */
  get rules(): number {
    return this.#rules;
  }

  /** A sentence on older rules and how to leave them, to be logged; null if they are the newest. */
  olderRules(): string | null {
    if (this.rules >= RULES_VERSION) return null;
    return (
      `${this.path} keeps the rules of the version that created it (rules ${this.rules}, the newest are ${RULES_VERSION}): ` +
      "a size of 0 is a dead letter, limits and product ids are the old ones. To read the log again with the newest: bun run rebuild"
    );
  }

  /** A new store takes the rules of the one beside it: under other rules the two would differ. */
  #keepRules(other: string): number {
    const insert = this.db.query<unknown, [string]>("INSERT OR IGNORE INTO settings VALUES ('rules', ?)");
    if (this.setting("rules") === null) insert.run(String(rulesAt(other) ?? RULES_VERSION));
    return Number(this.setting("rules"));
  }

  /**
   * Takes a partition over, so that a commit of its former owner fails. Returns its checkpoint,
   * offset 0 if it was never read.
   */
  take(partition: number): LogPosition {
    const take = this.db.query<LogPosition, [number, number]>(
      `INSERT INTO offsets VALUES (?, 0, 0, ?, 0) ON CONFLICT DO UPDATE SET generation = excluded.generation
       RETURNING next_offset AS next, seen_us`,
    );
    return this.guard(() => take.get(partition, this.#generation)!);
  }

  /** The checkpoint of every partition, also of those that other processes own. */
  positions(): Map<number, LogPosition> {
    const select = "SELECT log_partition AS partition, next_offset AS next, seen_us FROM offsets";
    const rows = this.db.query<LogPosition & { partition: number }, []>(select).all();
    return new Map(rows.map(({ partition, next, seen_us }) => [partition, { next, seen_us }]));
  }

  /** The consumer group of exactly the processes that share this file. */
  group(stage: string): string {
    return `tidemark-${stage}-${this.setting("created")!.slice(-8)}`;
  }

  setting(name: string): string | null {
    const row = this.db.query<{ value: string }, [string]>("SELECT value FROM settings WHERE name = ?").get(name);
    return row?.value ?? null;
  }

  /**
   * Stores settings with the state. A change fails with SETTINGS_CHANGED, because old rows would
   * follow other settings than new ones (docs/faults.md 43).
   */
  keepSettings(settings: Record<string, string | number>): void {
    const insert = this.db.query<unknown, [string, string]>("INSERT OR IGNORE INTO settings VALUES (?, ?)");
    for (const [name, value] of Object.entries(settings)) {
      this.guard(() => insert.run(name, String(value)));
      const before = this.setting(name);
      if (before === String(value)) continue;
      throw new TidemarkError(
        "SETTINGS_CHANGED",
        `${this.path} was created with ${asFlags(name, before ?? "")}, and now it is ${asFlags(name, String(value))}.`,
        "Use the old setting, or --rebuild to create the file again from the log, or another data directory.",
      );
    }
  }

  counter(name: string): number {
    const row = this.db.query<{ value: number }, [string]>("SELECT value FROM counters WHERE name = ?").get(name);
    return row?.value ?? 0;
  }

  /**
   * Stores the process's figures (`run_*` counters) and does `more` in the same transaction; of
   * several processes that share the file, only the first, until it is silent, stores its figures.
   * A full disk or a held lock is not an error here: it returns false, the next call stores newer ones.
   */
  saveFigures(figures: Counters, more = () => {}): boolean {
    try {
      this.guard(() =>
        this.db
          .transaction(() => {
            if (this.ownFigures()) this.set(figures);
            more();
          })
          .immediate(),
      );
      return true;
    } catch (error) {
      if (!passes(error)) throw error;
      return false;
    }
  }

  /** Replaces the stage's problems (setting `problems`), under the same rule as the figures. */
  saveProblems(problems: readonly Problem[]): void {
    this.#saveOwn("problems", problemsText(problems));
  }

  /** Replaces the points of the process's cost (setting `cost`, contract/cost-points.ts), likewise. */
  saveCost(text: string): void {
    this.#saveOwn("cost", text);
  }

  #saveOwn(name: string, text: string): void {
    const put = this.db.query("INSERT OR REPLACE INTO settings VALUES (?, ?)");
    this.saveFigures({}, () => this.ownFigures() && this.setting(name) !== text && put.run(name, text));
  }

  /** For after each commit: bounds the WAL. */
  relieve(): void {
    this.#relief.step();
  }

  close(): void {
    try {
      this.#relief.end();
    } finally {
      this.db.close();
    }
  }

  /**
   * Moves the checkpoint inside the caller's transaction; fails with FencedError if another process
   * owns a partition. `firsts`: the first offset read of each, kept if it is the store's first.
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

  /** Increments a counter, across all processes, and returns its new value. */
  protected bump(name: string): number {
    const next = this.db.query<{ value: number }, [string]>(
      "INSERT INTO counters VALUES (?, 1) ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
    );
    return next.get(name)!.value;
  }

  /** Does the work, or rolls back and throws the error as a sentence. */
  protected guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.undo(error);
    }
  }

  /** Rolls the open transaction back. Returns the error as a sentence. */
  undo(error: unknown): unknown {
    if (this.db.inTransaction) this.db.exec("ROLLBACK");
    return storeError(this.path, error);
  }

  /** Whether the stored figures are this process's, not those of another that shares the file. */
  hasFigures(): boolean {
    return this.counter("run_pid") === process.pid;
  }

  /** Whether the stored figures are this process's, or of one that has ended or is silent. */
  protected ownFigures(): boolean {
    // A time ahead of this clock was written before the clock was set back.
    const silent_us = Math.abs(nowUs() - this.counter("run_alive_us"));
    const isFree = this.counter("run_ended") === 1 || silent_us > FIGURES_SILENT_US;
    return this.hasFigures() || isFree;
  }
}

/** The other stage may be creating its store again, with `--rebuild`. */
const OTHER_MS_MAX = 2_000;

/** The rules version of the store at `path`; null if it is missing, being created, or damaged. */
const rulesAt = (path: string) => whileCreated("DATA_DIR", OTHER_MS_MAX, () => rulesIn(path));

function rulesIn(path: string): number | null {
  let db: Database | null = null;
  try {
    db = openReadOnly(path);
    const version = db?.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
    if (db === null || version === 0) return null;
    const row = db.query<{ value: string }, []>("SELECT value FROM settings WHERE name = 'rules'").get();
    return row === null ? (version === 1 ? 1 : null) : Number(row.value);
  } catch (error) {
    const known = storeError(path, error);
    // A damaged store has to be rebuilt; its rebuild takes this one's rules.
    if (known instanceof TidemarkError && known.code === "STORE_CORRUPT") return null;
    throw known;
  } finally {
    db?.close();
  }
}

/** A stored setting as the flags that set it: `--window 5m --every 1m`. */
function asFlags(name: string, value: string): string {
  const flag = `--${name.replace(/_us$/, "").replaceAll("_", "-")}`;
  if (name.endsWith("_us")) return `${flag} ${formatDuration(Number(value))}`;
  if (name !== "windows") return `${flag} ${value}`;
  const windows: WindowSpec[] = JSON.parse(value);
  const hop = windows.find(({ size_us, every_us }) => every_us !== size_us);
  const sizes = windows.map(({ size_us }) => formatDuration(size_us)).join(",");
  return `--window ${sizes}${hop === undefined ? "" : ` --every ${formatDuration(hop.every_us)}`}`;
}
