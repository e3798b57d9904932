/** Syncs the log to the disk soon after its commits, so that readers need not wait for the disk. */
import type { Database } from "bun:sqlite";
import { closeSync } from "node:fs";
import { type Durability, storeError } from "../../base/sqlite.ts";
import { openWal, syncFile } from "../../base/wal.ts";

/** From a commit to the sync that follows it: ticks that come together share one. */
const SYNC_AFTER_MS = 500;

/** For the log's writer; its connection begins with NORMAL. */
export class WalSync {
  #durability: Durability = "NORMAL";
  #timer: ReturnType<typeof setTimeout> | null = null;
  #running: Promise<void> | null = null;
  /** A commit was made while a sync ran. */
  #isDue = false;
  #error: unknown = null;
  /** Open from the first sync on: Linux reports a write that failed later only to files open then. */
  #file: number | null = null;
  #hasFailed = false;

  /** `path`: the log's file. */
  constructor(
    private readonly db: Database,
    private readonly path: string,
  ) {}

  /**
   * For before a transaction. FULL: readers see it only when it is on the disk. Throws the error of an
   * earlier sync as a storeError, once: the system may have dropped what it was for, and if the error
   * passes, the next commit waits for its own sync.
   */
  begin(durability: Durability): void {
    if (this.#error !== null) {
      this.#mode("FULL");
      throw storeError(this.path, this.#take());
    }
    if (this.#hasFailed) this.#hasFailed = false;
    else this.#mode(durability);
  }

  #mode(durability: Durability): void {
    if (durability === this.#durability) return;
    this.db.exec(`PRAGMA synchronous = ${durability}`);
    this.#durability = durability;
  }

  #take(): unknown {
    const error = this.#error;
    this.#error = null;
    this.#hasFailed = true;
    return error;
  }

  /** A transaction is committed. */
  committed(): void {
    if (this.#durability === "FULL") return;
    if (this.#running !== null) this.#isDue = true;
    else this.#timer ??= setTimeout(() => this.#sync(), SYNC_AFTER_MS);
  }

  /** Resolves when all commits are on the disk, or fails as `begin` does. */
  async end(): Promise<void> {
    await this.#running;
    if (this.#timer !== null) await this.#sync();
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
    if (this.#error !== null) throw storeError(this.path, this.#error);
  }

  #sync(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    // A commit during this sync may come too late for it.
    this.#running = this.#syncFile()
      .catch((error) => {
        this.#error = error;
      })
      .finally(() => {
        this.#running = null;
        if (this.#isDue) this.committed();
        this.#isDue = false;
      });
    return this.#running;
  }

  async #syncFile(): Promise<void> {
    this.#file ??= openWal(this.path);
    await syncFile(this.#file);
  }
}
