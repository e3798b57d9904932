/** Moves a store's WAL into its file while commits wait as little as possible, and never past the log. */
import type { Database } from "bun:sqlite";
import { dirname, join } from "node:path";
import { passes } from "../base/errors.ts";
import { storeError } from "../base/sqlite.ts";
import { checkpoint, syncWal, syncWalSoon, walBytes } from "../base/wal.ts";

/** A larger WAL is moved once its bytes are on the disk; beyond the second size at once. */
const WAL_BYTES = 4_096_000;
const WAL_BYTES_MAX = 32_768_000;

/**
 * A store must not be on the disk with records that its log may still lose: the embedded log syncs
 * after its commits (docs/decisions/0085-seen-before-synced.md). So the log is synced first.
 */
export class WalRelief {
  readonly #log: string;
  /** Bytes that the last checkpoint left, because a reader needs the older state. */
  #left = 0;
  #synced: "no" | "soon" | "yes" = "no";
  #error: unknown = null;

  /** `path`: the store; its log, if it is the embedded one, is in the same directory. */
  constructor(
    private readonly db: Database,
    private readonly path: string,
  ) {
    this.#log = join(dirname(path), "log.db");
  }

  /** For after each commit. Fails with DATA_DIR if the disk fails; what passes is tried again. */
  step(): void {
    if (this.#error !== null) this.#failed(this.#error);
    const wal = this.#bytes();
    // Another process may have moved what was left.
    this.#left = Math.min(this.#left, wal);
    const bytes = wal - this.#left;
    if (bytes < WAL_BYTES) return;
    if (this.#synced === "no") this.#syncSoon();
    else if (this.#synced === "yes" || bytes > WAL_BYTES_MAX) this.#checkpoint();
  }

  /** For before the store is closed, which moves all of the WAL into the file. Fails as `step` does. */
  end(): void {
    if (this.#error !== null) throw storeError(this.path, this.#error);
    try {
      syncWal(this.#log);
    } catch (error) {
      throw storeError(this.#log, error);
    }
  }

  /** Most of the bytes, in a thread: the checkpoint has few left to wait for. */
  #syncSoon(): void {
    this.#synced = "soon";
    // The log first: a store's WAL that is on the disk is read again after a loss of power.
    syncWalSoon(this.#log)
      .then(() => syncWalSoon(this.path))
      .then(
        () => {
          this.#synced = "yes";
        },
        (error) => {
          this.#error = error;
        },
      );
  }

  #checkpoint(): void {
    this.#synced = "no";
    try {
      syncWal(this.#log);
      checkpoint(this.db);
    } catch (error) {
      this.#failed(error);
    }
    this.#left = this.#bytes();
  }

  #bytes(): number {
    try {
      return walBytes(this.db);
    } catch (error) {
      this.#failed(error);
      return 0;
    }
  }

  /** The commit is made: an error that passes must not have its records read again. */
  #failed(error: unknown): void {
    this.#error = null;
    this.#synced = "no";
    const known = storeError(this.path, error);
    if (!passes(known)) throw known;
  }
}
